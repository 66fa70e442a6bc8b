import type { TaskId } from '../base/ids.ts'
import { type Instant, NEVER, type Now, type WallMs } from '../base/time.ts'
import { Heap, type Slotted } from './heap.ts'
import type { Entry } from './table.ts'
import { WallSight } from './wall-sight.ts'

interface Watched extends Slotted {
  readonly entry: Entry
  /** By which clock, its heap says. */
  readonly at: number
}

const sooner = (a: Watched, b: Watched): boolean => a.at < b.at

/**
 * Unfinished tasks of this node that must not be started after a time, the next one first. Their times are points of the wall
 * clock, which may be set before they come. Those whose time was over when nothing could be made of that are looked at again by the
 * clock that only goes forward: it may have been over by a clock that was ahead.
 */
export class Deadlines {
  readonly #watched = new Map<TaskId, Watched>()
  readonly #timed = new Heap<Watched>(sooner)
  readonly #again = new Heap<Watched>(sooner)
  readonly #wall = new WallSight()

  get size(): number {
    return this.#watched.size
  }

  /** One that is to be looked at now; it stays. Undefined: none. */
  due(now: Now): Entry | undefined {
    this.#wall.see(now)
    const timed = this.#timed.first()
    if (timed !== undefined && timed.at <= now.wall) return timed.entry
    const again = this.#again.first()
    return again !== undefined && again.at <= now.mono ? again.entry : undefined
  }

  nextWake(): Instant {
    const timed = this.#timed.first()
    const again = this.#again.first()?.at ?? NEVER
    return Math.min(again, timed === undefined ? NEVER : this.#wall.instantOf(timed.at)) as Instant
  }

  watch(entry: Entry, at: WallMs, now: Now): void {
    this.#wall.see(now)
    this.#add({ entry, at, slot: -1 }, this.#timed)
  }

  /** Its time is over, and nothing can be made of that yet. */
  lookAgain(entry: Entry, at: Instant): void {
    this.#add({ entry, at, slot: -1 }, this.#again)
  }

  /** It has ended, is known here no more, or is another node's. */
  forget(task: TaskId): void {
    const watched = this.#watched.get(task)
    if (watched === undefined) return
    const heap = this.#timed.has(watched) ? this.#timed : this.#again
    heap.remove(watched)
    this.#watched.delete(task)
  }

  #add(watched: Watched, heap: Heap<Watched>): void {
    const { id } = watched.entry
    this.forget(id)
    this.#watched.set(id, watched)
    heap.add(watched)
  }
}
