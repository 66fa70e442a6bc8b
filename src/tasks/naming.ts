/** Which of the tasks that are known a submission is answered with, where its dedupe key may have more than one. */
import { holdsKey } from './dedupe-index.ts'
import type { Step } from './effects.ts'
import type { Records } from './records.ts'
import type { Leave, Right } from './right.ts'
import { isOrder } from './schedules/orders.ts'
import { sameSpec, sameWork } from './spec.ts'
import type { Entry, Table } from './table.ts'
import type { TaskSpec } from './task.ts'
import { revise } from './transition.ts'

interface Known {
  readonly table: Table
  readonly right: Right
}

/**
 * The task that this one is, as far as is known here. In quorum mode its dedupe key counts before its id: a task of its id may
 * be one that nobody was told of, while another was told under the key.
 */
export function knownAs(spec: TaskSpec, { table, right }: Known, { now }: Step): Entry | undefined {
  const same = table.get(spec.id)
  const named = table.dedupes.firstOf(spec, now.wall)
  if (same === undefined || named === undefined || right.epochs?.isQuorum(spec.key) !== true)
    return same ?? named
  return sameSpec(same.record.spec, spec) && holdsKey(same.record, now.wall) ? named : same
}

/** Is the task that is known what this one asks for? */
export const isSame = ({ id, record }: Entry, spec: TaskSpec): boolean =>
  id === spec.id ? sameSpec(record.spec, spec) : sameWork(record.spec, spec)

/** Orders for a schedule are of one id, and each says something else. */
export const isOther = ({ record }: Entry, spec: TaskSpec): boolean =>
  !isOrder(spec) && !sameSpec(record.spec, spec)

/** Was it decided under a right that has the key without a break since that its dedupe key is this task's? Nobody else decided then. */
export function stands({ record, key }: Entry, { epochs }: Right, { now }: Step): boolean {
  const { dedupeTerm } = record
  if (dedupeTerm === undefined || !holdsKey(record, now.wall)) return false
  return epochs?.hasUnder(key, new Set([dedupeTerm])) === true
}

/**
 * The dedupe key is this task's: written under the right of now before it is told, unless it stands already. Whoever had the
 * key meanwhile may have decided otherwise, and who has it next may hear of another task first.
 */
export function decideFor(
  entry: Entry,
  { term }: Leave,
  { records, right }: { readonly records: Records; readonly right: Right },
  step: Step,
): void {
  const { record, key } = entry
  if (term === undefined || record.revision === 0 || right.epochs?.isQuorum(key) !== true) return
  if (!holdsKey(record, step.now.wall) || stands(entry, right, step)) return
  records.change(entry, revise(record, { holders: records.holders(key), dedupeTerm: term }), step)
}
