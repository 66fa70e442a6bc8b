/**
 * Carries changed records to the nodes that should hold them.
 *
 * Picture an outbox per peer: a set of task ids that are due, and batches under way. Ids, not records: what is sent is
 * the record as it is at that moment, so ten changes while a peer is slow cost one copy. A batch goes out behind this
 * node's own disk, is acknowledged from the other's, and goes back into the set when that takes too long. Changes of now
 * are urgent and may use the whole window; copies for new holders after a change of view may use a part of it, so that
 * a flood of them never delays the one message that matters most: "this is done, do not run it again".
 *
 * Where copies are counted, a change goes at once to as many as it takes to count, and to the others in a moment, by then
 * mostly as the change after it: a short task is then written twice on two disks and once on the third. Who is asked at
 * once and says nothing for that moment costs no more than that.
 *
 * Bounds: an outbox holds each known task at most once; the window bounds what is under way; outboxes of nodes that are
 * gone are dropped, because their keys have new holders then.
 */
import type { NodeId, TaskId } from '../base/ids.ts'
import { after, elapsedMs, type Instant, NEVER } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Leaving } from './leftovers.ts'
import {
  answered,
  counts,
  type Flight,
  holdBack,
  isLate,
  newOutbox,
  type Outbox,
  takeLate,
  tripTook,
  tryUnwritten,
  urgentFlights,
} from './outbox.ts'
import { recordBytes } from './record-bytes.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'

/** Of one frame, unless a single record is larger; a link takes 1 MiB, and payload and result at most three quarters of it. */
export const BATCH_RECORDS_MAX = 200
export const BATCH_BYTES_MAX = 512 * 1024
/** Batches under way to one peer, and how many of them may be copies for new holders. */
const WINDOW_MAX = 64
const WINDOW_BULK_MAX = 8
/** Bytes under way to one peer: half of what a link queues before it is cut off. */
const WINDOW_BYTES_MAX = 4 * 1024 * 1024
/**
 * Of small batches so many: what changes while two are under way leaves with the next. The peer's disk takes one write at a
 * time, so nothing is lost by that, and the busier it is the fewer frames there are.
 */
const WINDOW_SMALL = 2
const SMALL_MAX = 50

/** Looked at for one batch at most: some may not leave. */
const LOOKS_MAX = 1_000

/** A copy that nothing waits for leaves after this, in ms, or twice that: long enough for a short task to end. */
export const SPARE_MS = 100
/** What a full disk did not take is sent again after this, in ms. */
const POSTPONED_MS = 1_000

/** What a holder says of a batch. */
export interface Acknowledged {
  readonly records: readonly TaskRecord[]
  readonly terms: readonly number[] | undefined
}

/** Where copies are counted: under which ring, and as what. */
export interface Stamps {
  readonly ring: string | undefined
  /** No record is of a key in available mode, so nothing has to wait for this node's own disk. */
  readonly atOnce: boolean
  isCounted(key: string): boolean
  /** The term under which this node may write the key; 0 when it may not. */
  termOf(key: string): number
  /** Whether the record goes now, is tried again later, or is not to go at all. */
  leaving(entry: Entry, step: Step): Leaving
}

export class Replication {
  readonly #table: Table
  readonly #counters: Counters
  readonly #stamps: Stamps | undefined
  readonly #outboxes = new Map<NodeId, Outbox>()
  /** Changed here and not yet known to be on another disk. */
  readonly #unsafe = new Map<TaskId, number>()
  #batches: number
  /** Those up to this one left before the last change of the ring. */
  #batchesBefore: number
  #flushedAt: Instant = 0 as Instant

  /** @param firstBatch a random number, so that acknowledgements of an earlier life match nothing */
  constructor(table: Table, counters: Counters, firstBatch: number, stamps?: Stamps) {
    this.#table = table
    this.#counters = counters
    this.#stamps = stamps
    this.#batches = firstBatch
    this.#batchesBefore = firstBatch
  }

  /** Changes made here that no other disk is known to have. */
  get unsafe(): number {
    return this.#unsafe.size
  }

  isUnsafe(task: TaskId): boolean {
    return this.#unsafe.has(task)
  }

  /** Copies waiting or under way. */
  get pending(): number {
    let pending = 0
    for (const { urgent, bulk, spare, ripe, flights, postponed, unwritten } of this.#outboxes.values()) {
      pending += urgent.size + bulk.size + spare.size + ripe.size + postponed.size + unwritten.size
      for (const flight of flights.values()) pending += flight.records.length
    }
    return pending
  }

  /** A change made here, for these nodes; `atOnce` for so many of them, the first ones if they answer. */
  changed(record: TaskRecord, to: readonly NodeId[], now: Instant, atOnce = to.length): void {
    const task = record.spec.id
    if (to.length > 0) this.#unsafe.set(task, record.revision)
    let left = atOnce
    const spare: Outbox[] = []
    to.forEach((peer, place) => {
      const outbox = this.#outbox(peer)
      const mayWait = to.length - place > left
      if (left > 0 && !(mayWait && isLate(outbox, now))) {
        outbox.urgent.add(task)
        left--
      } else spare.push(outbox)
    })
    for (const outbox of spare) this.#later(outbox, task, now)
  }

  /** A copy that a node should hold and does not. `only`: no other disk is known to have the record. */
  copy(record: TaskRecord, to: NodeId, only: boolean): void {
    const task = record.spec.id
    if (only) this.#unsafe.set(task, record.revision)
    const outbox = this.#outbox(to)
    if (!outbox.urgent.has(task)) outbox.bulk.add(task)
  }

  /** The record was merged with, or replaced by, one from elsewhere. `whole`: exactly so it is on the disk there. */
  merged(record: TaskRecord, whole: boolean): void {
    const task = record.spec.id
    if (whole) this.#unsafe.delete(task)
    else if (this.#unsafe.has(task)) this.#unsafe.set(task, record.revision)
  }

  /** The record is no longer kept here. */
  forget(task: TaskId): void {
    this.#unsafe.delete(task)
    // To one that does not answer nothing may leave for long, and all that ends meanwhile would stay here.
    for (const { urgent, bulk, spare, ripe, postponed, unwritten } of this.#outboxes.values())
      for (const waiting of [urgent, bulk, spare, ripe, postponed, unwritten]) waiting.delete(task)
  }

  /** As many of its holders have it as must. */
  settled(task: TaskId): void {
    this.#unsafe.delete(task)
  }

  /**
   * Fills frames as far as the windows allow. They leave when this step is durable; where copies are counted, at once: the
   * disks of all holders work side by side, and after a crash this node comes back under another term.
   */
  flush(step: Step): void {
    this.#flushedAt = step.now.mono
    const stamps = this.#stamps
    for (const [peer, outbox] of this.#outboxes) {
      this.#ripen(outbox, step.now.mono)
      tryUnwritten(outbox, task => this.#leavingOf(this.#table.get(task), step), step.now.mono)
      while (this.#mayUseWindow(outbox, step.now.mono)) {
        const flight = this.#fill(outbox, step)
        // There may be more, after as much as is looked at in one step.
        if (flight === undefined) break
        const { records, terms } = flight
        const batch = { type: 'replicate', batch: this.#batches, records } as const
        if (stamps?.ring === undefined || terms === undefined) step.send(peer, batch)
        else if (stamps.atOnce) step.sendAtOnce(peer, { ...batch, ring: stamps.ring, terms })
        else step.send(peer, { ...batch, ring: stamps.ring, terms })
      }
    }
  }

  /**
   * What the peer has on its disk now; undefined when nothing is known of such a batch.
   * @param counted whether the peer counts itself a holder of these
   */
  acknowledged(from: NodeId, batch: number, now: Instant, counted = true): Acknowledged | undefined {
    const outbox = this.#outboxes.get(from)
    const flight = outbox?.flights.get(batch) ?? outbox?.overdue.get(batch)
    if (outbox === undefined || flight === undefined) return undefined
    if (outbox.flights.delete(batch)) outbox.bytes -= flight.bytes
    else if (outbox.overdue.delete(batch)) this.#arrived(outbox, flight)
    tripTook(outbox, elapsedMs(flight.sentAt, now))
    if (counted) counts(outbox)
    for (const { spec, revision } of flight.records) {
      if (this.#stamps?.isCounted(spec.key) === true) continue
      const changed = this.#unsafe.get(spec.id)
      if (changed !== undefined && revision >= changed) this.#unsafe.delete(spec.id)
    }
    return flight
  }

  /** These did not count there: they are sent again, in a moment. */
  again(to: NodeId, records: readonly TaskRecord[], now: Instant): void {
    const outbox = this.#outboxes.get(to)
    if (outbox === undefined || records.length === 0) return
    for (const { spec } of records) outbox.urgent.add(spec.id)
    holdBack(outbox, now)
  }

  /** The peer had no room on its disk for some of these: they are sent again when it has. */
  answered(from: NodeId, { records }: Acknowledged, unwritten: readonly TaskRecord[], now: Instant): void {
    const outbox = this.#outboxes.get(from)
    if (outbox === undefined) return
    const without = new Set(unwritten.map(({ spec }) => spec.id))
    answered(
      outbox,
      records.map(({ spec }) => spec.id),
      without,
      now,
    )
  }

  /** These are not to go yet: they are sent again in a while. */
  later(to: NodeId, records: readonly TaskRecord[], now: Instant): void {
    const outbox = this.#outboxes.get(to)
    if (outbox === undefined || records.length === 0) return
    for (const { spec } of records) postpone(outbox, spec.id, now)
  }

  /** Gives late batches back to the outbox. */
  tick(now: Instant): void {
    for (const outbox of this.#outboxes.values()) {
      if (outbox.postponedUntil <= now) {
        for (const task of outbox.postponed) if (!outbox.urgent.has(task)) outbox.bulk.add(task)
        outbox.postponed.clear()
      }
      for (const { records } of takeLate(outbox, now)) {
        for (const { spec } of records) outbox.urgent.add(spec.id)
        this.#counters.add('replicas_resent', records.length)
      }
    }
  }

  /** Forgets those who are gone; with nobody left there is nobody to wait for. */
  keepOnly(peers: ReadonlySet<NodeId>, alone: boolean): void {
    for (const [peer, { overdue }] of this.#outboxes) {
      // Who had it then may have dropped it since, and be asked to hold it again.
      overdue.clear()
      if (!peers.has(peer)) this.#outboxes.delete(peer)
    }
    if (alone) this.#unsafe.clear()
  }

  /**
   * What left two rings ago says nothing any more: the peer may have been no holder between, and have dropped it. It is sent
   * again. What left under the ring before was sent to one that is a holder still, or counts for nothing (`Copies`).
   */
  ringChanged(): void {
    for (const outbox of this.#outboxes.values())
      for (const [batch, { records, bytes }] of outbox.flights) {
        if (batch > this.#batchesBefore) break
        outbox.flights.delete(batch)
        outbox.bytes -= bytes
        for (const { spec } of records) outbox.urgent.add(spec.id)
      }
    this.#batchesBefore = this.#batches
  }

  nextWake(): Instant {
    let wake = NEVER
    for (const outbox of this.#outboxes.values()) {
      const { flights, resendMs, urgent, bulk, notBefore, postponed, postponedUntil } = outbox
      wake = Math.min(wake, outbox.ripensAt) as Instant
      if (postponed.size > 0) wake = Math.min(wake, postponedUntil) as Instant
      if (outbox.unwritten.size > 0) wake = Math.min(wake, outbox.probeAt) as Instant
      if (urgent.size + bulk.size > 0 && notBefore > this.#flushedAt)
        wake = Math.min(wake, notBefore) as Instant
      const first = flights.values().next().value
      if (first !== undefined) wake = Math.min(wake, after(first.sentAt, resendMs)) as Instant
    }
    return wake
  }

  #outbox(peer: NodeId): Outbox {
    let outbox = this.#outboxes.get(peer)
    if (outbox === undefined) {
      outbox = newOutbox()
      this.#outboxes.set(peer, outbox)
    }
    return outbox
  }

  /** It came late, but it came: what has not changed since and is to be sent again need not be. */
  #arrived(outbox: Outbox, { records }: Flight): void {
    for (const record of records) {
      const { id } = record.spec
      if (this.#table.get(id)?.record === record) outbox.urgent.delete(id)
    }
  }

  #later(outbox: Outbox, task: TaskId, now: Instant): void {
    if (outbox.urgent.has(task) || outbox.bulk.has(task) || outbox.ripe.has(task)) return
    outbox.spare.add(task)
    if (outbox.ripensAt === NEVER) outbox.ripensAt = after(now, SPARE_MS)
  }

  /** What has waited for a turn or two leaves with the copies for new holders. */
  #ripen(outbox: Outbox, now: Instant): void {
    if (outbox.ripensAt > now) return
    for (const task of outbox.ripe) if (!outbox.urgent.has(task)) outbox.bulk.add(task)
    outbox.ripe = outbox.spare
    outbox.spare = new Set()
    outbox.ripensAt = outbox.ripe.size === 0 ? NEVER : after(now, SPARE_MS)
  }

  #mayUseWindow({ urgent, bulk, flights, bytes, notBefore }: Outbox, now: Instant): boolean {
    if (bytes >= WINDOW_BYTES_MAX || notBefore > now) return false
    const isDue = urgent.size > SMALL_MAX || (urgent.size > 0 && urgentFlights(flights) < WINDOW_SMALL)
    return (isDue && flights.size < WINDOW_MAX) || (bulk.size > 0 && flights.size < WINDOW_BULK_MAX)
  }

  /** What is not known here any more does not leave. */
  #leavingOf(entry: Entry | undefined, step: Step): Leaving {
    if (entry === undefined) return 'never'
    return this.#stamps?.leaving(entry, step) ?? 'now'
  }

  /** False: it is out of the outbox, or among what is sent in a while. */
  #goes(entry: Entry, outbox: Outbox, step: Step): boolean {
    const leaving = this.#leavingOf(entry, step)
    if (leaving !== 'later') return leaving === 'now'
    postpone(outbox, entry.id, step.now.mono)
    return false
  }

  /** Takes the next batch out of the outbox, urgent ones first. */
  #fill(outbox: Outbox, step: Step): Flight | undefined {
    const { mono: now } = step.now
    const records: TaskRecord[] = []
    let looks = 0
    const urgent = outbox.urgent.size > 0
    let bytes = 0
    for (const due of [outbox.urgent, outbox.bulk]) {
      for (const task of due) {
        if (records.length >= BATCH_RECORDS_MAX || ++looks > LOOKS_MAX) break
        const entry = this.#table.get(task)
        const record = entry?.record
        const size = record === undefined ? 0 : recordBytes(record)
        if (records.length > 0 && bytes + size > BATCH_BYTES_MAX) break
        due.delete(task)
        outbox.bulk.delete(task)
        outbox.spare.delete(task)
        outbox.ripe.delete(task)
        if (entry === undefined || record === undefined || !this.#goes(entry, outbox, step)) continue
        records.push(record)
        bytes += size
      }
    }
    if (records.length === 0) return undefined
    const stamps = this.#stamps
    const terms =
      stamps && records.map(({ spec }) => (stamps.isCounted(spec.key) ? stamps.termOf(spec.key) : 0))
    const flight = { sentAt: now, records, terms, bytes, urgent }
    outbox.flights.set(++this.#batches, flight)
    outbox.bytes += bytes
    return flight
  }
}

/** Those that came first say when all of them go: whoever adds more never keeps them. */
function postpone(outbox: Outbox, task: TaskId, now: Instant): void {
  if (outbox.postponed.size === 0) outbox.postponedUntil = after(now, POSTPONED_MS)
  outbox.postponed.add(task)
}
