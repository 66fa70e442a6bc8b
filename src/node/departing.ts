import { after, type Instant, type Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'
import type { Tasks } from '../tasks/tasks.ts'

/** The graceful leave: announce, drain, say farewell; never longer than its deadline plus the farewell. */
export class Departing {
  readonly #membership: Membership
  readonly #tasks: Tasks
  #deadline: Instant | undefined
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
  begin(deadlineMs: number, now: Now): void {
    const deadline = after(now.mono, deadlineMs)
    if (this.#deadline === undefined) {
      this.#membership.beginLeave(now)
      this.#tasks.leave(now)
    }
    if (this.#deadline === undefined || deadline < this.#deadline) this.#deadline = deadline
  }

  /** Goes on with the leave. True at the moment it is complete. */
  advance(now: Now): boolean {
    if (this.#deadline === undefined || this.#left) return false
    if (!this.#drained) this.#drain(this.#deadline, now)
    if (!this.#drained || !this.#membership.leaveDone(now.mono)) return false
    this.#left = true
    return true
  }

  #drain(deadline: Instant, now: Now): void {
    const late = now.mono >= deadline
    if (!late && !this.#tasks.drained()) return
    if (late) this.#tasks.abandon(now)
    this.#drained = true
    this.#membership.finishLeave(now)
  }
}
