/**
 * `exec`: a command that the configuration names, never a shell. The payload chooses the command, may add arguments
 * where the configuration lets it, and fills standard input; what the command prints is the result.
 *
 * The commands run under the runner (see `runner-main.ts`), so that nothing survives this daemon or the right to run.
 * The runner's word counts for when a command ended: a success that was over in time is one, however late it is read.
 */
import type { Failure } from '../../base/errors.ts'
import type { Instant } from '../../base/time.ts'
import type { AttemptOrder } from '../../node/machine.ts'
import type { Metric } from '../../node/status.ts'
import type { Logger } from '../../runtime/ports.ts'
import type { Json, Outcome } from '../../tasks/task.ts'
import type { AttemptDesk } from './attempt-desk.ts'
import { type ResolvedCommand, resolveCommands } from './command.ts'
import { COMMANDS_MAX, type ExecutorsConfig } from './config.ts'
import { baseEnvironment } from './environment.ts'
import { checkExecPayload, type ExecPayload, stdinOf } from './exec-payload.ts'
import { cancelled, type Executor, failed, fenced, outcomeOfRunner, succeeded, timedOut } from './executor.ts'
import type { Limit } from './limit.ts'
import type { EndCause, EndReport } from './messages.ts'
import { PROGRESS_FD } from './progress-lines.ts'
import type { Command, Runner } from './runner.ts'

/** Length of standard error quoted in an error message. */
const MESSAGE_STDERR_MAX = 2_000

/** What the system says when starting the same command again can help. */
const PASSING_TROUBLES: ReadonlySet<string> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ETXTBSY'])

/** Ends in which this node killed the command. */
const KILLING = [
  'timeout',
  'output',
  'killed',
  'fenced',
  'stdin-failed',
] as const satisfies readonly EndCause[]

export interface ExecInit {
  readonly config: ExecutorsConfig
  readonly logger: Logger
  readonly runner: Runner
}

export class ExecExecutor implements Executor {
  readonly #commands: ReadonlyMap<string, ResolvedCommand>
  readonly #outputBytesMax: number
  readonly #runner: Runner
  readonly #kills = new Map<EndCause, number>(KILLING.map(cause => [cause, 0]))
  #strays = 0
  #cutBytes = 0
  #running = 0

  /** @throws CodedError CONFIG_INVALID */
  constructor(init: ExecInit) {
    this.#commands = resolveCommands(init.config)
    this.#outputBytesMax = init.config.exec.outputBytesMax
    for (const [command, { missing }] of this.#commands) {
      if (missing !== undefined) init.logger.log('warn', 'command-missing', { command, reason: missing })
    }
    this.#runner = init.runner
  }

  check(payload: unknown): Failure | undefined {
    return checkExecPayload(payload, this.#commands)
  }

  allows(): boolean {
    return [...this.#commands.values()].some(({ missing }) => missing === undefined)
  }

  async execute(order: AttemptOrder, signal: AbortSignal, limit: Limit, desk: AttemptDesk): Promise<Outcome> {
    const command = this.#command(order)
    const strange = Object.entries(command.env).find(([, value]) => value.includes('\0'))
    if (strange !== undefined) return failed('TASK_INVALID', `${strange[0]} would hold a NUL byte`, false)
    if (this.#running >= COMMANDS_MAX)
      return failed('THREW', `${COMMANDS_MAX} commands run on this node already`)
    this.#running++
    try {
      const end = await this.#runner.run(command, signal, limit, desk)
      return end.kind === 'ended' ? this.#outcome(end, order, command) : outcomeOfRunner(end)
    } finally {
      this.#running--
    }
  }

  extend(limits: readonly Limit[], until: Instant): void {
    this.#runner.extend(limits, until)
  }

  metrics(): readonly Metric[] {
    const kills = [...this.#kills].map(([reason, value]) => ({ labels: { reason }, value }))
    return [
      counter('exec_kills_total', 'Commands killed by this node, by reason.', kills),
      counter('exec_strays_killed_total', 'Processes killed that had left the group of their command.', [
        { value: this.#strays },
      ]),
      counter('exec_output_cut_bytes_total', 'Bytes that commands printed and that were not kept.', [
        { value: this.#cutBytes },
      ]),
    ]
  }

  #command(order: AttemptOrder): Command {
    const payload = order.payload as unknown as ExecPayload
    // `check` let it pass, so it is there and can run.
    const command = this.#commands.get(payload.command) as ResolvedCommand
    return {
      kind: 'start',
      path: command.program as string,
      args: [...command.args, ...(payload.args ?? [])],
      env: { ...baseEnvironment(), ...command.env, ...taskEnvironment(order) },
      cwd: command.cwd ?? null,
      stdin: stdinOf(payload),
      timeoutMs: order.timeoutMs,
      outputBytesMax: this.#outputBytesMax,
    }
  }

  #outcome(end: EndReport, order: AttemptOrder, command: Command): Outcome {
    this.#cutBytes += end.cutBytes
    this.#strays += end.strays
    const kills = this.#kills.get(end.cause)
    if (kills !== undefined && end.process !== 'none') this.#kills.set(end.cause, kills + 1)
    return outcomeOfCommand(end, order, command)
  }
}

/** What the end of a command means for its task. */
export const outcomeOfCommand = (
  end: EndReport,
  order: Pick<AttemptOrder, 'timeoutMs'>,
  command: Pick<Command, 'path' | 'cwd' | 'outputBytesMax'>,
): Outcome => OUTCOMES[end.cause](end, order, command)

type OutcomeOf = (...of: Parameters<typeof outcomeOfCommand>) => Outcome

const FENCED = { none: 'was not started', gone: 'was stopped', kept: 'cannot be killed yet' } as const

const OUTCOMES: Record<EndCause, OutcomeOf> = {
  exit: end => {
    if (end.signal !== null) return failed('SIGNALLED', `killed by ${end.signal}${stderrOf(end)}`)
    if (end.exitCode === 0) return succeeded(resultOf(end))
    return failed('EXIT_NONZERO', `exit code ${end.exitCode}${stderrOf(end)}`)
  },
  timeout: (end, order) => timedOut(order.timeoutMs, stderrOf(end)),
  output: (_, __, command) =>
    failed('OUTPUT_TOO_LARGE', `printed more than ${command.outputBytesMax} bytes and was killed`, false),
  killed: () => cancelled(),
  fenced: end => fenced(FENCED[end.process]),
  'spawn-failed': (end, _, command) => {
    const from = command.cwd === null ? '' : ` in ${command.cwd}`
    const retryable = PASSING_TROUBLES.has(end.failure?.code ?? '')
    return failed('THREW', `${command.path} cannot be started${from}: ${end.failure?.message}`, retryable)
  },
  'stdin-failed': end => failed('THREW', `standard input cannot be written: ${end.failure?.message}`),
}

const resultOf = (end: EndReport): Json => ({
  exitCode: 0,
  stdout: end.stdout,
  stderr: end.stderr,
  bytes: end.bytes,
  durationMs: end.durationMs,
})

function stderrOf({ stderr }: EndReport): string {
  const text = stderr.trim()
  return text === '' ? '' : `: ${text.slice(-MESSAGE_STDERR_MAX)}`
}

/**
 * What a command learns of its attempt. The token orders it against attempts of other owners of the key, and where it is
 * safe no two of them act at one time; the deadline is that of the time limit, in wall clock ms. When the right to act
 * ends is not told: it moves while the command runs, and the command is stopped by then.
 */
function taskEnvironment(order: AttemptOrder): Readonly<Record<string, string>> {
  return {
    ROUNDTABLE_TASK_ID: order.task,
    ROUNDTABLE_TASK_KEY: order.key,
    ROUNDTABLE_TASK_ATTEMPT: String(order.attempt),
    ROUNDTABLE_TASK_TOKEN: order.token.value,
    ROUNDTABLE_TASK_TOKEN_SAFE: String(order.token.safe),
    ROUNDTABLE_TASK_NODE: order.node,
    ROUNDTABLE_TASK_DEADLINE_MS: String(Date.now() + order.timeoutMs),
    ROUNDTABLE_TASK_PROGRESS_FD: String(PROGRESS_FD),
  }
}

const counter = (name: string, help: string, samples: Metric['samples']): Metric => ({
  name,
  help,
  type: 'counter',
  samples,
})
