import { instantOf } from '../base/time.ts'
import { InputQueue } from '../runtime/input-queue.ts'
import type { Enqueue } from '../runtime/ports.ts'

/**
 * The transport listens before the node exists, for the node must know its addresses: keeps what comes in between, and no
 * more of it than the driver keeps.
 */
export function earlyInputs(): { readonly enqueue: Enqueue; deliverTo(enqueue: Enqueue): void } {
  const kept = new InputQueue()
  let deliver: Enqueue = (input, bytes) => void kept.push(input, instantOf(0), bytes)
  return {
    enqueue: (input, bytes) => deliver(input, bytes),
    deliverTo(enqueue) {
      deliver = enqueue
      for (let input = kept.shift(); input !== undefined; input = kept.shift()) enqueue(input)
    },
  }
}
