import { sameJson } from './json.ts'
import { isSettled } from './merge.ts'
import type { OwnerRequest, TaskReply } from './messages.ts'
import { type Entry, shownOf } from './table.ts'
import type { Json, TaskRecord } from './task.ts'

/** Does the record, as it is now, still say what was ordered? */
export type Promised = (now: TaskRecord) => boolean

/**
 * An order is answered once its record is durable. Did the right lapse meanwhile, that may be another owner's record, which never
 * heard of the order. Under the same term one owner wrote all of it, so what came after the order was made of it.
 *
 * @param kind `submit`: what travels so, and changes something, is an order for a schedule
 */
export function promised(kind: OwnerRequest['kind'], before: TaskRecord, after: TaskRecord): Promised {
  const rounds = before.redriven?.times ?? 0
  return now => {
    if (now.term === after.term) return true
    if (kind === 'cancel') return now.state === 'cancelled'
    if (kind === 'retry') return !isSettled(now) || (now.redriven?.times ?? 0) > rounds
    return sameJson(orderedOf(now), orderedOf(after))
  }
}

/** Not by its version: the other owner may have raised that for another order. */
const orderedOf = ({ schedule }: TaskRecord): Json => (schedule?.ordered ?? null) as unknown as Json

export type Told = Extract<TaskReply, { ok: true }>

/** What is told of a task, and on how many disks it is known to be. */
export const replyOf = (
  entry: Entry,
  existed: boolean,
  durableCopies = entry.record.revision > 0 ? 1 : 0,
): Told => ({ ok: true, record: shownOf(entry), existed, durableCopies })
