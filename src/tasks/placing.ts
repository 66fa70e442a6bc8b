import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { Completeness } from './completeness.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Fences } from './fences.ts'
import type { Leftovers } from './leftovers.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'
import type { Work } from './work.ts'

/** Tasks whose owner is found anew in one step after a change of the ring: about 5 ms of work. */
export const SCAN_MAX = 2_000
/** So often, in ms, it is looked whether some of what waits may go on without those who are still missing. */
const SWEEP_MS = 2_000

export interface PlacingParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly takeover: Takeover
  readonly work: Work
  readonly leftovers: Leftovers
  readonly counters: Counters
  /** Where copies are counted in quorum mode. */
  readonly fences: Fences | undefined
  readonly phase: () => 'closed' | 'open' | 'leaving'
}

/** A takeover that is over, while what waited for it goes on. */
interface Release {
  readonly gained: number
  /** Whose answer was not there yet. */
  readonly unanswered: readonly NodeId[]
  /** It went on because they were silent for too long, not because enough had answered. */
  readonly gaveUp: boolean
}

/** After a change of the ring: finds the owner of each task anew, and lets gained ones go on when their takeover is over. */
export class Placing {
  readonly #parts: PlacingParts
  /** Entries whose owner under the current ring is still to be found. */
  #scan: MapIterator<Entry> | undefined
  #releasing: Release | undefined
  /** What waits is looked through: some of it may go on although the takeover is not over. */
  #sweep: Iterator<Entry> | undefined
  #heard = 0
  /** What was missing when it was looked at last. */
  #lacking = ''
  #sweepAt: Instant = 0 as Instant

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

  /** Are there tasks of which is not known yet whether they must run? */
  get waits(): boolean {
    return this.#parts.schedule.gated.size > 0
  }

  /** Is there more to do than one step could? */
  get unfinished(): boolean {
    return (
      this.releasing || this.#sweep !== undefined || (this.scanning && this.#parts.view.ring !== undefined)
    )
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
    this.#heard = 0
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

  /** Everything is placed again under the same ring. */
  again(step: Step): void {
    this.#parts.view.renew()
    this.rescan()
    this.scanSome(step)
  }

  /** Begins what a new term asks for, and ends the takeover if it may end. */
  advance(step: Step): void {
    this.#followTerm(step)
    this.#endTakeover(step)
    this.#releaseSome(step)
    this.#sweepSome(step)
  }

  #followTerm(step: Step): void {
    const { takeover, fences, phase } = this.#parts
    const { quorum } = takeover
    if (quorum === undefined || phase() === 'closed') return
    if (quorum.follow()) {
      // As everybody does who is asked: what another one wrote before is as late here as there.
      if (quorum.claim !== undefined) fences?.note(quorum.claim, step)
      this.beginTakeover(step)
    } else takeover.include(step.now.mono)
    takeover.ask(step)
  }

  /** In quorum mode: all keys of the term are complete. */
  #concludeTerm(step: Step): boolean {
    const { takeover, counters, schedule } = this.#parts
    const { quorum } = takeover
    if (quorum === undefined || this.scanning) return false
    const losses = quorum.conclude()
    if (losses === undefined) {
      this.#lookAgain(quorum, step)
      return false
    }
    for (const { term, ring, forgotten } of losses) {
      counters.add('takeovers_forgetting')
      step.log('error', 'may-have-lost', { term, ring: ring.checksum, forgotten })
    }
    // What may not be started yet is offered again: it is known now how far it got.
    schedule.recall()
    return true
  }

  /** Keys may be complete before the round is over: by an answer, or as somebody was forgotten, or a ring is noted no more. */
  #lookAgain(quorum: Completeness, { now }: Step): void {
    const { schedule } = this.#parts
    const heard = quorum.heard !== this.#heard
    if (!heard && now.mono < this.#sweepAt) return
    const { lacking } = quorum
    if (heard || lacking !== this.#lacking) schedule.recall()
    this.#heard = quorum.heard
    this.#lacking = lacking
    this.#sweep ??= schedule.gated.values()
    this.#sweepAt = after(now.mono, SWEEP_MS)
  }

  #sweepSome(step: Step): void {
    const { takeover, work, leftovers } = this.#parts
    for (let looks = 0; this.#sweep !== undefined && looks < SCAN_MAX; looks++) {
      const next = this.#sweep.next()
      if (next.done) this.#sweep = undefined
      else if (!takeover.gates(next.value.key) && !leftovers.isUnsure(next.value, step))
        work.releaseOne(next.value, step)
    }
  }

  /** Once everybody has answered and every task knows its owner, gained keys go on. */
  #endTakeover(step: Step): void {
    const { takeover, counters, view, phase } = this.#parts
    if (phase() === 'closed' || this.scanning || view.ring === undefined) return
    const concluded = this.#concludeTerm(step)
    const { unanswered } = takeover
    const over = takeover.complete(step.now.mono)
    if (!over && !concluded) return
    const gaveUp = over && unanswered.length > 0
    if (gaveUp) counters.add('takeovers_timed_out')
    if (over) takeover.release()
    this.#sweep = undefined
    this.#releasing = { gained: 0, unanswered, gaveUp }
  }

  /** What waited goes on, a slice in each step. */
  #releaseSome(step: Step): void {
    if (this.#releasing === undefined) return
    const { takeover, schedule, work } = this.#parts
    const released = work.release(SCAN_MAX, step)
    const gained = this.#releasing.gained + released
    const { unanswered, gaveUp } = this.#releasing
    this.#releasing = { gained, unanswered, gaveUp }
    // What is left then waits for more than this takeover.
    if (released === SCAN_MAX && schedule.gated.size > 0) return
    this.#releasing = undefined
    // What a member was asked about before this takeover it has answered with the rest. Else nobody would look at it again.
    if (takeover.quorum?.only !== true) work.recheckElsewhere(() => true, step)
    takeover.forgetAnswers()
    const ms = Math.round(elapsedMs(takeover.startedAt, step.now.mono))
    // In quorum mode enough have answered, and the rest may: that is as it should be.
    step.log(gaveUp ? 'warn' : 'info', 'takeover-complete', { gained, ms, unanswered })
  }
}
