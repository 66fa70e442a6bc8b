import { assert } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import type { EncodedWrite, Write } from './protocol.ts'

/** A transaction takes whole commits until it has this many rows or this much text; at least one commit. */
const TRANSACTION_ROWS_MAX = 20_000
const TRANSACTION_LENGTH_MAX = 8 * 1024 * 1024
/** What is handed over in one turn of the event loop: about 2 ms of copying. */
const SLICE_ROWS_MAX = 1_000
const SLICE_LENGTH_MAX = 512 * 1024

/** One call of `commit`. Lengths are UTF-16 units of key and JSON. */
interface Commit {
  readonly writes: readonly EncodedWrite[]
  readonly length: number
  readonly settled: PromiseWithResolvers<void>
}

export interface CommitCounts {
  readonly commits: number
  readonly rows: number
  readonly transactions: number
  readonly lastBatch: number
  readonly lastMs: number
  readonly maxMs: number
}

/**
 * Group commit: one transaction runs at a time, and whatever arrives meanwhile shares the next one, so the disk sets
 * the pace and a hundred callers wait for one fsync together. Order is kept: a commit is durable only with or after
 * all before it, and promises settle in the order of the calls.
 *
 * The queue is bounded by `lengthMax`. Its callers have already changed their state when they come here, so turning
 * one write away would leave memory and disk apart for good: a disk that is so far behind counts as a failed one.
 * Callers who can say no to new work watch `fullness` and do it in time.
 */
export class CommitQueue {
  readonly #send: (writes: readonly EncodedWrite[], last: boolean) => void
  readonly #lengthMax: number
  #waiting: Commit[] = []
  #running: readonly Commit[] = []
  #length = 0
  #scheduled = false
  #failure: CodedError | undefined
  #idle: PromiseWithResolvers<void> | undefined
  #counts: CommitCounts = { commits: 0, rows: 0, transactions: 0, lastBatch: 0, lastMs: 0, maxMs: 0 }

  /** @param send hands a part of a transaction to the disk; the one that is `last` is answered by `committed` */
  constructor(send: (writes: readonly EncodedWrite[], last: boolean) => void, lengthMax: number) {
    this.#send = send
    this.#lengthMax = lengthMax
  }

  get counts(): CommitCounts {
    return this.#counts
  }

  /** Commits that are not durable yet. */
  get depth(): number {
    return this.#waiting.length + this.#running.length
  }

  /** Text that is not durable yet, in UTF-16 units. */
  get length(): number {
    return this.#length
  }

  /** 0 empty, 1 at the limit. */
  get fullness(): number {
    return this.#length / this.#lengthMax
  }

  get failure(): CodedError | undefined {
    return this.#failure
  }

  /** Values are read now: what the caller does with them later does not matter. */
  add(writes: readonly Write[]): Promise<void> {
    const settled = Promise.withResolvers<void>()
    if (this.#failure === undefined && this.#length >= this.#lengthMax) this.fail(this.#overflow())
    if (this.#failure !== undefined) {
      settled.reject(this.#failure)
      return settled.promise
    }
    const encoded = writes.map(encode)
    const length = encoded.reduce((sum, write) => sum + lengthOf(write), 0)
    this.#waiting.push({ writes: encoded, length, settled })
    this.#length += length
    this.#schedule()
    return settled.promise
  }

  /** The running transaction is on disk. */
  committed(ms: number): void {
    const batch = this.#running
    this.#running = []
    const counts = this.#counts
    this.#counts = {
      commits: counts.commits + batch.length,
      rows: counts.rows + batch.reduce((sum, commit) => sum + commit.writes.length, 0),
      transactions: counts.transactions + 1,
      lastBatch: batch.length,
      lastMs: ms,
      maxMs: Math.max(counts.maxMs, ms),
    }
    for (const commit of batch) {
      this.#length -= commit.length
      commit.settled.resolve()
    }
    if (this.#waiting.length > 0) this.#start()
    else this.#idle?.resolve()
  }

  /** Nothing more gets to the disk: every promise, those to come too, rejects. The first failure is the one told. */
  fail(failure: CodedError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    const lost = [...this.#running, ...this.#waiting]
    this.#running = []
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

  #overflow(): CodedError {
    const detail = `The disk is too slow: expected at most ${this.#lengthMax} characters waiting for it, got ${this.#length}.`
    return new CodedError('STORE_FAILED', detail)
  }

  /** Waits for the end of the current job, so that commits made in one go share a transaction. */
  #schedule(): void {
    if (this.#scheduled || this.#running.length > 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#running.length === 0 && this.#waiting.length > 0) this.#start()
    })
  }

  #start(): void {
    let rows = 0
    let length = 0
    let count = 0
    for (const commit of this.#waiting) {
      rows += commit.writes.length
      length += commit.length
      if (count > 0 && (rows > TRANSACTION_ROWS_MAX || length > TRANSACTION_LENGTH_MAX)) break
      count++
    }
    this.#running = this.#waiting.splice(0, count)
    this.#sendFrom(
      this.#running.flatMap(commit => commit.writes),
      0,
    )
  }

  #sendFrom(writes: readonly EncodedWrite[], from: number): void {
    if (this.#failure !== undefined) return
    const to = sliceEnd(writes, from)
    const last = to === writes.length
    this.#send(from === 0 && last ? writes : writes.slice(from, to), last)
    if (!last) setImmediate(() => this.#sendFrom(writes, to))
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
  return [write.table, write.key, write.value === undefined ? null : JSON.stringify(write.value)]
}

function lengthOf([, key, value]: EncodedWrite): number {
  return key.length + (value?.length ?? 0)
}
