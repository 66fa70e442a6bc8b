/**
 * No accepted task is ever lost: what that rests on, for keys in quorum mode. (In available mode the owner's own disk is
 * enough for an answer, and copies follow when they can.)
 *
 * State. Each node's disk has a name, made with it. The voters note, on their disks, every ring under which a node asked
 * for leave, and every node's disk (`grants/notes.ts`). A holder notes which terms it refuses (`fences.ts`). A record
 * carries the term of its last change. Copies = min(`tasks.durability`, holders); holders are the first three of the ring. Where all are
 * cordoned or leaving there are none, and nothing counts.
 *
 * The rules:
 *   1. A change counts once as many holders as copies say have it on disk (`copies.ts`). Only then is a submission answered,
 *      an attempt executed, an end shown. A holder counts itself only when its ring is the writer's, and a quorum of voters
 *      told it that they have noted this ring and its disk; so does the writer, and it counts nothing that it sent without leave.
 *   2. A holder refuses a write under a term below one that was asked about the key, or that its copy of the record has. The
 *      refused writer learns the term that stands, and gives up what it holds below.
 *   3. A new owner asks everybody under its new term. A key is complete when for each noted ring all but (copies - 1) of the
 *      holders have answered, each from the disk that it had when the ring was noted (`completeness.ts`). Until then there
 *      is no start, no new task and no 404 for the key.
 *   4. Among copies of a record the higher term is right, then the one accepted later, then the higher revision. A settled
 *      record that was found is written anew under the owner's own term before it is shown.
 *   5. A node has done its part under a ring when its keys are complete, it has all that was told of them, and its records lie on
 *      enough holders of that ring. When all members have, the voters forget older rings. Who left is waited for until none of
 *      them names it.
 *
 *   6. What a complete owner does not know has ended and was dropped, or never counted: it is not taken, and whoever has it
 *      drops it (`leftovers.ts`). But not what was written before a takeover that forgotten members may have been needed for
 *      (`Epochs.gap`): it may be with one of these alone, who is back. What a term still has, as a key that is kept, is dropped nowhere.
 *   7. Who holds what it should not (any more) drops it only when its owner, who is complete for the key, and as many other
 *      holders as a change needs have it (`strays.ts`). An owner that still asks others takes it, and says "not yet".
 *   8. What is held for others is compared with what its owners know, again and again (`anti-entropy.ts`).
 *   9. A holder whose disk takes nothing new does not take tasks that it does not know; they count without it.
 *
 * Why nothing is lost. What counted lies on `copies` holders of a noted ring R. Whoever takes over heard from all but
 * (copies - 1) of R's holders, so from one of these, unless (copies - 1) disks at most were lost. It chose its term after
 * the right of all before it had ended, so R was noted before it read the notes. A writer that believes itself to be
 * acting all the same (suspended with its clocks) needs as many holders, one of which has noted the new term.
 *
 * Where this is not what was first written down: rings were to be noted when a term is taken under them. But a term outlives
 * its ring: when a node joins, an owner goes on under the term that it has, with other holders, under a ring of which nobody
 * would have been told. So the ring of every grant is noted, and nothing counts before.
 */
import type { NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import { Completeness } from './completeness.ts'
import type { TasksConfig } from './config.ts'
import type { Conflict, Conflicts } from './conflicts.ts'
import { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { DroppedEnds } from './dropped-ends.ts'
import type { Step } from './effects.ts'
import { type Fence, Fences } from './fences.ts'
import type { Replicate, Replicated } from './messages.ts'
import { RefusedCopies } from './refused-copies.ts'
import { RefusedWrites } from './refused-writes.ts'
import type { Acknowledged, Replication, Stamps } from './replication.ts'
import type { Epochs, Right } from './right.ts'
import { isSchedule } from './schedules/state.ts'
import type { DiskSight } from './store-failure.ts'
import type { Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import { Touch } from './touch.ts'
import type { View } from './view.ts'
import { saidOf } from './wanted.ts'

export interface DurabilityParts {
  readonly view: View
  readonly table: Table
  readonly replication: Replication
  readonly counters: Counters
  readonly config: TasksConfig
  readonly right: Right
  readonly epochs: Epochs
  readonly conflicts: Conflicts
  readonly dropped: DroppedEnds
  /** What the store held at boot. */
  readonly fences: readonly Fence[]
  /** Whether this node's disk takes what is new. Default: it does. */
  readonly disk?: DiskSight | undefined
}

/** What of the placing of tasks says whether all is done. */
interface Placed {
  readonly scanning: boolean
  readonly unfinished: boolean
  /** Are there tasks of which is not known yet whether they must run? */
  readonly waits: boolean
  again(step: Step): void
}

/** What each batch of copies says of itself. */
export function stampsOf(view: View, right: Right, leaving: Stamps['leaving']): Stamps | undefined {
  const { epochs } = right
  if (epochs === undefined) return undefined
  return {
    get ring() {
      return view.ring?.checksum
    },
    atOnce: epochs.only,
    isCounted: key => epochs.isQuorum(key),
    termOf: key => right.leaveFor(key)?.term ?? 0,
    leaving,
  }
}

export class Durability {
  readonly copies: Copies
  readonly fences: Fences
  readonly completeness: Completeness
  readonly #parts: DurabilityParts
  readonly #refusedCopies = new RefusedCopies()
  readonly #refusedWrites: RefusedWrites
  /** What was followed last. */
  #seen = { changes: -1, epoch: -1, noted: false }
  readonly #touch = new Touch()

  constructor(parts: DurabilityParts) {
    const { view, epochs, config, counters } = parts
    this.#parts = parts
    this.copies = new Copies(parts)
    this.#refusedWrites = new RefusedWrites({ ...parts, handed: this.copies.handed })
    this.fences = new Fences(parts.fences, checksum => epochs.ring(checksum), counters)
    this.completeness = new Completeness(view, epochs, config)
  }

  get durability(): number {
    return this.#parts.config.durability
  }

  isQuorum(key: string): boolean {
    return this.#parts.epochs.isQuorum(key)
  }

  /** The term under which this node may write the key now. */
  termOf(key: string): number | undefined {
    return this.#parts.right.leaveFor(key)?.term
  }

  /** A task that this node owns and does not know: does it know that there is none (any more)? */
  isOver(record: TaskRecord, from: NodeId): boolean {
    const { table, view, conflicts, dropped } = this.#parts
    const { id, key } = record.spec
    if (table.get(id) !== undefined || conflicts.has(id, key)) return false
    // In available mode others may have gone on with what was written in quorum mode, until the configuration was changed.
    if (view.owner(key) !== view.self || !this.isQuorum(key)) return false
    return dropped.has(record) || this.completeness.knowsAllOf(record, from)
  }

  /**
   * Copies from another node: takes what does not stand against a higher term, and says what counts.
   *
   * @param settled whether this node knows the owner of each of its records
   * @param learn takes one, or returns the key that stands in the way
   */
  received(
    from: NodeId,
    { batch, records, ring, terms = [] }: Replicate,
    settled: boolean,
    learn: (record: TaskRecord) => string | undefined,
    step: Step,
  ): void {
    const { view, counters } = this.#parts
    let counted = settled && ring === view.ring?.checksum && this.copies.counts()
    const refused: (readonly [number, number])[] = []
    const ended: number[] = []
    const unwritten: number[] = []
    const early: number[] = []
    const conflicts: Conflict[] = []
    const full = this.#parts.disk?.failure !== undefined
    records.forEach((record, place) => {
      // Whatever ring the sender goes by: what this node knows of its own keys it knows by itself.
      if (this.isOver(record, from)) {
        ended.push(place)
        return
      }
      // Taken, it would wait in memory for the disk, and so would all that come after it.
      const { id, key } = record.spec
      if (full && this.isQuorum(key) && this.#parts.table.get(id) === undefined) {
        unwritten.push(place)
        return
      }
      const standing = this.#standing(record, terms[place] ?? 0)
      if (standing === 'unknown') counted = false
      else if (standing !== undefined) refused.push([place, standing])
      else {
        const otherKey = learn(record)
        if (otherKey !== undefined) conflicts.push([place, otherKey])
        // Judged when it was put where it would wait.
        else if (this.#parts.table.get(id) === undefined) ended.push(place)
        else if (this.#isEarly(record, from, terms[place] ?? 0)) early.push(place)
        else if (!this.#isAsThere(record)) refused.push([place, 0])
      }
    })
    if (refused.length > 0) counters.add('copies_refused', refused.length)
    this.#sayRefused(from, { records, terms, refused }, step)
    if (unwritten.length > 0) counters.add('copies_unwritten', unwritten.length)
    const later = [...unwritten, ...early, ...conflicts.map(([place]) => place)]
    const said = {
      ...(refused.length > 0 && { refused }),
      ...(ended.length > 0 && { ended }),
      ...(later.length > 0 && { unwritten: later }),
      ...(early.length > 0 && { early }),
      ...(conflicts.length > 0 && { conflicts }),
    }
    const answer = { type: 'replicated', batch, counted, ...said } as const
    // Nothing of it goes to the disk, so it need not wait for one that takes nothing.
    if (refused.length + ended.length + unwritten.length === records.length) step.sendAtOnce(from, answer)
    else step.send(from, answer)
  }

  #sayRefused(
    from: NodeId,
    { records, terms, refused }: Required<Pick<Replicate, 'records' | 'terms'>> & Pick<Replicated, 'refused'>,
    step: Step,
  ): void {
    const [place, standing] = refused?.[0] ?? []
    const record = place === undefined ? undefined : records[place]
    if (refused === undefined || place === undefined || standing === undefined || record === undefined) return
    const here = this.#parts.table.get(record.spec.id)?.record
    const term = terms[place] ?? 0
    this.#refusedCopies.say({ from, count: refused.length, record, term, standing, here }, step)
  }

  /** What a holder says of copies from here. Returns those that it has on its disk, or has newer. */
  acknowledged(from: NodeId, said: Replicated, sent: Acknowledged, step: Step): readonly TaskRecord[] {
    const { replication, counters } = this.#parts
    const { records } = sent
    const conflicts = new Map(said.conflicts ?? [])
    const unwritten = new Set([...(said.unwritten ?? []), ...conflicts.keys()])
    const early = new Set(said.early ?? [])
    const full = [...unwritten].filter(place => !conflicts.has(place) && !early.has(place))
    const at = (places: Iterable<number>) => [...places].flatMap(place => records[place] ?? [])
    replication.later(from, at(early), step.now.mono)
    replication.answered(from, sent, at(full), step.now.mono)
    this.copies.unwritten(from, at(full))
    for (const [place, key] of conflicts) this.copies.conflicting(from, records[place], key, step)
    if (said.counted !== true) {
      counters.add('copies_uncounted')
      const taken = unwritten.size === 0 ? records : records.filter((_, place) => !unwritten.has(place))
      replication.again(
        from,
        taken.filter(({ spec }) => this.isQuorum(spec.key)),
        step.now.mono,
      )
      return taken.filter(({ spec }) => !this.isQuorum(spec.key))
    }
    const refused = new Map(said.refused ?? [])
    const not = new Set([...(said.ended ?? []), ...unwritten])
    const whole = refused.size + not.size === 0
    const taken = whole ? records : records.filter((_, place) => !refused.has(place) && !not.has(place))
    this.copies.acknowledged(from, this.#counting(from, taken, sent, step), step)
    this.#refusedWrites.said(from, records, refused, step)
    return records.filter((_, place) => (refused.get(place) ?? 0) === 0 && !not.has(place))
  }

  /** After all that happened in a step. True when there is more to do than this step could. */
  follow(placing: Placed, step: Step): boolean {
    const { view, epochs } = this.#parts
    const ring = view.ring?.checksum
    const noted = ring !== undefined && epochs.noted(ring)
    const { changes } = epochs
    const { epoch } = view
    this.#touch.see(epochs.inTouch, step.now.mono)
    const seen = this.#seen
    if (changes !== seen.changes || epoch !== seen.epoch || noted !== seen.noted) {
      this.#seen = { changes, epoch, noted }
      this.#followDisks(placing, step)
      this.#followRings(ring, step)
      this.copies.ringChanged()
    }
    const more = this.copies.advance(step)
    const done =
      noted &&
      epochs.enrolled &&
      !more &&
      !placing.unfinished &&
      !placing.scanning &&
      !placing.waits &&
      !this.completeness.active &&
      this.copies.short === 0 &&
      !this.#parts.conflicts.owing &&
      !this.completeness.keepsGated
    epochs.setDone(done ? ring : undefined)
    return more
  }

  /** Is the key complete, who may be missing for that, and who was forgotten although it may have been needed? */
  takeoverOf(key: string) {
    if (!this.isQuorum(key)) return undefined
    const mayHaveLost = this.completeness.lostFor(key)
    if (!this.completeness.gates(key)) return { complete: true, blind: false, missing: [], mayHaveLost }
    const wanted = this.completeness.wanted(key)
    const { blind, asked, down, replaced } = wanted
    const missing = [...asked, ...down, ...replaced]
    return { complete: false, blind, missing, waitsFor: saidOf(wanted), mayHaveLost }
  }

  /** Does nobody need this node to find records any more? */
  released(now: Instant): boolean {
    const { epochs, view } = this.#parts
    // With nobody to take over, or out of touch with the voters for long, nothing would come of waiting.
    const { ring, self } = view
    if (ring === undefined || ring.members.length === 0 || ring.has(self)) return true
    return epochs.inTouch ? !epochs.names(self) : this.#touch.isLost(now)
  }

  /** Does nobody's disk make anything count? So it is where no key is in available mode, while all are cordoned or leaving. */
  get countsNothing(): boolean {
    return this.completeness.only && this.#parts.view.ring?.members.length === 0
  }

  /**
   * Would the sender drop it once this node has it, which owns the key and has not heard of all that others have of it? An
   * owner that asks takes each answer for all that a member has until its round is over: what moves meanwhile from one that
   * has not answered to those that have would be heard of from nobody. Only one node can be complete for a key at a time,
   * so nothing moves while anybody's round is open, under whatever rings the key passes meanwhile.
   */
  #isEarly({ spec: { id, key } }: TaskRecord, from: NodeId, term: number): boolean {
    const holders = this.#parts.view.holders(key)
    const moves = term === 0 && holders[0] === this.#parts.view.self && !holders.includes(from)
    const early = moves && this.isQuorum(key) && this.completeness.gates(key)
    if (early) this.copies.stays(id, from)
    else this.copies.goes(id, from)
    return early
  }

  #standing({ spec: { id, key } }: TaskRecord, term: number): number | 'unknown' | undefined {
    if (term === 0) return undefined
    const standing = this.fences.standing(key, term)
    if (standing !== undefined) return standing
    const known = this.#parts.table.get(id)
    // Of another key it says nothing.
    if (known?.key !== key) return undefined
    const { term: here = 0 } = known.record
    return here > term ? here : undefined
  }

  /** Is it here as it came, or as the same owner made it since? What it accepted at another time is another task of that id. */
  #isAsThere({ spec: { id }, term = 0, revision, acceptedAt }: TaskRecord): boolean {
    const here = this.#parts.table.get(id)?.record
    if (here === undefined || (here.term ?? 0) !== term) return false
    return here.revision >= revision && (isSchedule(here) || here.acceptedAt === acceptedAt)
  }

  /**
   * What an owner sent without leave was held against no term, so another owner may have written since, also where it is:
   * under a leave that came back meanwhile it does not count. It is sent again. Who is not the owner only hands on what is.
   */
  #counting(
    from: NodeId,
    taken: readonly TaskRecord[],
    { records, terms }: Acknowledged,
    step: Step,
  ): readonly TaskRecord[] {
    if (terms?.includes(0) !== true) return taken
    const { view, replication } = this.#parts
    const news = new Set(
      records.filter(
        ({ spec: { key } }, place) =>
          terms[place] === 0 && this.isQuorum(key) && view.owner(key) === view.self,
      ),
    )
    const uncounted = taken.filter(record => news.has(record))
    if (uncounted.length === 0) return taken
    replication.later(from, uncounted, step.now.mono)
    return taken.filter(record => !news.has(record))
  }

  /** Who has another disk than before has nothing any more of what it acknowledged. */
  #followDisks(placing: Placed, step: Step): void {
    const { epochs, view } = this.#parts
    const lost = new Set(epochs.takeReplaced())
    lost.delete(view.self)
    if (lost.size === 0) return
    step.log('warn', 'disks-lost', { nodes: [...lost] })
    this.copies.lost(lost)
    this.#parts.conflicts.lost(lost)
    placing.again(step)
  }

  #followRings(own: string | undefined, step: Step): void {
    const { checksums } = this.#parts.epochs
    if (checksums.size === 0 || own === undefined) return
    this.fences.keepOnly(new Set([...checksums, own]), step)
  }
}
