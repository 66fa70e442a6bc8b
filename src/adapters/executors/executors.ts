/**
 * What this node can run, by type. Each executor judges its own payloads and runs its own attempts; here they get their
 * name, their metrics, and the promise that the port makes: `execute` never rejects, every end is an outcome.
 *
 * A payload is judged twice, when a task is submitted and before each attempt: a task may have been accepted by a node
 * whose configuration differs, or before this one's changed.
 */
import type { Failure } from '../../base/errors.ts'
import type { TaskId } from '../../base/ids.ts'
import { type Instant, NEVER } from '../../base/time.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Executors, Logger } from '../../runtime/ports.ts'
import type { AttemptLook } from '../../tasks/messages.ts'
import type { ProgressReport } from '../../tasks/progress.ts'
import type { AttemptError, Outcome } from '../../tasks/task.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import { ClaimExecutor } from './claims/claim-executor.ts'
import { compute } from './compute.ts'
import type { ExecutorsConfig } from './config.ts'
import { Desks } from './desks.ts'
import { echo } from './echo.ts'
import { ExecExecutor } from './exec.ts'
import { cancelled, type Executor, failed, fenced } from './executor.ts'
import { HttpExecutor } from './http.ts'
import { Limit } from './limit.ts'
import { ModuleExecutor } from './module.ts'
import { quote } from './payload.ts'
import { Runner } from './runner.ts'
import { unreliable } from './unreliable.ts'

/**
 * What this process stops by itself is aborted so long before its right to act ends, in ms. It is no guarantee, as this
 * process may stand still: hence the second look at the clock when the executor has answered.
 */
const ABORT_LEAD_MS = 100

export interface ExecutorsInit {
  readonly config: ExecutorsConfig
  readonly logger: Logger
  /** This daemon's own, locked directory, of which `clearLeftovers` has made sure that nobody acts there any more. */
  readonly dataDir?: string
}

/** Beyond the port: for those who watch the runner as a process. */
export interface LocalExecutors extends Executors {
  /** Pid of the runner while it runs; it starts with the first attempt of a command or a module. */
  runnerPid(): number | undefined
  /** For the faces through which clients claim tasks, and for the daemon that ties it to the core. */
  readonly claims: ClaimExecutor
  /** Where this node's own API is from now on: `http` tasks are told where to report their progress. */
  servedAt(url: string): void
}

/** @throws CodedError CONFIG_INVALID when `config` asks for more than is possible */
export function createExecutors({ config, logger, dataDir }: ExecutorsInit): LocalExecutors {
  const runner = new Runner({ logger, dataDir })
  const claims = new ClaimExecutor({ config: config.claim, logger })
  const modules = Object.entries(config.modules).map(
    ([type, module]) => [type, new ModuleExecutor({ type, module, runner, logger })] as const,
  )
  const executors = new Map<string, Executor>([
    ...config.claim.types.map(type => [type, claims] as const),
    ['exec', new ExecExecutor({ config, logger, runner })],
    ['http', new HttpExecutor(config)],
    ...(config.builtin ? BUILTIN : []),
    ...modules,
  ])
  return new Catalogue(executors, claims, logger, runner)
}

const BUILTIN = [
  ['echo', echo],
  ['compute', compute],
  ['unreliable', unreliable],
] as const satisfies readonly (readonly [string, Executor])[]

interface Running {
  readonly executor: Executor
  readonly limit: Limit
}

class Catalogue implements LocalExecutors {
  readonly types: ReadonlySet<string>
  readonly claims: ClaimExecutor
  readonly #runner: Runner
  readonly #desks = new Desks()
  readonly #executors: ReadonlyMap<string, Executor>
  readonly #logger: Logger
  /** By `attemptName`. */
  readonly #running = new Map<string, Running>()
  /** How many run, by type. */
  readonly #counts = new Map<string, number>()
  /** Ends by type and outcome, as `exec TIMEOUT`. */
  readonly #ended = new Map<string, number>()
  readonly #aborts = new Set<AbortController>()
  readonly #open = new Set<Promise<Outcome>>()
  #stopping = false
  #stopped: Promise<void> | undefined

  constructor(
    executors: ReadonlyMap<string, Executor>,
    claims: ClaimExecutor,
    logger: Logger,
    runner: Runner,
  ) {
    this.#executors = executors
    this.claims = claims
    this.#logger = logger
    this.#runner = runner
    this.types = new Set(executors.keys())
  }

  runnerPid(): number | undefined {
    return this.#runner.pid
  }

  servedAt(url: string): void {
    this.#desks.servedAt(url)
  }

  look(task: TaskId, attempt: number, logBytes: number): Promise<AttemptLook | undefined> {
    return this.#desks.look(task, attempt, logBytes)
  }

  report(address: string, report: ProgressReport): boolean {
    return this.#desks.report(address, report)
  }

  check(type: string, payload: unknown): Failure | undefined {
    const executor = this.#executors.get(type)
    if (executor !== undefined) return executor.check(payload)
    const allowed = [...this.#executors].filter(([, each]) => each.allows?.() !== false).map(([name]) => name)
    const expected =
      allowed.length > 0 ? `one of ${allowed.join(', ')}` : 'no task here, as executors allows none'
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

  extend(attempts: readonly { readonly task: TaskId; readonly attempt: number }[], until: Instant): void {
    const limits = new Map<Executor, Limit[]>()
    for (const { task, attempt } of attempts) {
      const running = this.#running.get(attemptName(task, attempt))
      if (running === undefined) continue // It has just ended, or waits to begin and will be extended then.
      running.limit.extend(until)
      const same = limits.get(running.executor)
      if (same === undefined) limits.set(running.executor, [running.limit])
      else same.push(running.limit)
    }
    for (const [executor, moved] of limits) executor.extend?.(moved, until)
  }

  metrics(): readonly Metric[] {
    const running = [...this.types].map(type => ({ labels: { type }, value: this.#counts.get(type) ?? 0 }))
    const ended = [...this.#ended].map(([name, value]) => {
      const [type = '', outcome = ''] = name.split(' ')
      return { labels: { type, outcome }, value }
    })
    return [
      { name: 'attempts_running', help: 'Attempts running on this node.', type: 'gauge', samples: running },
      { name: 'attempts_total', help: 'Attempts ended, by outcome.', type: 'counter', samples: ended },
      ...this.#runner.metrics(),
      ...this.#desks.metrics(),
      ...gathered([...this.#distinct()].flatMap(executor => executor.metrics?.() ?? [])),
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
    await Promise.all([this.#runner.stop(), ...[...this.#distinct()].map(executor => executor.stop?.())])
    await Promise.all(this.#open)
  }

  /** One may carry out several types, or at the moment none. */
  #distinct(): ReadonlySet<Executor> {
    return new Set([...this.#executors.values(), this.claims])
  }

  async #execute(order: AttemptOrder, signal: AbortSignal): Promise<Outcome> {
    const failure = this.check(order.type, order.payload)
    const timed = inTime(order)
    const outcome =
      failure !== undefined ? refused(failure) : timed ? await this.#run(timed, signal) : TOO_LATE
    // A type that is not ours may be any text: it gets no label of its own.
    const type = this.types.has(order.type) ? order.type : 'unknown'
    const name = `${type} ${outcome.ok ? 'succeeded' : outcome.error.code}`
    this.#ended.set(name, (this.#ended.get(name) ?? 0) + 1)
    return outcome
  }

  async #run(order: AttemptOrder, signal: AbortSignal): Promise<Outcome> {
    const executor = this.#executors.get(order.type)
    if (signal.aborted || this.#stopping || executor === undefined) return cancelled()
    const limit = new Limit(order.until ?? NEVER)
    if (limit.over) return fenced('was not started')
    const abort = new AbortController()
    const forward = (): void => abort.abort()
    signal.addEventListener('abort', forward, { once: true })
    this.#aborts.add(abort)
    this.#count(order.type, 1)
    const name = attemptName(order.task, order.attempt)
    this.#running.set(name, { executor, limit })
    const desk = this.#desks.open(order.task, order.attempt)
    try {
      if (executor.extend !== undefined) return await executor.execute(order, abort.signal, limit, desk)
      return await executeWithin(limit, executor, order, abort, desk)
    } catch (error) {
      const { stack, message } = error as Error
      this.#logger.log('error', 'executor-threw', { type: order.type, task: order.task, stack })
      return failed('THREW', message)
    } finally {
      signal.removeEventListener('abort', forward)
      this.#aborts.delete(abort)
      this.#desks.close(desk)
      this.#running.delete(name)
      this.#count(order.type, -1)
    }
  }

  #count(type: string, change: 1 | -1): void {
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + change)
  }
}

const attemptName = (task: TaskId, attempt: number): string => `${attempt} ${task}`

/** For executors that do not keep a limit by themselves. An answer that came too late may tell of work done too late. */
async function executeWithin(
  limit: Limit,
  executor: Executor,
  order: AttemptOrder,
  abort: AbortController,
  desk: AttemptDesk,
): Promise<Outcome> {
  let isDue = false
  const unwatch = limit.watch(ABORT_LEAD_MS, () => {
    if (abort.signal.aborted) return // Cancelled before, which is how it ends.
    isDue = true
    abort.abort()
  })
  try {
    const outcome = await executor.execute(order, abort.signal, limit, desk)
    const late = isDue || limit.over
    return late && (outcome.ok || isDue || !abort.signal.aborted) ? fenced('was stopped') : outcome
  } finally {
    unwatch()
  }
}

const TOO_LATE = failed('EXPIRED', 'the time of its task was over before it began')

/** With the time that is left of its task by now; undefined when none is: its start may have waited long for the disk. */
function inTime(order: AttemptOrder): AttemptOrder | undefined {
  if (order.expiresAt === undefined) return order
  const leftMs = order.expiresAt - Date.now()
  return leftMs > 0 ? { ...order, timeoutMs: Math.min(order.timeoutMs, leftMs) } : undefined
}

/** `check` gives these three codes only. */
const refused = (failure: Failure): Outcome =>
  failed(failure.code as AttemptError['code'], failure.detail, false)

/** Executors of one make speak of the same metrics, each with samples of its own. */
function gathered(metrics: readonly Metric[]): readonly Metric[] {
  const byName = new Map<string, Metric>()
  for (const metric of metrics) {
    const known = byName.get(metric.name)
    byName.set(metric.name, { ...metric, samples: [...(known?.samples ?? []), ...metric.samples] })
  }
  return [...byName.values()]
}
