import type { SingleInput } from '../node/machine.ts'
import type { Enqueue } from '../runtime/ports.ts'

/** The transport listens before the node exists, for the node must know its addresses: keeps what comes in between. */
export function earlyInputs(): { readonly enqueue: Enqueue; deliverTo(enqueue: Enqueue): void } {
  const kept: SingleInput[] = []
  let deliver: Enqueue = input => {
    kept.push(input)
  }
  return {
    enqueue: input => deliver(input),
    deliverTo(enqueue) {
      deliver = enqueue
      for (const input of kept.splice(0)) enqueue(input)
    },
  }
}
