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
 * Not taken: a table of keys beside the tasks. It would have to be replicated, taken over and trimmed by rules of its own.
 */
import type { WallMs } from '../base/time.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

interface Known {
  readonly record: TaskRecord
}

export class DedupeIndex<T extends Known> {
  /** Under task key and dedupe key; nearly always one. */
  readonly #found = new Map<string, T[]>()

  get size(): number {
    return this.#found.size
  }

  add(entry: T): void {
    const name = nameOf(entry.record.spec)
    if (name === undefined) return
    const found = this.#found.get(name)
    if (found === undefined) this.#found.set(name, [entry])
    else found.push(entry)
  }

  remove(entry: T): void {
    const name = nameOf(entry.record.spec)
    if (name === undefined) return
    const left = (this.#found.get(name) ?? []).filter(other => other !== entry)
    if (left.length === 0) this.#found.delete(name)
    else this.#found.set(name, left)
  }

  /** The task that the dedupe key of this one stands for, of those whose time is not over. */
  firstOf(spec: TaskSpec, now: WallMs): T | undefined {
    const name = nameOf(spec)
    const found = name === undefined ? undefined : this.#found.get(name)
    const living = found?.filter(({ record }) => holdsKey(record, now))
    // In available mode two sides of a partition may each have one: the older is the one that all agree on.
    return living?.reduce(
      (first, next) => (isBefore(next.record, first.record) ? next : first),
      living[0] as T,
    )
  }
}

/** The length in front keeps two keys with spaces apart. */
function nameOf({ key, dedupe }: TaskSpec): string | undefined {
  return dedupe === undefined ? undefined : `${key.length} ${key} ${dedupe.key}`
}

/** Is the time of its dedupe key not over? */
export const holdsKey = ({ spec: { dedupe }, acceptedAt }: TaskRecord, now: WallMs): boolean =>
  dedupe !== undefined && acceptedAt + dedupe.ttlMs > now

function isBefore(a: TaskRecord, b: TaskRecord): boolean {
  const terms = (a.dedupeTerm ?? 0) - (b.dedupeTerm ?? 0)
  if (terms !== 0) return terms > 0
  return a.acceptedAt < b.acceptedAt || (a.acceptedAt === b.acceptedAt && a.spec.id < b.spec.id)
}
