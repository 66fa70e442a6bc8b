import type { Input, LinkMessage, SingleInput } from './machine.ts'
import { isTaskMessage } from './task-messages.ts'

/**
 * Records and requests in one step at most, unless a single input has more: some 10 ms. A step of its own costs a write, a
 * frame to each holder and a look at everything that may follow, whether one task changed in it or a hundred.
 */
export const TOGETHER_MAX = 250

/** How much of a step the input takes up; undefined: it is a step of its own, since more than the tasks hear of it. */
export function weightOf(input: SingleInput): number | undefined {
  switch (input.kind) {
    case 'frame':
      return weightOfMessage(input.message)
    case 'requests':
      return input.requests.length
    case 'request':
    case 'attempt-ended':
      return 1
    case 'persisted':
      return input.mark < 0 ? 1 : undefined
    default:
      return undefined
  }
}

/** What waits behind an input. */
export interface Waiting {
  peek(): SingleInput | undefined
  take(): void
}

/** The input, with as many of those behind it as may be one step with it; these are taken. */
export function together(first: SingleInput, waiting: Waiting): Input {
  let weight = weightOf(first)
  if (weight === undefined) return first
  const inputs = [first]
  for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
    const more = weightOf(next)
    if (more === undefined || weight + more > TOGETHER_MAX) break
    weight += more
    inputs.push(next)
    waiting.take()
  }
  return inputs.length === 1 ? first : { kind: 'several', inputs }
}

function weightOfMessage(message: LinkMessage): number | undefined {
  if (!isTaskMessage(message)) return undefined
  if (message.type === 'replicate' || message.type === 'inventory-reply') return 1 + message.records.length
  if (message.type === 'forwards') return message.forwards.length
  if (message.type === 'forward-replies') return message.replies.length
  return 1
}
