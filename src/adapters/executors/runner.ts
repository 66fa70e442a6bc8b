/**
 * The runner as the executors of commands and modules see it: always there. It is started with the first of them, so that a node that
 * runs none pays nothing, and started anew with the next one after it was lost.
 */
import { randomUUID } from 'node:crypto'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Instant } from '../../base/time.ts'
import type { Metric } from '../../node/status.ts'
import type { Logger } from '../../runtime/ports.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import { leftoverMark } from './leftovers.ts'
import type { Limit } from './limit.ts'
import type { ModuleOrder, StartOrder } from './messages.ts'
import { sharedMsOf } from './monotonic-clock.ts'
import { RUNNER_VARIABLE } from './runner-channel.ts'
import { type RunEnd, RunnerProcess } from './runner-process.ts'
import { MARK_VARIABLE } from './stray-processes.ts'

/** A command without what the runner fills in. */
export type Command = Omit<StartOrder, 'id' | 'deadlineMs'>

/** An attempt in a module without that. */
export type ModuleCommand = Omit<ModuleOrder, 'id' | 'deadlineMs'>

export interface RunnerInit {
  readonly logger: Logger
  /**
   * Where the runner holds its lock, and where to remember a mark, so that the next daemon can kill what a `kill -9` of
   * daemon and runner left behind (`clearLeftovers`).
   */
  readonly dataDir: string | undefined
}

export class Runner {
  readonly #logger: Logger
  readonly #dataDir: string | undefined
  /** Borne by everything that this daemon starts; it begins with what any daemon on this data directory uses. */
  readonly #mark: string
  /** The ids of what runs. */
  readonly #ids = new Map<Limit, number>()
  #process: RunnerProcess | undefined
  #lastId = 0
  #starts = 0
  #failures = 0
  #losses = 0
  #stopped = false

  /** @throws CodedError DATA_DIR_UNUSABLE when the mark cannot be kept */
  constructor(init: RunnerInit) {
    this.#logger = init.logger
    this.#dataDir = init.dataDir
    const family = init.dataDir === undefined ? randomUUID() : leftoverMark(init.dataDir)
    this.#mark = `${family}.${randomUUID()}`
  }

  /** Pid of the runner while it runs. */
  get pid(): number | undefined {
    return this.#process?.usable ? this.#process.pid : undefined
  }

  /**
   * Runs a command, or an attempt in a module, to its end. Aborting stops it, and then too it resolves once it has ended. It is dead before its
   * limit, wherever `extend` has moved that.
   */
  async run(
    command: Command | ModuleCommand,
    signal: AbortSignal,
    limit: Limit,
    desk: AttemptDesk,
  ): Promise<RunEnd> {
    const runner = await this.#usable(signal)
    if (runner instanceof Error) return { kind: 'unstarted', reason: runner.message }
    if (runner === undefined || signal.aborted || this.#stopped) return { kind: 'stopped' }
    const id = ++this.#lastId
    const abort = (): void => runner.kill(id)
    signal.addEventListener('abort', abort, { once: true })
    this.#ids.set(limit, id)
    try {
      return await runner.run(this.#orderOf(command, id, limit), desk)
    } finally {
      this.#ids.delete(limit)
      signal.removeEventListener('abort', abort)
    }
  }

  /** A command bears a mark of its own; the processes of modules, which serve many attempts, get theirs from the runner. */
  #orderOf(command: Command | ModuleCommand, id: number, limit: Limit): StartOrder | ModuleOrder {
    const deadlineMs = sharedMsOf(limit.until)
    if (command.kind === 'module') return { ...command, id, deadlineMs }
    const env = { ...command.env, [MARK_VARIABLE]: `${this.#mark}.${id}` }
    return { ...command, id, env, deadlineMs }
  }

  /** Tells the runner that these limits have moved. */
  extend(limits: readonly Limit[], until: Instant): void {
    const ids = limits.flatMap(limit => this.#ids.get(limit) ?? [])
    if (ids.length > 0) this.#process?.extend(ids, sharedMsOf(until))
  }

  metrics(): readonly Metric[] {
    return [
      {
        name: 'runner_starts_total',
        help: 'Runner processes started.',
        type: 'counter',
        samples: [{ value: this.#starts }],
      },
      {
        name: 'runner_start_failures_total',
        help: 'Runner processes that could not be started: no more processes, files or memory.',
        type: 'counter',
        samples: [{ value: this.#failures }],
      },
      {
        name: 'runner_losses_total',
        help: 'Runner processes that died or were killed while wanted.',
        type: 'counter',
        samples: [{ value: this.#losses }],
      },
      {
        name: 'runner_up',
        help: 'Whether the runner process is there; it starts with the first command.',
        type: 'gauge',
        samples: [{ value: this.pid === undefined ? 0 : 1 }],
      },
    ]
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#process?.stop()
  }

  /** The one that runs, or a new one, but never before the last one and its commands are gone. */
  async #usable(signal: AbortSignal): Promise<RunnerProcess | Error | undefined> {
    while (this.#process !== undefined && !this.#process.usable) await this.#process.gone
    if (this.#stopped || signal.aborted) return undefined
    if (this.#process !== undefined) return this.#process
    try {
      return this.#start()
    } catch (error) {
      // Some failures of a spawn come as an event, others (no memory) are thrown.
      this.#failures++
      this.#logger.log('error', 'runner-unstarted', { reason: (error as Error).message, attempts: 1 })
      return error as Error
    }
  }

  #start(): RunnerProcess {
    const runner = new RunnerProcess({
      mark: this.#mark,
      lockIn: this.#dataDir,
      logger: this.#logger,
      env: { ...compileCache(), [RUNNER_VARIABLE]: this.#mark },
    })
    const { pid } = runner
    if (pid === undefined) this.#failures++
    else {
      this.#starts++
      this.#logger.log('info', 'runner-started', { pid })
    }
    this.#process = runner
    void runner.gone.then(() => {
      if (!this.#stopped && pid !== undefined) this.#losses++
      if (this.#process === runner) this.#process = undefined
    })
    return runner
  }
}

/**
 * From source, node would load a TypeScript compiler into the runner: 12 MB of its own and 17 in all, as much as the
 * rest of it. Its cache of stripped code avoids that from the second start on. From `dist` there is nothing to avoid.
 */
function compileCache(): Readonly<Record<string, string>> {
  if (extname(import.meta.url) !== '.ts') return {}
  const cache = new URL('../../../node_modules/.cache/roundtable', import.meta.url)
  return { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? fileURLToPath(cache) }
}
