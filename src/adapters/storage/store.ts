import { randomUUID } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { assert, unreachable } from '../../base/assert.ts'
import { CodedError } from '../../base/errors.ts'
import type { Logger, Store } from '../../runtime/ports.ts'
import { Checkpoints } from './checkpoints.ts'
import { CommitQueue } from './commit-queue.ts'
import { watchLastSign } from './last-sign.ts'
import { storeMetrics } from './metrics.ts'
import { Pressure } from './pressure.ts'
import type {
  Birth,
  Condition,
  FileState,
  FromWorker,
  Salvaged,
  Table,
  ToWorker,
  WorkerOrder,
  Write,
} from './protocol.ts'
import type { Trouble } from './trouble.ts'

export interface StoreOptions {
  /** Size that the database file may reach, in bytes; beyond it a commit fails as on a full disk. Default 16 GiB. */
  readonly fileBytesMax?: number
  /** Text that may wait for the disk, in UTF-16 units, before the disk counts as failed. Default 128 Mi. */
  readonly queueLengthMax?: number
  /** Room on the disk that is kept for when it is full, in bytes. Default 16 MiB. */
  readonly reserveBytes?: number
  /** Path of the store whose reserve is given up when there is no room for this one. Default: this one. */
  readonly reserveOf?: string
  /** The boot in which this is opened, which is written into a store that is made now. Default 0: not known. */
  readonly boot?: number
}

/** Told when new work should be refused, and when it may come again. */
export type OnCondition = (condition: Condition, detail: string) => void

type Metrics = ReturnType<Store['metrics']>
type Rows = { key: string; value: unknown }[]
type RowsMessage = Extract<FromWorker, { kind: 'rows' }>

/** A hundred thousand tasks at their largest payload never fit anyway; at their usual 1 KB this is a tenfold margin. */
const FILE_BYTES_MAX = 16 * 1024 ** 3
/** Some ten thousand tasks can start and end in it, besides what emptying the log needs (see `StoreWorker`): 6 MiB. */
const RESERVE_BYTES = 16 * 1024 * 1024
/** A transaction that was held is tried again after this, in ms. */
const RETRY_MS = 250
/** It is looked so often, in ms, whether a write hangs. */
const LOOK_MS = 1_000
/** A tenth of a second of a good disk, a minute of a bad one. */
const QUEUE_LENGTH_MAX = 128 * 1024 * 1024
/** Unpacking rows gives the event loop back after this many ms. */
const UNPACK_MS = 5
/** `close` waits this long, in ms, for the disk to take what was committed, and as long for its thread to end. */
const CLOSE_MS_MAX = 10_000
/** The least that the thread gets to copy the log (16 MiB) and to end, in ms, however little its caller has left. */
const ENDING_MS_MIN = 1_000
/** The worker keeps one slice and SQLite's cache: a small heap keeps the daemon small. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 2 }
/** Runs from the sources (.ts) and from the built files (.js). */
const WORKER_FILE = new URL(
  `./store-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
)

/**
 * Opens (or creates, mode 0600) the store in a worker thread of its own.
 *
 * Throws STORE_CORRUPT, STORE_TOO_NEW, DATA_DIR_LOCKED or DATA_DIR_UNUSABLE; the files are then as they were.
 *
 * @param path of the database file, see `STORE_FILE`
 */
export async function openStore(path: string, options: StoreOptions = {}): Promise<SqliteStore> {
  const sign = new Int32Array(new SharedArrayBuffer(4))
  const workerData: WorkerOrder = {
    path,
    sign,
    fileBytesMax: options.fileBytesMax ?? FILE_BYTES_MAX,
    reserveBytes: options.reserveBytes ?? RESERVE_BYTES,
    reserveOf: options.reserveOf ?? path,
    birth: { diskId: randomUUID(), bornBoot: options.boot ?? 0 },
  }
  const worker = new Worker(WORKER_FILE, {
    workerData,
    name: 'store',
    env: {},
    execArgv: [],
    resourceLimits: WORKER_LIMITS,
  })
  const store = new SqliteStore(path, worker, sign, options.queueLengthMax ?? QUEUE_LENGTH_MAX)
  await store.opened
  return store
}

/**
 * The durable store: SQLite (log ahead of the file, synced at every commit) behind a worker thread.
 *
 * A commit resolves when it would survive a power cut, not before; commits share transactions (see `CommitQueue`). When
 * the disk is full or read-only, commits wait and are tried again until it is not; whoever watches `onCondition` refuses
 * new work meanwhile, and a reserve lets what was accepted go on (see `Room`). When the disk fails in any other way, it
 * is over: after a failed fsync nobody knows what the disk holds (the kernel may have dropped the pages and the next
 * fsync says "fine"), so every later commit rejects with STORE_FAILED and the process must end; what was acknowledged
 * before is read back at the next start.
 *
 * Roads not taken: a file of our own in append mode (compaction, checksums, recovery: SQLite has twenty years of
 * torn-page tests); SQLite on the main thread (an fsync of 50 ms on a busy disk looks to peers like a dying node).
 */
export class SqliteStore implements Store {
  readonly opened: Promise<void>
  readonly #path: string
  readonly #worker: Worker
  readonly #queue: CommitQueue
  readonly #opening = Promise.withResolvers<void>()
  readonly #exited = Promise.withResolvers<void>()
  readonly #reads = new Map<number, PromiseWithResolvers<RowsMessage>>()
  readonly #pressure: Pressure
  readonly #checkpoints: Checkpoints
  #onCondition: OnCondition | undefined
  #roomMade: PromiseWithResolvers<void> | undefined
  #salvaged: PromiseWithResolvers<Salvaged> | undefined
  #retry: NodeJS.Timeout | undefined
  readonly #looks: NodeJS.Timeout
  #birth: Birth | undefined
  #file: FileState = { pages: 0, freePages: 0, reserveBytes: 0, logBytes: 0 }
  #nextRead = 1
  #closing: Promise<void> | undefined
  #logger: Logger | undefined
  #closed = false
  #hasThread = true

  constructor(path: string, worker: Worker, sign: Int32Array<SharedArrayBuffer>, queueLengthMax: number) {
    this.#path = path
    this.#worker = worker
    this.#queue = new CommitQueue(
      (batch, writes, last) => this.#post({ kind: 'write', batch, writes, last }),
      queueLengthMax,
    )
    this.#checkpoints = new Checkpoints(path)
    this.#pressure = new Pressure((condition, detail) => this.#onCondition?.(condition, detail))
    this.#looks = setInterval(() => this.#pressure.writeTakes(this.#queue.runningMs), LOOK_MS).unref()
    this.opened = this.#opening.promise
    const unwatch = watchLastSign({
      sign,
      ask: () => this.#post({ kind: 'sign' }),
      missing: detail => this.#logger?.log('error', 'store-stuck', { path, detail }),
    })
    worker.on('message', (message: FromWorker) => this.#receive(message))
    worker.on('error', error => this.#fail(`The store's thread ended: ${error.message}`))
    worker.on('exit', code => {
      unwatch()
      this.#hasThread = false
      this.#fail(`The store's thread ended with code ${code}.`)
      this.#exited.resolve()
    })
  }

  /** How much of the commit queue is in use, 0 to 1; at 1 the next commit fails the store. */
  get fullness(): number {
    return this.#queue.fullness
  }

  /** Which disk this is, and in which boot of the node its store was made. */
  get birth(): Birth {
    assert(this.#birth !== undefined, 'a store is asked once it is open', { path: this.#path })
    return this.#birth
  }

  /** From now on this one is told; at once, when something else than `ok` holds. */
  watch(onCondition: OnCondition): void {
    this.#onCondition = onCondition
    const { condition, detail } = this.#pressure
    if (condition !== 'ok') onCondition(condition, detail)
  }

  /** From now on what does not concern anybody's work is said here: that the log is not copied. */
  logTo(logger: Logger): void {
    this.#logger = logger
    this.#checkpoints.logTo(logger)
  }

  /** Gives up the reserve, since something else of this daemon needs room on the disk. New work is refused from now on. */
  makeRoom(): Promise<void> {
    this.#roomMade ??= Promise.withResolvers()
    this.#post({ kind: 'make-room' })
    return this.#roomMade.promise
  }

  /**
   * Copies what can still be read of a damaged store. To be called before the first commit. Rejects with STORE_FAILED, on a
   * full disk too (the cause is then `full`): nobody waits for room here.
   * @param path of its main file
   */
  salvage(path: string, table: Table): Promise<Salvaged> {
    this.#salvaged ??= Promise.withResolvers()
    this.#post({ kind: 'salvage', path, table })
    return this.#salvaged.promise
  }

  /** Rows in no certain order. Rejects with STORE_CORRUPT when one is damaged, or missing. */
  async load(table: Table): Promise<Rows> {
    const rows: Rows = []
    let next: Promise<RowsMessage> | undefined = this.#read(table, undefined)
    while (next !== undefined) {
      const message: RowsMessage = await next
      // The worker reads on while this thread unpacks.
      next = message.done ? undefined : this.#read(table, message.last)
      next?.catch(() => undefined) // told when it is awaited; unpacking may fail first
      await this.#unpack(message.rows, rows, table)
    }
    return rows
  }

  commit(writes: readonly Write[], urgent = false): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(this.#failed('The store is closed.'))
    const done = this.#queue.add(writes, urgent)
    this.#pressure.queueIs(this.#queue.fullness)
    return done
  }

  metrics(): Metrics {
    return storeMetrics(this.#queue, this.#pressure.condition, this.#file, this.#checkpoints.failed)
  }

  /** It was closed, and its thread has not ended: the disk does not answer. The process ends all the same (`last-sign.ts`). */
  get stuck(): boolean {
    return this.#closed && this.#hasThread
  }

  /**
   * Waits for what was committed; then copies the log into the file. What the disk does not take in time, since it is full or
   * hangs, was told to nobody.
   * @param withinMs how long it waits, in ms, when that is less than the 10 s that it waits at most
   */
  close(withinMs = CLOSE_MS_MAX): Promise<void> {
    this.#closing ??= this.#close(Math.min(withinMs, CLOSE_MS_MAX))
    return this.#closing
  }

  async #close(withinMs: number): Promise<void> {
    await Promise.race([this.#queue.idle(), after(withinMs)])
    clearTimeout(this.#retry)
    clearInterval(this.#looks)
    this.#post({ kind: 'close' })
    await Promise.race([this.#exited.promise, after(Math.max(withinMs, ENDING_MS_MIN))])
    this.#fail('The store was closed.')
    await Promise.race([this.#worker.terminate(), after(ENDING_MS_MIN)])
    this.#closed = true
    this.#worker.unref() // a thread stuck in the kernel must not keep the event loop
  }

  #read(table: Table, after: number | undefined): Promise<RowsMessage> {
    const failure = this.#queue.failure
    if (failure !== undefined || this.#closing !== undefined) {
      return Promise.reject(failure ?? this.#failed('The store is closed.'))
    }
    const answer = Promise.withResolvers<RowsMessage>()
    const id = this.#nextRead++
    this.#reads.set(id, answer)
    this.#post({ kind: 'read', id, table, after })
    return answer.promise
  }

  async #unpack(packed: readonly string[], into: Rows, table: Table): Promise<void> {
    let turn = performance.now()
    for (let i = 0; i < packed.length; i += 2) {
      const key = packed[i] as string
      into.push({ key, value: this.#parse(table, key, packed[i + 1] as string) })
      if (performance.now() - turn < UNPACK_MS) continue
      await new Promise(resolve => setImmediate(resolve))
      turn = performance.now()
    }
  }

  #parse(table: Table, key: string, json: string): unknown {
    try {
      return JSON.parse(json)
    } catch (error) {
      const detail = `${this.#path}: the row ${JSON.stringify(key)} of ${table}: expected JSON, found ${JSON.stringify(json.slice(0, 80))}.`
      throw new CodedError('STORE_CORRUPT', detail, { cause: error })
    }
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'opened':
        this.#birth = message.birth
        this.#file = message.file
        this.#opening.resolve()
        break
      case 'refused':
        this.#opening.reject(new CodedError(message.code, message.detail, { cause: message.trouble }))
        break
      case 'committed':
        this.#file = message.file
        this.#queue.committed(message.ms)
        this.#pressure.queueIs(this.#queue.fullness)
        this.#pressure.writeTakes(this.#queue.runningMs)
        break
      case 'file':
        this.#file = message.file
        break
      case 'held':
        this.#queue.held()
        this.#retry = setTimeout(() => this.#queue.retry(), RETRY_MS)
        break
      case 'condition':
        this.#pressure.diskIs(message.condition, message.detail)
        break
      case 'checkpoint-failed':
        this.#checkpoints.fails(message.detail, message.logBytes)
        break
      case 'room-made':
        this.#roomMade?.resolve()
        break
      case 'salvaged':
        this.#salvaged?.resolve(message.salvaged)
        break
      case 'failed':
        this.#fail(message.detail, message.trouble)
        break
      case 'rows':
        this.#takeRead(message.id)?.resolve(message)
        break
      case 'unreadable':
        this.#takeRead(message.id)?.reject(new CodedError(message.code, message.detail))
        break
      default:
        unreachable(message)
    }
  }

  #takeRead(id: number): PromiseWithResolvers<RowsMessage> | undefined {
    const read = this.#reads.get(id)
    this.#reads.delete(id)
    return read
  }

  #fail(detail: string, trouble?: Trouble): void {
    const failure = this.#failed(detail, trouble)
    this.#opening.reject(failure)
    this.#queue.fail(failure)
    clearInterval(this.#looks)
    for (const read of this.#reads.values()) read.reject(failure)
    this.#reads.clear()
    this.#roomMade?.reject(failure)
    this.#salvaged?.reject(failure)
  }

  #failed(detail: string, cause?: Trouble): CodedError {
    return new CodedError('STORE_FAILED', detail, { cause })
  }
}

/** A pause that holds no process. */
const after = (ms: number): Promise<void> => new Promise(resolve => void setTimeout(resolve, ms).unref())
