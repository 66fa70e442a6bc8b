import { assert } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import { jsonTexts } from '../../runtime/json-texts.ts'
import type { EncodedWrite, Write } from './protocol.ts'

/**
 * A transaction takes whole commits until it has this many rows or this much text; at least one commit. So long does an
 * urgent commit wait at most that came just after it began: some 20 ms and an fsync.
 */
const TRANSACTION_ROWS_MAX = 5_000
const TRANSACTION_LENGTH_MAX = 2 * 1024 * 1024
/** What is handed over in one turn of the event loop: about 2 ms of copying. */
const SLICE_ROWS_MAX = 1_000
const SLICE_LENGTH_MAX = 512 * 1024

/** One call of `commit`. Lengths are UTF-16 units of key and JSON. */
interface Commit {
  readonly writes: readonly EncodedWrite[]
  readonly length: number
  readonly urgent: boolean
  readonly settled: PromiseWithResolvers<void>
}

/** Hands a part of a transaction to the disk. The `last` one is answered by `committed`, or any of them by `held`. */
export type Send = (batch: number, writes: readonly EncodedWrite[], last: boolean) => void

export interface CommitCounts {
  readonly commits: number
  readonly rows: number
  readonly transactions: number
  readonly lastBatch: number
  readonly lastMs: number
  readonly maxMs: number
  /** Transactions that the disk had no room for, or did not let be written, and that were tried again. */
  readonly held: number
}

/**
 * Group commit: one transaction runs at a time, and whatever arrives meanwhile shares the next one, so the disk sets
 * the pace and a hundred callers wait for one fsync together.
 *
 * Two lanes. Order is kept in each: a commit is durable only with or after all before it in its lane, and promises settle
 * in that order. What is urgent (a voter's word, for which somebody waits whose right to act runs out) goes first, so
 * it waits for the transaction that runs and not for the backlog behind it. It may overtake what is not urgent; it is
 * never overtaken, so for a caller that is not urgent everything called before is durable.
 *
 * A call without writes waits for those before it, of both lanes, and costs nothing.
 *
 * A transaction may be held: nothing of it was written, and it is tried again. Its commits go back to the head of their
 * lanes, and what is tried first is one commit alone: where there is little room, a small one may still find it.
 *
 * The queue is bounded by `lengthMax`. Its callers have already changed their state when they come here, so turning
 * one write away would leave memory and disk apart for good: a disk that is so far behind counts as a failed one.
 * Callers who can say no to new work watch `fullness` and do it in time.
 */
export class CommitQueue {
  readonly #send: Send
  readonly #lengthMax: number
  #urgent: Commit[] = []
  #waiting: Commit[] = []
  #running: readonly Commit[] = []
  /** Of the transaction that runs, or ran last. */
  #batch = 0
  #startedAt = 0
  #state: 'free' | 'held' | 'retrying' = 'free'
  #length = 0
  #scheduled = false
  #failure: CodedError | undefined
  #idle: PromiseWithResolvers<void> | undefined
  #counts: CommitCounts = {
    ...{ commits: 0, rows: 0, transactions: 0, lastBatch: 0, lastMs: 0, maxMs: 0 },
    held: 0,
  }

  constructor(send: Send, lengthMax: number) {
    this.#send = send
    this.#lengthMax = lengthMax
  }

  get counts(): CommitCounts {
    return this.#counts
  }

  /** Commits that are not durable yet. */
  get depth(): number {
    return this.#urgent.length + this.#waiting.length + this.#running.length
  }

  /** Text that is not durable yet, in UTF-16 units. */
  get length(): number {
    return this.#length
  }

  /** 0 empty, 1 at the limit. */
  get fullness(): number {
    return this.#length / this.#lengthMax
  }

  /** How long the transaction that runs has taken so far; 0 when none does. */
  get runningMs(): number {
    return this.#running.length > 0 ? performance.now() - this.#startedAt : 0
  }

  get failure(): CodedError | undefined {
    return this.#failure
  }

  /** Values are read now: what the caller does with them later does not matter. */
  add(writes: readonly Write[], urgent = false): Promise<void> {
    const settled = Promise.withResolvers<void>()
    if (this.#failure === undefined && this.#length >= this.#lengthMax) this.fail(this.#overflow())
    if (this.#failure !== undefined) {
      settled.reject(this.#failure)
      return settled.promise
    }
    if (writes.length === 0 && !urgent) return this.#pending()
    const encoded = writes.map(encode)
    const length = encoded.reduce((sum, write) => sum + lengthOf(write), 0)
    const lane = urgent ? this.#urgent : this.#waiting
    lane.push({ writes: encoded, length, urgent, settled })
    this.#length += length
    this.#schedule()
    return settled.promise
  }

  /**
   * Without writes: settles right after what was called last, at once where nothing is left of it. It is no commit of its own
   * but in one case: an urgent one came after what is under way. That it is durable does not say that the others are, since
   * these may be held, and then it goes before them; so a place behind both is taken.
   */
  #pending(): Promise<void> {
    const overtaking = this.#waiting.length === 0 && this.#urgent.length > 0
    if (overtaking && this.#running.some(({ urgent }) => !urgent)) {
      this.#waiting.push({ writes: [], length: 0, urgent: false, settled: Promise.withResolvers() })
    }
    const last = this.#waiting.at(-1) ?? this.#urgent.at(-1) ?? this.#running.at(-1)
    return last?.settled.promise ?? Promise.resolve()
  }

  /** The running transaction is on disk. */
  committed(ms: number): void {
    const batch = this.#running
    this.#running = []
    this.#state = 'free'
    const counts = this.#counts
    const rows = batch.reduce((sum, commit) => sum + commit.writes.length, 0)
    this.#counts = {
      ...counts,
      commits: counts.commits + batch.length,
      rows: counts.rows + rows,
      transactions: counts.transactions + (rows > 0 ? 1 : 0), // one of barriers alone needs no fsync
      lastBatch: batch.length,
      lastMs: ms,
      maxMs: Math.max(counts.maxMs, ms),
    }
    for (const commit of batch) {
      this.#length -= commit.length
      commit.settled.resolve()
    }
    if (this.#somethingWaits) this.#start()
    else this.#idle?.resolve()
  }

  /** Nothing of the running transaction was written; `retry` must follow. Meanwhile nothing is sent. */
  held(): void {
    if (this.#failure !== undefined) return
    this.#urgent = [...this.#running.filter(commit => commit.urgent), ...this.#urgent]
    this.#waiting = [...this.#running.filter(commit => !commit.urgent), ...this.#waiting]
    this.#running = []
    this.#state = 'held'
    this.#batch++ // the parts that are still to be handed over belong to no transaction any more
    this.#counts = { ...this.#counts, held: this.#counts.held + 1 }
  }

  /** Tries again, one commit first. */
  retry(): void {
    if (this.#state !== 'held' || this.#failure !== undefined) return
    this.#state = 'retrying'
    this.#start()
  }

  /** Nothing more gets to the disk: every promise, those to come too, rejects. The first failure is the one told. */
  fail(failure: CodedError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    const lost = [...this.#running, ...this.#urgent, ...this.#waiting]
    this.#running = []
    this.#urgent = []
    this.#waiting = []
    this.#length = 0
    for (const commit of lost) commit.settled.reject(failure)
    this.#idle?.resolve()
  }

  /** Resolves when nothing waits any more, because it is durable or because it failed. */
  async idle(): Promise<void> {
    if (this.depth === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  get #somethingWaits(): boolean {
    return this.#urgent.length + this.#waiting.length > 0
  }

  #overflow(): CodedError {
    const detail = `The disk is too slow: expected at most ${this.#lengthMax} characters waiting for it, got ${this.#length}.`
    return new CodedError('STORE_FAILED', detail)
  }

  /** Waits for the end of the current job, so that commits made in one go share a transaction. */
  #schedule(): void {
    if (this.#scheduled || this.#running.length > 0 || this.#state === 'held') return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#running.length === 0 && this.#state !== 'held' && this.#somethingWaits) this.#start()
    })
  }

  #start(): void {
    this.#batch++
    this.#running = this.#next()
    this.#startedAt = performance.now()
    const writes = this.#running.flatMap(commit => commit.writes)
    this.#sendFrom(this.#batch, writes, 0)
  }

  /** The commits of the next transaction, urgent ones first. */
  #next(): readonly Commit[] {
    const chosen: Commit[] = []
    const room = { rows: TRANSACTION_ROWS_MAX, length: TRANSACTION_LENGTH_MAX }
    for (const lane of [this.#urgent, this.#waiting]) {
      let count = 0
      for (const commit of lane) {
        room.rows -= commit.writes.length
        room.length -= commit.length
        const full = room.rows < 0 || room.length < 0 || this.#state === 'retrying'
        if (full && chosen.length > 0) break
        chosen.push(commit)
        count++
      }
      lane.splice(0, count)
    }
    return chosen
  }

  #sendFrom(batch: number, writes: readonly EncodedWrite[], from: number): void {
    if (this.#failure !== undefined || batch !== this.#batch) return
    const to = sliceEnd(writes, from)
    const last = to === writes.length
    this.#send(batch, from === 0 && last ? writes : writes.slice(from, to), last)
    if (!last) setImmediate(() => this.#sendFrom(batch, writes, to))
  }
}

function sliceEnd(writes: readonly EncodedWrite[], from: number): number {
  let length = 0
  let to = from
  while (to < writes.length && to - from < SLICE_ROWS_MAX && length < SLICE_LENGTH_MAX) {
    const write = writes[to++]
    if (write !== undefined) length += lengthOf(write)
  }
  return to
}

function encode(write: Write): EncodedWrite {
  const wellFormed = write.key.isWellFormed() // half a surrogate pair has no UTF-8: two keys would become one
  assert(wellFormed, 'a key is well-formed text', { table: write.table, key: write.key })
  return [write.table, write.key, textOf(write)]
}

/** A record is written out for other holders, too. */
function textOf({ table, value }: Write): string | null {
  if (value === undefined) return null
  const shared = table === 'tasks' && typeof value === 'object' && value !== null
  return shared ? jsonTexts.of(value) : JSON.stringify(value)
}

function lengthOf([, key, value]: EncodedWrite): number {
  return key.length + (value?.length ?? 0)
}
