/**
 * Reads the configuration again while the daemon runs, and says of every key that differs what became of it: applied,
 * ignored, or needs a restart. All or nothing: a file with a problem changes nothing.
 *
 * On SIGHUP, and when the file changes (see `file-watch.ts`), be it while the daemon starts.
 *
 * However often it is asked for, at most one reload runs and at most one waits: the one that waits has not read yet, so
 * it answers all who ask meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { type ConfigChange, changesBetween } from '../config/reload.ts'
import type { Logger } from '../runtime/ports.ts'
import { markOf, watchFile } from './file-watch.ts'

/** Between the end of a reload and the next one, in ms: a storm of signals costs one short reading a second. */
const REST_MS = 1_000
/** To call off what is read takes a moment, or for ever on a disk that does not answer; it is waited for so long, in ms. */
const CALL_OFF_MS = 1_000

export interface ReloadSource {
  /**
   * Reads all sources anew, off the event loop where they may be large (`readElsewhere`). Throws CodedError. Called off by
   * the signal, it rejects as soon as it can.
   */
  readonly read: (signal: AbortSignal) => Config | Promise<Config>
  /** The file among them, to be looked at for changes. */
  readonly file?: string
  /** `markOf` this file, taken before it was read first. Without it a change before the daemon is called goes unnoticed. */
  readonly mark?: string
}

export interface ReloadParts {
  readonly source: ReloadSource | undefined
  /** What the daemon was started with. */
  readonly config: Config
  /** Rejects with a CodedError for what is wrong in what was read and its parser cannot know of. */
  readonly check: (config: Config) => Promise<void>
  /** By key of the configuration. One that answers `false` has not taken it. */
  readonly apply: Readonly<Record<string, (config: Config) => unknown>>
  readonly hasVoterList: () => boolean
  readonly logger: Logger
  /** For what is a bug. */
  readonly fatal: (error: unknown) => void
  /** Default `REST_MS`. */
  readonly restMs?: number
}

type Reason = 'signal' | 'file'

type Fate = 'applied' | 'ignored' | 'needs-restart'

export class Reload {
  readonly #parts: ReloadParts
  /** Where the value in force of a key comes from that was applied since the start. */
  readonly #applied = new Map<string, Config>()
  #running: Promise<void> = Promise.resolve()
  #reading: Promise<unknown> = Promise.resolve()
  #waiting: { readonly done: Promise<void>; requests: number } | undefined
  #restsUntil = 0
  readonly #stop = new AbortController()
  readonly #unwatch: (() => void) | undefined

  constructor(parts: ReloadParts) {
    this.#parts = parts
    const { file, mark } = parts.source ?? {}
    if (file === undefined) return
    this.#unwatch = watchFile(file, mark ?? markOf(file), () => void this.request('file'))
  }

  /** One waits already, that will answer the next request, too. */
  get waits(): boolean {
    return this.#waiting !== undefined
  }

  /** Resolves when a reload is done that began after this call. */
  request(reason: Reason): Promise<void> {
    if (this.#waiting === undefined) this.#waiting = { done: this.#runNext(reason), requests: 0 }
    this.#waiting.requests++
    return this.#waiting.done
  }

  /** What is being read is called off. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#unwatch?.()
    const patience = new AbortController()
    const late = pause(CALL_OFF_MS, undefined, { signal: patience.signal })
    await Promise.allSettled([Promise.race([this.#reading, late]).finally(() => patience.abort())])
  }

  async #runNext(reason: Reason): Promise<void> {
    await this.#running
    await this.#rest()
    const requests = this.#waiting?.requests ?? 1
    this.#waiting = undefined
    this.#running = this.#run(reason, requests)
      .catch(this.#parts.fatal)
      .finally(() => {
        this.#restsUntil = performance.now() + (this.#parts.restMs ?? REST_MS)
      })
    await this.#running
  }

  async #rest(): Promise<void> {
    const leftMs = this.#restsUntil - performance.now()
    if (leftMs <= 0 || this.#stop.signal.aborted) return
    const options = { ref: false, signal: this.#stop.signal }
    await pause(leftMs, undefined, options).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error
    })
  }

  async #run(reason: Reason, requests: number): Promise<void> {
    const { source, check, logger } = this.#parts
    if (this.#stop.signal.aborted) return
    if (source === undefined) {
      const detail = 'this daemon was not told where its configuration comes from'
      logger.log('warn', 'reload-failed', { reason, requests, detail })
      return
    }
    try {
      const reading = Promise.resolve(source.read(this.#stop.signal))
      this.#reading = reading
      const found = await reading
      await check(found)
      if (!this.#stop.signal.aborted) await this.#take(reason, requests, found)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      if (this.#stop.signal.aborted) return // it was called off
      const { code, detail } = error
      logger.log('error', 'reload-failed', { reason, requests, code, detail })
    }
  }

  async #take(reason: Reason, requests: number, found: Config): Promise<void> {
    const fates: Record<Fate, string[]> = { applied: [], ignored: [], 'needs-restart': [] }
    const { config } = this.#parts
    for (const change of changesBetween(key => this.#applied.get(key) ?? config, found)) {
      fates[await this.#fateOf(change, found)].push(change.key)
    }
    const { applied, ignored, 'needs-restart': needsRestart } = fates
    // What was not applied goes on to differ from what is in force, so that every reload says so again.
    for (const key of applied) this.#applied.set(key, found)
    const level = ignored.length + needsRestart.length > 0 ? 'warn' : 'info'
    this.#parts.logger.log(level, 'reloaded', { reason, requests, applied, ignored, needsRestart })
  }

  async #fateOf({ key, reload }: ConfigChange, found: Config): Promise<Fate> {
    if (reload === 'first-list') return this.#parts.hasVoterList() ? 'ignored' : 'needs-restart'
    const apply = reload === 'applied' ? this.#parts.apply[key] : undefined
    if (apply === undefined) return 'needs-restart'
    return (await apply(found)) === false ? 'ignored' : 'applied'
  }
}
