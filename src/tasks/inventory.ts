import type { NodeId, TaskId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { Step } from './effects.ts'
import type { Fences } from './fences.ts'
import { jsonBytes } from './json.ts'
import type { Inventory } from './messages.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from './replication.ts'
import type { Epochs } from './right.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Once an answer has sent this many bytes or pages it waits to be asked for more: never a link's queue full. */
const SLICE_BYTES_MAX = 1024 * 1024
/** The same, and of a page, until something of it has come: two such pages take a link of 30 kB/s less than `LOST_MS`. */
const FIRST_BYTES_MAX = 32 * 1024
/** 1,000 small records: some 6 ms of a step. */
const SLICE_PAGES_MAX = 5
/** Entries looked at for one page: most may be nothing that was asked for. Up to 3 ms of a step. */
export const PAGE_LOOKS_MAX = 2_000
/** From one slice to the next, in ms, however soon it is asked for: 50 MB/s at most. */
const PAUSE_MS = 20
/**
 * What was sent, and did not come, is under way for so long, in ms: a disk before it or a link may be slow. Then it is lost,
 * and the answer begins anew. Twice as long each time that nothing at all came, or a disk that hangs would let go many at once.
 */
export const LOST_MS = 3_000
const LOST_MS_MAX = 60_000
/** Of an answer to which nothing came at all, at first: mostly it is one page, and another one costs little. */
export const FIRST_LOST_MS = 600
/** An answer that nobody has asked for any more for so long, in ms, is forgotten. */
const FORGET_MS = 120_000

/** How answers are cut up. */
export interface AnswerSizes {
  /** Records in a page. */
  readonly page: number
  /** Pages in a slice. */
  readonly slice: number
}

const SIZES: AnswerSizes = { page: BATCH_RECORDS_MAX, slice: SLICE_PAGES_MAX }

interface Answer {
  readonly id: number
  /** Tells it from every other answer of this node. */
  readonly number: number
  readonly epoch: number
  readonly ring: string
  readonly entries: MapIterator<Entry>
  /** What ran when it was asked, as far as it is still to be told. */
  readonly running: TaskId[]
  /** What the asker owned under all of these is not told. */
  readonly since: readonly Ring[]
  /** The entry that did not fit into the page before. */
  next: Entry | undefined
  /** Pages sent. */
  pages: number
  /** Of these the asker is known to have so many. */
  known: number
  /** The last page is sent. */
  done: boolean
  /** When the next slice is; never, until it is asked for. */
  dueAt: Instant
  sentAt: Instant
  askedAt: Instant
  /** When what was sent is held for lost. */
  lostAt: Instant
  lostMs: number
}

interface InventoriesInit {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  /** Answers are numbered from above this: a random one, so that none of an earlier process has the same. */
  readonly start: number
  /** Where copies are counted in quorum mode. */
  readonly counted?: { readonly epochs: Epochs; readonly fences: Fences } | undefined
  readonly sizes?: AnswerSizes | undefined
}

/**
 * Answers the takeover questions of others, page by page. Whoever asks fetches them: after each slice its next question says
 * what has come. One answer per asker, so they are bounded by the members.
 */
export class Inventories {
  readonly #parts: InventoriesInit
  readonly #sizes: AnswerSizes
  readonly #answers = new Map<NodeId, Answer>()
  #numbered: number

  constructor(parts: InventoriesInit) {
    this.#parts = parts
    this.#sizes = parts.sizes ?? SIZES
    this.#numbered = parts.start
  }

  /** @param settled whether this node knows the owner of each of its records under the current ring */
  asked(from: NodeId, question: Inventory, settled: boolean, step: Step): void {
    const { view, counted } = this.#parts
    const { id, ringChecksum, term, under = [ringChecksum], without = [] } = question
    const fence = term === undefined ? undefined : { rings: under, owner: from, term, without }
    const fits = settled && view.ring?.checksum === ringChecksum
    if (!fits || (fence !== undefined && counted?.fences.takes(fence, step) === false)) {
      this.#answers.delete(from)
      disagree(from, id, step)
      return
    }
    // Behind this on the disk, and so after it, goes the first page.
    if (fence !== undefined) counted?.fences.note(fence, step)
    const begun = this.#answers.get(from)
    if (begun?.id !== id || begun.epoch !== view.epoch) this.#begin(from, question, FIRST_LOST_MS, step)
    else if (isHad(begun, question)) {
      if (begun.done) this.#begin(from, question, FIRST_LOST_MS, step)
      else goOn(begun, step.now.mono)
    } else if (isLost(begun, question, step.now.mono))
      this.#begin(from, question, Math.min(2 * begun.lostMs, LOST_MS_MAX), step)
  }

  #begin(from: NodeId, { id, since, ringChecksum: ring }: Inventory, lostMs: number, step: Step): void {
    const { view, table, schedule } = this.#parts
    const now = step.now.mono
    const running: TaskId[] = []
    for (const [task, { entry }] of schedule.here) if (entry.owner === from) running.push(task)
    this.#answers.set(from, {
      id,
      number: ++this.#numbered,
      epoch: view.epoch,
      ring,
      entries: table.entries(),
      running,
      since: this.#ringsOf(since ?? []),
      next: undefined,
      pages: 0,
      known: 0,
      done: false,
      dueAt: now,
      sentAt: now,
      askedAt: now,
      lostAt: after(now, lostMs),
      lostMs,
    })
  }

  /** None when one of them is unknown here: then everything is told. */
  #ringsOf(checksums: readonly string[]): readonly Ring[] {
    const rings = checksums.map(checksum => this.#parts.counted?.epochs.ring(checksum))
    return rings.every(ring => ring !== undefined) ? rings : []
  }

  /**
   * A connection to it has closed, perhaps with all that was sent: where nothing has come, its next question is answered. Where something
   * has, the rest may be on another connection; but how slow those were that are gone says nothing of that one.
   */
  linkClosed(to: NodeId, now: Instant): void {
    const answer = this.#answers.get(to)
    if (answer === undefined) return
    const hasCome = answer.known > 0
    answer.lostMs = hasCome ? LOST_MS : FIRST_LOST_MS / 2
    answer.lostAt = hasCome ? (Math.min(answer.lostAt, after(now, LOST_MS)) as Instant) : now
  }

  /** Sends the slices that are due. */
  flush(step: Step): void {
    const { view } = this.#parts
    const now = step.now.mono
    for (const [from, answer] of this.#answers) {
      if (!view.live.has(from) || after(answer.askedAt, FORGET_MS) <= now) this.#answers.delete(from)
      else if (answer.epoch !== view.epoch) {
        this.#answers.delete(from)
        disagree(from, answer.id, step)
      } else if (answer.dueAt <= now) this.#continue(from, answer, step)
    }
  }

  nextWake(): Instant {
    let wake = NEVER
    for (const { dueAt } of this.#answers.values()) wake = Math.min(wake, dueAt) as Instant
    return wake
  }

  #continue(from: NodeId, answer: Answer, step: Step): void {
    const { id, number, next } = answer
    const now = step.now.mono
    // It has waited for the question, and may be gone since.
    if (next !== undefined && this.#parts.table.get(next.id) !== next) answer.next = undefined
    const isFirst = answer.known === 0
    const sizes = { records: this.#sizes.page, bytes: isFirst ? FIRST_BYTES_MAX : BATCH_BYTES_MAX }
    let left = isFirst ? FIRST_BYTES_MAX : SLICE_BYTES_MAX
    for (let pages = 1; answer.dueAt <= now; pages++) {
      const { running, records, bytes, done } = nextPage(from, answer, sizes)
      left -= bytes
      answer.done = done
      const paused = !done && (left <= 0 || pages >= this.#sizes.slice)
      if (done || paused) answer.dueAt = NEVER
      const listed = { records, running, done, ...(paused && { paused }) }
      const page = { id, agreed: true, answer: number, page: answer.pages++, ...listed }
      const disk = done ? this.#parts.counted?.epochs.disk : undefined
      const whole = disk !== undefined && { disk, ring: answer.ring }
      step.send(from, { type: 'inventory-reply', ...page, ...whole })
    }
    answer.sentAt = now
    answer.lostAt = after(now, answer.lostMs)
  }
}

/** Has the asker all that was sent? */
const isHad = ({ number, pages }: Answer, { answer, page }: Inventory): boolean =>
  answer === number && page === pages

/** The next slice is asked for. */
function goOn(answer: Answer, now: Instant): void {
  answer.askedAt = now
  answer.known = answer.pages
  answer.lostMs = Math.max(LOST_MS, answer.lostMs)
  answer.dueAt = after(answer.sentAt, PAUSE_MS)
}

/** Is it too long ago that something of what the asker does not have was sent, or came? */
function isLost(begun: Answer, { answer, page }: Inventory, now: Instant): boolean {
  begun.askedAt = now
  if (answer === begun.number && page > begun.known) {
    begun.known = page
    // What is slow stays slow: its own leftovers are before it on the link.
    begun.lostMs = Math.max(LOST_MS, begun.lostMs)
    begun.lostAt = after(now, begun.lostMs)
  }
  return begun.lostAt <= now
}

function disagree(to: NodeId, id: number, step: Step): void {
  const nothing = { answer: 0, page: 0, records: [], running: [], done: true }
  step.sendAtOnce(to, { type: 'inventory-reply', id, agreed: false, ...nothing })
}

interface Page {
  readonly running: TaskId[]
  readonly records: TaskRecord[]
  bytes: number
  done: boolean
}

/**
 * Ends before the record that would not fit. One that is larger than a page goes alone, and fits a frame of 1 MiB, since
 * payload and result together are bounded by three quarters of that.
 */
function nextPage(owner: NodeId, answer: Answer, most: { records: number; bytes: number }): Page {
  const page: Page = { running: [], records: [], bytes: 0, done: false }
  while (page.bytes < most.bytes) {
    const task = answer.running.pop()
    if (task === undefined) break
    page.running.push(task)
    page.bytes += jsonBytes(task) + 1
  }
  for (let looks = 0; page.records.length < most.records && looks < PAGE_LOOKS_MAX; looks++) {
    const entry = answer.next ?? answer.entries.next().value
    answer.next = undefined
    if (entry === undefined) return { ...page, done: true }
    const { record } = entry
    if (entry.owner !== owner || record.revision === 0) continue
    const { since } = answer
    if (since.length > 0 && since.every(ring => ring.owner(entry.key) === owner)) continue
    const size = jsonBytes(record) + 1
    if (page.bytes > 0 && page.bytes + size > most.bytes) {
      answer.next = entry
      return page
    }
    page.records.push(record)
    page.bytes += size
  }
  return page
}
