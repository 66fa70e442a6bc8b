import { randomUUID } from 'node:crypto'

type Fields = Readonly<Record<string, unknown>>

/** A task on its way out. */
export interface OutgoingTask {
  readonly task: Fields
  /** Its own, or the one that was made for it. */
  readonly id?: string
  /** It has an id or a dedupe key, so that it runs once however often it is sent. */
  readonly repeatable: boolean
}

/** The task with an id made here, unless it has its own: one whose answer is lost may then be asked for, and sent again. */
export function outgoing(given: Fields): OutgoingTask {
  // What is to be placed gets its id from the node that places it.
  const placed = !('id' in given || 'dedupe' in given) && (given['placement'] ?? 'ring') !== 'ring'
  const task: Fields = 'id' in given || placed ? given : { id: randomUUID(), ...given }
  const { id } = task
  return { task, ...(typeof id === 'string' && { id }), repeatable: !placed }
}
