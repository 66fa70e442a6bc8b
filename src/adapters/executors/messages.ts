/** What daemon and runner say to each other, and the checks of it. No schema library: the runner must stay small. */

/** Start a command. Everything is decided by the daemon: the runner knows no configuration and no allow list. */
export interface StartOrder {
  readonly kind: 'start'
  /** Unique for the life of the daemon. */
  readonly id: number
  /** Absolute path of the program. */
  readonly path: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | null
  /** Null: standard input is empty. */
  readonly stdin: string | null
  /** In ms from the start of the command; then SIGTERM, and SIGKILL a little later. */
  readonly timeoutMs: number
  readonly outputBytesMax: number
  /**
   * When it has to be dead, a point on the clock of `monotonic-clock.ts` in whole ms: the runner sees to that by itself.
   * Null: it has no deadline.
   */
  readonly deadlineMs: number | null
}

export type RunnerOrder =
  | StartOrder
  /** Stop one command: SIGTERM, and SIGKILL a little later. An id that is not running is not an error. */
  | { readonly kind: 'kill'; readonly id: number }
  /** Move the deadline of these, never to an earlier time. What is unknown, or being stopped already, is not an error. */
  | { readonly kind: 'extend'; readonly ids: readonly number[]; readonly deadlineMs: number | null }
  /** SIGKILL everything and exit. The same happens when the daemon's end of the socket closes. */
  | { readonly kind: 'stop' }

/**
 * Why a command is over. `exit`: by itself, or by a signal that was not ours. `fenced`: its deadline came, or was so
 * near that it was not started.
 */
export type EndCause = 'exit' | 'timeout' | 'output' | 'killed' | 'fenced' | 'spawn-failed' | 'stdin-failed'

export interface EndReport {
  readonly kind: 'ended'
  readonly id: number
  readonly cause: EndCause
  readonly exitCode: number | null
  readonly signal: string | null
  /** Text; bytes that are not UTF-8 are replaced. */
  readonly stdout: string
  /** The last bytes of standard error. */
  readonly stderr: string
  /** Bytes of standard output that came. */
  readonly bytes: number
  /** Bytes of standard output and error that came and are not in this report. */
  readonly cutBytes: number
  readonly durationMs: number
  /** What the system said, for `spawn-failed` and `stdin-failed`. */
  readonly failure: { readonly code: string; readonly message: string } | null
  /** Processes killed that had left the process group. */
  readonly strays: number
}

export type RunnerReport =
  /** Sent at once after the spawn, so that the daemon can kill the group if the runner dies. */
  | {
      readonly kind: 'started'
      readonly id: number
      readonly pid: number
      readonly startTicks: string | null
    }
  | EndReport

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value)
const isDeadline = (value: unknown): boolean => value === null || isCount(value)
const isTexts = (value: unknown): boolean => isFields(value) && Object.values(value).every(isText)

/** The order, or undefined when it is not one. */
export function asRunnerOrder(value: unknown): RunnerOrder | undefined {
  return isFields(value) && isOrder(value) ? (value as unknown as RunnerOrder) : undefined
}

/** The report, or undefined when it is not one. */
export function asRunnerReport(value: unknown): RunnerReport | undefined {
  return isFields(value) && isReport(value) ? (value as unknown as RunnerReport) : undefined
}

function isOrder(order: Fields): boolean {
  const { kind, id } = order
  if (kind === 'stop') return true
  if (kind === 'kill') return isCount(id)
  if (kind === 'extend') return isExtend(order)
  return kind === 'start' && isCount(id) && isStart(order)
}

const isExtend = ({ ids, deadlineMs }: Fields): boolean =>
  Array.isArray(ids) && ids.every(isCount) && isDeadline(deadlineMs)

const isStart = ({ path, args, env, cwd, stdin, timeoutMs, outputBytesMax, deadlineMs }: Fields): boolean =>
  isText(path) &&
  Array.isArray(args) &&
  isTexts(args) &&
  isTexts(env) &&
  isTextOrNull(cwd) &&
  isTextOrNull(stdin) &&
  isCount(timeoutMs) &&
  isCount(outputBytesMax) &&
  isDeadline(deadlineMs)

function isReport(report: Fields): boolean {
  const { kind, id, pid, startTicks } = report
  if (!isCount(id)) return false
  // A pid of 0 or 1 would make `kill(-pid)` mean "my own group" or "everybody".
  if (kind === 'started') return isCount(pid) && pid > 1 && isTextOrNull(startTicks)
  return kind === 'ended' && isEnd(report)
}

const END_CAUSES: ReadonlySet<unknown> = new Set<EndCause>([
  'exit',
  'timeout',
  'output',
  'killed',
  'fenced',
  'spawn-failed',
  'stdin-failed',
])

const isEnd = ({ cause, exitCode, signal, failure, ...report }: Fields): boolean =>
  END_CAUSES.has(cause) &&
  (exitCode === null || isCount(exitCode)) &&
  isTextOrNull(signal) &&
  (failure === null || isTexts(failure)) &&
  hasOutput(report)

const hasOutput = ({ stdout, stderr, bytes, cutBytes, durationMs, strays }: Fields): boolean =>
  isText(stdout) &&
  isText(stderr) &&
  isCount(bytes) &&
  isCount(cutBytes) &&
  isCount(durationMs) &&
  isCount(strays)
