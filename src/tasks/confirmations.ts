import type { Failure } from '../base/errors.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { TaskReply } from './messages.ts'
import { answerAtOnce, type Origin, refuse } from './origin.ts'
import { leaveNow, type Right } from './right.ts'

/** Submissions that wait for the disk; more are answered OVERLOADED. */
export const CONFIRMATIONS_MAX = 10_000

interface Confirmation {
  readonly origin: Origin
  readonly key: string
  readonly reply: TaskReply
}

/**
 * What was accepted in quorum mode is confirmed only once it is durable and this node may still act for the key then.
 * Between the two the right may have ended, and another node may have been told that there is nothing under this key;
 * so nobody is told "accepted" then, but to ask again with the same id.
 */
export class Confirmations {
  readonly #right: Right
  readonly #counters: Counters
  readonly #waiting = new Map<number, Confirmation[]>()
  #step: Step | undefined
  #size = 0
  #marks = 0

  constructor(right: Right, counters: Counters) {
    this.#right = right
    this.#counters = counters
  }

  get size(): number {
    return this.#size
  }

  /** Why no more may wait. @param others that wait for the disks of other nodes */
  refusal(others = 0): Failure | undefined {
    if (Math.max(this.#size, others) < CONFIRMATIONS_MAX) return undefined
    const detail = `${CONFIRMATIONS_MAX} submissions of this node wait for disks`
    return { code: 'OVERLOADED', detail, retryAfterS: 1 }
  }

  add(confirmation: Confirmation, step: Step): void {
    if (step !== this.#step) {
      this.#step = step
      step.mark(--this.#marks)
      this.#waiting.set(this.#marks, [])
    }
    this.#waiting.get(this.#marks)?.push(confirmation)
    this.#size++
  }

  /** What was added under this mark is durable. */
  persisted(mark: number, step: Step): void {
    const confirmations = this.#waiting.get(mark) ?? []
    this.#waiting.delete(mark)
    this.#size -= confirmations.length
    for (const { origin, key, reply } of confirmations) {
      if (leaveNow(this.#right, key, step.now.mono) !== undefined) answerAtOnce(origin, reply, step)
      else {
        this.#counters.add('submits_unconfirmed')
        refuse(origin, RIGHT_ENDED, step)
      }
    }
  }
}

export const RIGHT_ENDED: Failure = {
  code: 'RIGHT_ENDED',
  detail: 'the task may be known or not; it runs once however often it is sent',
  retryAfterS: 1,
}
