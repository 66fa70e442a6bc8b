import type { NodeId } from '../base/ids.ts'
import { elapsedMs } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'

/** Tasks whose owner is found anew in one step after a change of the ring: about 5 ms of work. */
export const SCAN_MAX = 2_000

export interface PlacingParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly takeover: Takeover
  readonly work: Work
  readonly counters: Counters
  readonly phase: () => 'closed' | 'open' | 'leaving'
}

/** After a change of the ring: finds the owner of each task anew, and lets gained ones go on when their takeover is over. */
export class Placing {
  readonly #parts: PlacingParts
  /** Entries whose owner under the current ring is still to be found. */
  #scan: MapIterator<Entry> | undefined
  /** The takeover is over, and this many gained tasks have gone on so far. */
  #releasing: { readonly gained: number; readonly unanswered: readonly NodeId[] } | undefined

  constructor(parts: PlacingParts) {
    this.#parts = parts
  }

  /** Are there tasks whose owner is not known yet? */
  get scanning(): boolean {
    return this.#scan !== undefined
  }

  /** Is there a takeover whose tasks are going on just now? */
  get releasing(): boolean {
    return this.#releasing !== undefined
  }

  /** Is there more to do than one step could? */
  get unfinished(): boolean {
    return this.releasing || (this.scanning && this.#parts.view.ring !== undefined)
  }

  newRing(before: Ring | undefined, ring: Ring, step: Step): void {
    this.rescan()
    if (this.#parts.takeover.ringChanged(before, ring) && this.#parts.phase() !== 'closed') {
      this.beginTakeover(step)
    }
  }

  beginTakeover(step: Step): void {
    const { takeover, counters, view } = this.#parts
    this.#releasing = undefined
    takeover.begin(step.now.mono)
    if (takeover.unanswered.length === 0) return
    counters.add('takeovers')
    step.log('info', 'takeover-started', {
      ring: view.ring?.checksum,
      asked: takeover.unanswered.length,
    })
  }

  rescan(): void {
    this.#scan = this.#parts.table.entries()
  }

  scanSome(step: Step): void {
    const { view, work } = this.#parts
    if (view.ring === undefined) return
    for (let placed = 0; this.#scan !== undefined && placed < SCAN_MAX; ) {
      const next = this.#scan.next()
      if (next.done) this.#scan = undefined
      else if (next.value.epoch !== view.epoch) {
        work.place(next.value, step)
        placed++
      }
    }
  }

  /** Ends the takeover if it may end. */
  advance(step: Step): void {
    this.#endTakeover(step)
    this.#releaseSome(step)
  }

  /** Once everybody has answered and every task knows its owner, gained keys go on. */
  #endTakeover(step: Step): void {
    const { takeover, counters, view, phase } = this.#parts
    if (phase() === 'closed' || this.scanning || view.ring === undefined) return
    if (!takeover.complete(step.now.mono)) return
    const { unanswered } = takeover
    if (unanswered.length > 0) counters.add('takeovers_timed_out')
    takeover.release()
    this.#releasing = { gained: 0, unanswered }
  }

  /** What waited goes on, a slice in each step. */
  #releaseSome(step: Step): void {
    if (this.#releasing === undefined) return
    const { takeover, schedule, work } = this.#parts
    const gained = this.#releasing.gained + work.release(SCAN_MAX, step)
    const { unanswered } = this.#releasing
    this.#releasing = { gained, unanswered }
    if (schedule.gated.size > 0) return
    this.#releasing = undefined
    takeover.forgetAnswers()
    const ms = Math.round(elapsedMs(takeover.startedAt, step.now.mono))
    step.log(unanswered.length > 0 ? 'warn' : 'info', 'takeover-complete', { gained, ms, unanswered })
  }
}
