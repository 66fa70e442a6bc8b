import type { TaskId } from '../base/ids.ts'
import { after, type Instant } from '../base/time.ts'
import type { Step } from './effects.ts'
import type { Entry } from './table.ts'

/** Exactly one of both happens, once. */
export interface Wait {
  /** @param copies disks that are known to have it */
  durable(copies: number, step: Step): void
  /** It took too long, or the record has gone another way. */
  failed(step: Step): void
  /** It fails as soon as one holder has another task with its id, or so many that too few can have this one. */
  readonly yields?: 'to-one' | 'to-too-many' | undefined
}

interface Waiting {
  readonly entry: Entry
  readonly waits: Wait[]
  readonly since: Instant
}

/** What waits until the record of a task lies on enough disks. */
export class CopyWaits {
  readonly #waiting = new Map<TaskId, Waiting>()

  /** Tasks for which something waits. */
  get size(): number {
    return this.#waiting.size
  }

  get entries(): Entry[] {
    return [...this.#waiting.values()].map(({ entry }) => entry)
  }

  has(task: TaskId): boolean {
    return this.#waiting.has(task)
  }

  add(entry: Entry, wait: Wait, step: Step): void {
    const known = this.#waiting.get(entry.id)
    if (known === undefined) this.#waiting.set(entry.id, { entry, waits: [wait], since: step.now.mono })
    else known.waits.push(wait)
  }

  /** The record, as it is now, counts. What one does may change it: the others go on to wait for what it says then. */
  durable(entry: Entry, copies: number, step: Step): void {
    const found = this.#waiting.get(entry.id)
    if (found === undefined) return
    this.#waiting.delete(entry.id)
    const { record } = entry
    const { waits, since } = found
    for (const [place, wait] of waits.entries()) {
      if (entry.record !== record) {
        const added = this.#waiting.get(entry.id)?.waits ?? []
        this.#waiting.set(entry.id, { entry, waits: [...waits.slice(place), ...added], since })
        return
      }
      wait.durable(copies, step)
    }
  }

  /** A holder has another task with its id. @param barred so many have that too few can have this one */
  contested(task: TaskId, barred: boolean, step: Step): void {
    const found = this.#waiting.get(task)
    if (found === undefined) return
    const goesOn = ({ yields }: Wait): boolean =>
      yields === undefined || (yields === 'to-too-many' && !barred)
    const waits = found.waits.filter(goesOn)
    if (waits.length === 0) this.#waiting.delete(task)
    else this.#waiting.set(task, { ...found, waits })
    for (const wait of found.waits) if (!goesOn(wait)) wait.failed(step)
  }

  fail(task: TaskId, step: Step): void {
    const found = this.#waiting.get(task)
    if (found === undefined) return
    this.#waiting.delete(task)
    for (const wait of found.waits) wait.failed(step)
  }

  /** Whoever waits for longer than this, in ms, is told so. What waits on for another change stands behind those that came since. */
  expire(ms: number, step: Step): void {
    for (const [task, { since }] of this.#waiting)
      if (after(since, ms) <= step.now.mono) this.fail(task, step)
  }
}
