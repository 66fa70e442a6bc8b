import { after, elapsedMs, type Instant, type Now } from '../base/time.ts'
import { FAREWELL_MS } from '../membership/departure.ts'
import type { Membership } from '../membership/membership.ts'
import type { TasksEffect } from '../tasks/effects.ts'
import type { Tasks } from '../tasks/tasks.ts'

/** What was given up has this long, in ms, to reach the disk and the new owners. */
const HAND_BACK_MS = 500

/** What has to end before the farewell. */
interface Work extends Pick<Tasks, 'leave' | 'abandon'> {
  drained(now: Now): boolean
}

/** A leave that was asked for: when draining ends at the latest, and when everything does. */
interface Plan {
  readonly drainBy: Instant
  readonly end: Instant
}

/**
 * The graceful leave: announce, drain, say farewell. All of it ends within the deadline, whoever does not answer: what
 * still runs is given up early enough for handing it back and for the farewell, which get half of a short deadline.
 */
export class Departing {
  readonly #membership: Membership
  readonly #tasks: Work
  #plan: Plan | undefined
  #abandonedAt: Instant | undefined
  #drained = false
  #left = false

  constructor(membership: Membership, tasks: Work) {
    this.#membership = membership
    this.#tasks = tasks
  }

  get phase(): 'staying' | 'leaving' | 'left' {
    if (this.#left) return 'left'
    return this.#plan === undefined ? 'staying' : 'leaving'
  }

  /** Starts to leave; a second call can only bring the deadline forward. */
  begin(deadlineMs: number, now: Now): readonly TasksEffect[] {
    const end = after(now.mono, deadlineMs)
    const first = this.#plan === undefined
    if (this.#plan === undefined || end < this.#plan.end) {
      const reserveMs = Math.min(HAND_BACK_MS + FAREWELL_MS, deadlineMs / 2)
      this.#plan = { end, drainBy: after(end, -reserveMs) }
    }
    if (!first) return []
    this.#membership.beginLeave(now)
    return this.#tasks.leave(now)
  }

  /** Goes on with the leave. `left` is true at the moment it is complete. */
  advance(now: Now): { readonly left: boolean; readonly effects: readonly TasksEffect[] } {
    if (this.#plan === undefined || this.#left) return { left: false, effects: [] }
    const effects = this.#drained ? [] : this.#drain(this.#plan, now)
    if (!this.#drained || !this.#membership.leaveDone(now.mono)) return { left: false, effects }
    this.#left = true
    return { left: true, effects }
  }

  #drain({ drainBy, end }: Plan, now: Now): readonly TasksEffect[] {
    const handBackMs = (elapsedMs(drainBy, end) * HAND_BACK_MS) / (HAND_BACK_MS + FAREWELL_MS)
    const handedBack = this.#abandonedAt !== undefined && now.mono >= after(this.#abandonedAt, handBackMs)
    if (this.#tasks.drained(now) || handedBack) {
      this.#drained = true
      this.#membership.finishLeave(now, Math.max(0, Math.min(FAREWELL_MS, elapsedMs(now.mono, end))))
      return []
    }
    if (this.#abandonedAt !== undefined || now.mono < drainBy) return []
    this.#abandonedAt = now.mono
    return this.#tasks.abandon(now)
  }
}
