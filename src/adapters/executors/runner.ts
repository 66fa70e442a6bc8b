/**
 * The runner as the `exec` executor sees it: always there. It is started with the first command, so that a node that
 * runs none pays nothing, and started anew with the next command after it was lost.
 */
import { randomUUID } from 'node:crypto'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Metric } from '../../node/status.ts'
import type { Logger } from '../../runtime/ports.ts'
import { leftoverMark } from './leftovers.ts'
import type { StartOrder } from './messages.ts'
import { type RunEnd, RunnerProcess } from './runner-process.ts'
import { killStrays, MARK_VARIABLE } from './stray-processes.ts'

/** A command without what the runner fills in. */
export type Command = Omit<StartOrder, 'kind' | 'id'>

export interface RunnerInit {
  readonly logger: Logger
  /** Where to remember a mark, so that the next daemon can kill what a `kill -9` of daemon and runner left behind. */
  readonly dataDir: string | undefined
}

export class Runner {
  readonly #logger: Logger
  /** Borne by everything that this daemon starts; it begins with what any daemon on this data directory uses. */
  readonly #mark: string
  /** What a predecessor left is gone. */
  readonly #swept: Promise<void>
  #process: RunnerProcess | undefined
  #lastId = 0
  #starts = 0
  #losses = 0
  #stopped = false

  constructor(init: RunnerInit) {
    this.#logger = init.logger
    const family = leftoverMark(init)
    this.#mark = `${family.mark}.${randomUUID()}`
    this.#swept = family.inherited ? this.#sweep(family.mark) : Promise.resolve()
  }

  /** Pid of the runner while it runs. */
  get pid(): number | undefined {
    return this.#process?.usable ? this.#process.pid : undefined
  }

  /** Runs a command to its end. Aborting stops it, and then too it resolves once it has ended. */
  async run(command: Command, signal: AbortSignal): Promise<RunEnd> {
    await this.#swept
    const runner = await this.#usable(signal)
    if (runner === undefined || signal.aborted || this.#stopped) return { kind: 'stopped' }
    const id = ++this.#lastId
    const env = { ...command.env, [MARK_VARIABLE]: `${this.#mark}.${id}` }
    const abort = (): void => runner.kill(id)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await runner.run({ kind: 'start', id, ...command, env })
    } finally {
      signal.removeEventListener('abort', abort)
    }
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
    await this.#swept
    await this.#process?.stop()
  }

  /** The one that runs, or a new one, but never before the last one and its commands are gone. */
  async #usable(signal: AbortSignal): Promise<RunnerProcess | undefined> {
    while (this.#process !== undefined && !this.#process.usable) await this.#process.gone
    if (this.#stopped || signal.aborted) return undefined
    this.#process ??= this.#start()
    return this.#process
  }

  #start(): RunnerProcess {
    const runner = new RunnerProcess({ mark: this.#mark, logger: this.#logger, env: compileCache() })
    this.#starts++
    this.#logger.log('info', 'runner-started', { pid: runner.pid })
    void runner.gone.then(() => {
      if (!this.#stopped) this.#losses++
      if (this.#process === runner) this.#process = undefined
    })
    return runner
  }

  async #sweep(family: string): Promise<void> {
    const killed = await killStrays({ mark: family, except: this.#mark })
    if (killed > 0) this.#logger.log('warn', 'leftovers-killed', { processes: killed })
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
