/**
 * What this node can run, by type. Each executor judges its own payloads and runs its own attempts; here they get their
 * name, their metrics, and the promise that the port makes: `execute` never rejects, every end is an outcome.
 *
 * A payload is judged twice, when a task is submitted and before each attempt: a task may have been accepted by a node
 * whose configuration differs, or before this one's changed.
 */
import type { Failure } from '../../base/errors.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Executors, Logger } from '../../runtime/ports.ts'
import type { AttemptError, Outcome } from '../../tasks/task.ts'
import { compute } from './compute.ts'
import type { ExecutorsConfig } from './config.ts'
import { echo } from './echo.ts'
import { ExecExecutor } from './exec.ts'
import { cancelled, type Executor, failed } from './executor.ts'
import { HttpExecutor } from './http.ts'
import { quote } from './payload.ts'
import { unreliable } from './unreliable.ts'

export interface ExecutorsInit {
  readonly config: ExecutorsConfig
  readonly logger: Logger
  /** This daemon's own, locked directory. Lets it find commands that a killed predecessor left running. */
  readonly dataDir?: string
}

/** Beyond the port: for those who watch the runner as a process. */
export interface LocalExecutors extends Executors {
  /** Pid of the runner while it runs; it starts with the first `exec` attempt. */
  runnerPid(): number | undefined
}

/** @throws CodedError CONFIG_INVALID when `config` asks for more than is possible */
export function createExecutors({ config, logger, dataDir }: ExecutorsInit): LocalExecutors {
  const exec = new ExecExecutor({ config, logger, dataDir })
  const executors = new Map<string, Executor>([
    ['exec', exec],
    ['http', new HttpExecutor(config)],
    ...(config.builtin ? BUILTIN : []),
  ])
  return new Catalogue(executors, logger, () => exec.runnerPid)
}

const BUILTIN = [
  ['echo', echo],
  ['compute', compute],
  ['unreliable', unreliable],
] as const satisfies readonly (readonly [string, Executor])[]

class Catalogue implements LocalExecutors {
  readonly types: ReadonlySet<string>
  readonly runnerPid: () => number | undefined
  readonly #executors: ReadonlyMap<string, Executor>
  readonly #logger: Logger
  readonly #running = new Map<string, number>()
  /** Ends by type and outcome, as `exec TIMEOUT`. */
  readonly #ended = new Map<string, number>()
  readonly #aborts = new Set<AbortController>()
  readonly #open = new Set<Promise<Outcome>>()
  #stopping = false
  #stopped: Promise<void> | undefined

  constructor(executors: ReadonlyMap<string, Executor>, logger: Logger, runnerPid: () => number | undefined) {
    this.#executors = executors
    this.#logger = logger
    this.types = new Set(executors.keys())
    this.runnerPid = runnerPid
  }

  check(type: string, payload: unknown): Failure | undefined {
    const executor = this.#executors.get(type)
    if (executor !== undefined) return executor.check(payload)
    const expected = `one of ${[...this.types].join(', ')}`
    const problem = { at: 'type', expected, got: quote(type) }
    const detail = `type: expected ${expected}, got ${problem.got}.`
    return { code: 'EXECUTOR_UNKNOWN', detail, problems: [problem] }
  }

  execute(order: AttemptOrder, signal: AbortSignal): Promise<Outcome> {
    const outcome = this.#execute(order, signal)
    this.#open.add(outcome)
    void outcome.then(() => this.#open.delete(outcome))
    return outcome
  }

  metrics(): readonly Metric[] {
    const running = [...this.types].map(type => ({ labels: { type }, value: this.#running.get(type) ?? 0 }))
    const ended = [...this.#ended].map(([name, value]) => {
      const [type = '', outcome = ''] = name.split(' ')
      return { labels: { type, outcome }, value }
    })
    return [
      { name: 'attempts_running', help: 'Attempts running on this node.', type: 'gauge', samples: running },
      { name: 'attempts_total', help: 'Attempts ended, by outcome.', type: 'counter', samples: ended },
      ...[...this.#executors.values()].flatMap(executor => executor.metrics?.() ?? []),
    ]
  }

  /** Kills what runs and waits until all of it is gone. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  async #end(): Promise<void> {
    this.#stopping = true
    for (const abort of this.#aborts) abort.abort()
    await Promise.all([...this.#executors.values()].map(executor => executor.stop?.()))
    await Promise.all(this.#open)
  }

  async #execute(order: AttemptOrder, signal: AbortSignal): Promise<Outcome> {
    const failure = this.check(order.type, order.payload)
    const outcome = failure === undefined ? await this.#run(order, signal) : refused(failure)
    // A type that is not ours may be any text: it gets no label of its own.
    const type = this.types.has(order.type) ? order.type : 'unknown'
    const name = `${type} ${outcome.ok ? 'succeeded' : outcome.error.code}`
    this.#ended.set(name, (this.#ended.get(name) ?? 0) + 1)
    return outcome
  }

  async #run(order: AttemptOrder, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted || this.#stopping) return cancelled()
    const abort = new AbortController()
    const forward = (): void => abort.abort()
    signal.addEventListener('abort', forward, { once: true })
    this.#aborts.add(abort)
    this.#count(order.type, 1)
    try {
      return (await this.#executors.get(order.type)?.execute(order, abort.signal)) ?? cancelled()
    } catch (error) {
      const { stack, message } = error as Error
      this.#logger.log('error', 'executor-threw', { type: order.type, task: order.task, stack })
      return failed('THREW', message)
    } finally {
      signal.removeEventListener('abort', forward)
      this.#aborts.delete(abort)
      this.#count(order.type, -1)
    }
  }

  #count(type: string, change: 1 | -1): void {
    this.#running.set(type, (this.#running.get(type) ?? 0) + change)
  }
}

/** `check` gives these three codes only. */
const refused = (failure: Failure): Outcome =>
  failed(failure.code as AttemptError['code'], failure.detail, false)
