/**
 * A type of task whose attempts run in a JavaScript module that the configuration names (`executors.modules`). The
 * payload is the module's own business; see `module-task.ts` for what a module is, and `module-host.ts` for where it runs.
 *
 * The queue knows the type's concurrency and starts no more. One that comes all the same (an attempt that was given up
 * is still being killed) waits here for its turn. Its time limit counts from when it comes; the right to act for its key
 * does not wait.
 */
import { existsSync } from 'node:fs'
import { levelsOf } from '../../base/levels.ts'
import type { Instant } from '../../base/time.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Logger } from '../../runtime/ports.ts'
import type { Json, Outcome } from '../../tasks/task.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import type { ModuleConfig } from './config.ts'
import { baseEnvironment } from './environment.ts'
import { cancelled, type Executor, failed, fenced, outcomeOfRunner, succeeded, timedOut } from './executor.ts'
import type { Limit } from './limit.ts'
import type { ModuleCause, ModuleEnd } from './messages.ts'
import type { ModuleCall } from './module-task.ts'
import type { ModuleCommand, Runner } from './runner.ts'
import { Slots } from './slots.ts'

/** One that waits for its turn is given up so long before its right to act ends, in ms: the runner would not start it. */
const WAIT_LEAD_MS = 500

/**
 * Levels of a result. What is stored of it has fewer (`PAYLOAD_DEPTH_MAX`, the rest is cut); with more than some thousand, which a
 * thread can write but not this process, it could not even be said what was cut.
 */
const RESULT_LEVELS_MAX = 1_000

const MIB = 1024 * 1024

export interface ModuleInit {
  readonly type: string
  readonly module: ModuleConfig
  readonly runner: Runner
  readonly logger: Logger
}

export class ModuleExecutor implements Executor {
  readonly #init: ModuleInit
  readonly #slots: Slots
  #loads = 0
  #strays = 0

  constructor(init: ModuleInit) {
    this.#init = init
    this.#slots = new Slots(init.module.concurrency)
    const { type, module, logger } = init
    // No error: it may come later, as a changed one does.
    if (!existsSync(module.path)) logger.log('warn', 'module-missing', { type, path: module.path })
  }

  /** The module judges its payloads by itself. */
  check(): undefined {
    return undefined
  }

  async execute(order: AttemptOrder, signal: AbortSignal, limit: Limit, desk: AttemptDesk): Promise<Outcome> {
    const admission = await this.#slots.take(signal, limit, WAIT_LEAD_MS)
    if (admission === 'aborted') return cancelled()
    if (admission === 'over') return fenced('was not started')
    try {
      const end = await this.#init.runner.run(this.#command(order), signal, limit, desk)
      return end.kind === 'module-ended' ? this.#outcome(end, order) : outcomeOfRunner(end)
    } finally {
      this.#slots.giveBack()
    }
  }

  extend(limits: readonly Limit[], until: Instant): void {
    this.#init.runner.extend(limits, until)
  }

  metrics(): readonly Metric[] {
    const labels = { type: this.#init.type }
    const one = (kind: Metric['type'], name: string, help: string, value: number): Metric => ({
      name,
      help,
      type: kind,
      samples: [{ labels, value }],
    })
    return [
      one('gauge', 'module_attempts_waiting', 'Attempts that wait for a free thread.', this.#slots.waiting),
      one('counter', 'module_loads_total', 'Times a module was loaded, at first and anew.', this.#loads),
      one(
        'counter',
        'module_strays_killed_total',
        'Processes killed that a module had left behind.',
        this.#strays,
      ),
    ]
  }

  #command(order: AttemptOrder): ModuleCommand {
    const { path, memoryBytes, env } = this.#init.module
    const { task: id, key, type, payload, attempt, node, token } = order
    const deadlineMs = Date.now() + order.timeoutMs
    const call: ModuleCall = {
      task: { id, key, type, payload },
      context: { attempt, node, token: { value: token.value, safe: token.safe }, deadlineMs },
    }
    return {
      kind: 'module',
      path,
      memoryMb: Math.max(1, Math.floor(memoryBytes / MIB)),
      env: { ...baseEnvironment(), ...env },
      task: JSON.stringify(call),
      timeoutMs: order.timeoutMs,
    }
  }

  #outcome(end: ModuleEnd, order: AttemptOrder): Outcome {
    this.#strays += end.strays
    if (end.loaded) {
      this.#loads++
      const { type, module } = this.#init
      this.#init.logger.log('info', 'module-loaded', {
        type,
        path: module.path,
        task: order.task,
        ended: end.cause,
      })
    }
    return OUTCOMES[end.cause](end, order)
  }
}

const OUTCOMES: Record<ModuleCause, (end: ModuleEnd, order: AttemptOrder) => Outcome> = {
  returned: ({ result }) => returned(result ?? 'null'),
  threw: ({ message }) => failed('THREW', message),
  unloadable: ({ message }) => failed('MODULE_UNLOADABLE', message),
  exited: ({ message }) => failed('MODULE_EXITED', message),
  memory: ({ message }) => failed('MEMORY_EXCEEDED', message),
  result: ({ message }) => failed('RESULT_INVALID', message, false),
  output: ({ message }) => failed('OUTPUT_TOO_LARGE', message, false),
  timeout: (_, order) => timedOut(order.timeoutMs),
  killed: () => cancelled(),
  fenced: () => fenced('was stopped'),
  'spawn-failed': ({ message }) => failed('THREW', `no process for the module can be started: ${message}`),
}

/** The text is the module's, which may have written it to the channel of its process by itself. */
function returned(text: string): Outcome {
  if (levelsOf(text) > RESULT_LEVELS_MAX)
    return failed('RESULT_INVALID', `what it returned has more than ${RESULT_LEVELS_MAX} levels`, false)
  try {
    return succeeded(JSON.parse(text) as Json)
  } catch (error) {
    return failed('RESULT_INVALID', `what it returned is no JSON: ${(error as Error).message}`, false)
  }
}
