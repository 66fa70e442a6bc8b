import { after, type Instant, type Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'
import type { TasksEffect } from '../tasks/effects.ts'
import type { Tasks } from '../tasks/tasks.ts'

/** What was given up at the deadline has this long, in ms, to reach the disk and the new owners. */
const HAND_BACK_MS = 500

/** The graceful leave: announce, drain, say farewell; never longer than its deadline, the handing back and the farewell. */
export class Departing {
  readonly #membership: Membership
  readonly #tasks: Tasks
  #deadline: Instant | undefined
  #abandonedAt: Instant | undefined
  #drained = false
  #left = false

  constructor(membership: Membership, tasks: Tasks) {
    this.#membership = membership
    this.#tasks = tasks
  }

  get phase(): 'staying' | 'leaving' | 'left' {
    if (this.#left) return 'left'
    return this.#deadline === undefined ? 'staying' : 'leaving'
  }

  /** Starts to leave; a second call can only bring the deadline forward. */
  begin(deadlineMs: number, now: Now): readonly TasksEffect[] {
    const deadline = after(now.mono, deadlineMs)
    const first = this.#deadline === undefined
    if (this.#deadline === undefined || deadline < this.#deadline) this.#deadline = deadline
    if (!first) return []
    this.#membership.beginLeave(now)
    return this.#tasks.leave(now)
  }

  /** Goes on with the leave. `left` is true at the moment it is complete. */
  advance(now: Now): { readonly left: boolean; readonly effects: readonly TasksEffect[] } {
    if (this.#deadline === undefined || this.#left) return { left: false, effects: [] }
    const effects = this.#drained ? [] : this.#drain(this.#deadline, now)
    if (!this.#drained || !this.#membership.leaveDone(now.mono)) return { left: false, effects }
    this.#left = true
    return { left: true, effects }
  }

  #drain(deadline: Instant, now: Now): readonly TasksEffect[] {
    const handedBack = this.#abandonedAt !== undefined && now.mono >= after(this.#abandonedAt, HAND_BACK_MS)
    if (this.#tasks.drained() || handedBack) {
      this.#drained = true
      this.#membership.finishLeave(now)
      return []
    }
    if (this.#abandonedAt !== undefined || now.mono < deadline) return []
    this.#abandonedAt = now.mono
    return this.#tasks.abandon(now)
  }
}
