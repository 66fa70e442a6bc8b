/**
 * Which tasks were submitted under a dedupe key.
 *
 * The record of a task names its dedupe key, so the key is on every disk that has the task, in the same write, and goes
 * where the task goes: there is nothing to keep in step. This index only finds it. It is bounded by the records: a
 * key is forgotten when its time is over or, if that is sooner, when its settled record is dropped (`tasks.settledMax`).
 *
 * In quorum mode a key may have two tasks all the same: an owner that lost its right wrote one down that nobody was told of, the
 * next owner could not know it and took another, and the first turns up again. The key stands for the one that was told. So
 * each names the term under which an owner, who knew all that had been told, decided for it (`dedupeTerm`), and is told of only
 * once that is durable, under the same right. The highest of them is right: whoever wrote it knew of no higher one that was
 * told. Neither the older one nor the one that was written last need be: either may be the one that nobody was told of.
 *
 * Tasks whose time is over are found under their key for as long as their records are kept, which may be a hundred thousand where
 * a key with a short time is used again and again. So those of a key stand in the order in which their times end, and only those at
 * the end of it are looked at. A clock that is set back makes some of them count again, so none is forgotten sooner.
 *
 * Not taken: a table of keys beside the tasks. It would have to be replicated, taken over and trimmed by rules of its own.
 */
import type { WallMs } from '../base/time.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

interface Known {
  readonly record: TaskRecord
}

export class DedupeIndex<T extends Known> {
  /** Under task key and dedupe key; nearly always one. Those whose time ends last are the last. */
  readonly #found = new Map<string, T[]>()

  get size(): number {
    return this.#found.size
  }

  add(entry: T): void {
    const name = nameOf(entry.record.spec)
    if (name === undefined) return
    const found = this.#found.get(name)
    if (found === undefined) this.#found.set(name, [entry])
    else found.splice(placeIn(found, endOf(entry.record)), 0, entry)
  }

  /** Its record is still the one with which it was added. */
  remove(entry: T): void {
    const name = nameOf(entry.record.spec)
    const found = name === undefined ? undefined : this.#found.get(name)
    if (name === undefined || found === undefined) return
    const place = found.lastIndexOf(entry, placeIn(found, endOf(entry.record)) - 1)
    if (place >= 0) found.splice(place, 1)
    if (found.length === 0) this.#found.delete(name)
  }

  /** The task that the dedupe key of this one stands for, of those whose time is not over. */
  firstOf(spec: TaskSpec, now: WallMs): T | undefined {
    const name = nameOf(spec)
    const found = (name === undefined ? undefined : this.#found.get(name)) ?? []
    let first: T | undefined
    // In available mode two sides of a partition may each have one: the older is the one that all agree on.
    for (let place = found.length - 1; place >= 0; place--) {
      const next = found[place] as T
      if (endOf(next.record) <= now) break
      if (first === undefined || isBefore(next.record, first.record)) first = next
    }
    return first
  }
}

/** When the time of its dedupe key is over. */
const endOf = ({ spec: { dedupe }, acceptedAt }: TaskRecord): number => acceptedAt + (dedupe?.ttlMs ?? 0)

/** Behind all whose time ends at the same moment or before. */
function placeIn(found: readonly Known[], end: number): number {
  let low = 0
  for (let high = found.length; low < high; ) {
    const middle = (low + high) >> 1
    if (endOf((found[middle] as Known).record) <= end) low = middle + 1
    else high = middle
  }
  return low
}

/** The length in front keeps two keys with spaces apart. */
function nameOf({ key, dedupe }: TaskSpec): string | undefined {
  return dedupe === undefined ? undefined : `${key.length} ${key} ${dedupe.key}`
}

/** Is the time of its dedupe key not over? */
export const holdsKey = (record: TaskRecord, now: WallMs): boolean =>
  record.spec.dedupe !== undefined && endOf(record) > now

function isBefore(a: TaskRecord, b: TaskRecord): boolean {
  const terms = (a.dedupeTerm ?? 0) - (b.dedupeTerm ?? 0)
  if (terms !== 0) return terms > 0
  return a.acceptedAt < b.acceptedAt || (a.acceptedAt === b.acceptedAt && a.spec.id < b.spec.id)
}
