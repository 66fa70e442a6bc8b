/**
 * Reads the configuration again while the daemon runs, and says of every key that differs what became of it: applied,
 * ignored, or needs a restart. All or nothing: a file with a problem changes nothing.
 *
 * On SIGHUP, and when the file changes. The file is looked at again and again by its status rather than watched: a
 * mounted ConfigMap changes by a symbolic link two directories up, and an editor by a rename, which watching one inode
 * misses.
 */
import { unwatchFile, watchFile } from 'node:fs'
import { CodedError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { type ConfigChange, changesBetween } from '../config/reload.ts'
import type { Logger } from '../runtime/ports.ts'

/** How often the file is looked at, in ms. */
const LOOK_MS = 1_000

export interface ReloadSource {
  /** Reads all sources anew. Throws CodedError. */
  readonly read: () => Config
  /** The file among them, to be looked at for changes. */
  readonly file?: string
}

export interface ReloadParts {
  readonly source: ReloadSource | undefined
  /** What the daemon was started with. */
  readonly config: Config
  /** By key of the configuration. One that answers `false` has not taken it. */
  readonly apply: Readonly<Record<string, (config: Config) => unknown>>
  readonly hasVoterList: () => boolean
  readonly logger: Logger
  /** For what is a bug. */
  readonly fatal: (error: unknown) => void
}

type Fate = 'applied' | 'ignored' | 'needs-restart'

export class Reload {
  readonly #parts: ReloadParts
  /** Where the value in force of a key comes from that was applied since the start. */
  readonly #applied = new Map<string, Config>()
  #last: Promise<void> = Promise.resolve()
  #stopped = false
  readonly #looked = (now: { mtimeMs: number; ino: number }, before: { mtimeMs: number; ino: number }) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) void this.request('file')
  }

  constructor(parts: ReloadParts) {
    this.#parts = parts
    const file = parts.source?.file
    if (file !== undefined) watchFile(file, { interval: LOOK_MS, persistent: false }, this.#looked)
  }

  /** One after the other. Resolves when this one is done. */
  request(reason: 'signal' | 'file'): Promise<void> {
    this.#last = this.#last.then(() => this.#run(reason)).catch(this.#parts.fatal)
    return this.#last
  }

  stop(): void {
    this.#stopped = true
    const file = this.#parts.source?.file
    if (file !== undefined) unwatchFile(file, this.#looked)
  }

  async #run(reason: string): Promise<void> {
    const { source, logger } = this.#parts
    if (this.#stopped) return
    if (source === undefined) {
      const detail = 'this daemon was not told where its configuration comes from'
      logger.log('warn', 'reload-failed', { reason, detail })
      return
    }
    try {
      await this.#take(reason, source.read())
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      logger.log('error', 'reload-failed', { reason, code: error.code, detail: error.detail })
    }
  }

  async #take(reason: string, found: Config): Promise<void> {
    const fates: Record<Fate, string[]> = { applied: [], ignored: [], 'needs-restart': [] }
    const { config } = this.#parts
    for (const change of changesBetween(key => this.#applied.get(key) ?? config, found)) {
      fates[await this.#fateOf(change, found)].push(change.key)
    }
    const { applied, ignored, 'needs-restart': needsRestart } = fates
    // What was not applied goes on to differ from what is in force, so that every reload says so again.
    for (const key of applied) this.#applied.set(key, found)
    const level = ignored.length + needsRestart.length > 0 ? 'warn' : 'info'
    this.#parts.logger.log(level, 'reloaded', { reason, applied, ignored, needsRestart })
  }

  async #fateOf({ key, reload }: ConfigChange, found: Config): Promise<Fate> {
    if (reload === 'first-list') return this.#parts.hasVoterList() ? 'ignored' : 'needs-restart'
    const apply = reload === 'applied' ? this.#parts.apply[key] : undefined
    if (apply === undefined) return 'needs-restart'
    return (await apply(found)) === false ? 'ignored' : 'applied'
  }
}
