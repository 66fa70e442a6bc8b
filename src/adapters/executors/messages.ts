/** What daemon and runner say to each other, and the checks of it. No schema library: the runner must stay small. */
import type { LogTail } from '../../tasks/messages.ts'
import { type ProgressReport, readProgress } from '../../tasks/progress.ts'

/** Run one attempt in a module. The hosts of modules are the runner's own business; these fields tell them apart. */
export interface ModuleOrder {
  readonly kind: 'module'
  /** Unique for the life of the daemon. */
  readonly id: number
  /** Absolute path of the module. */
  readonly path: string
  /** Of its heap, in MiB. */
  readonly memoryMb: number
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** What the module gets, as JSON; see `module-task.ts`. */
  readonly task: string
  readonly timeoutMs: number
  /** As of a `StartOrder`. */
  readonly deadlineMs: number | null
}

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
  | ModuleOrder
  /** Stop one command: SIGTERM, and SIGKILL a little later. An id that is not running is not an error. */
  | { readonly kind: 'kill'; readonly id: number }
  /** Move the deadline of these, never to an earlier time. What is unknown, or being stopped already, is not an error. */
  | { readonly kind: 'extend'; readonly ids: readonly number[]; readonly deadlineMs: number | null }
  /** What has this one printed so far? Answered by `looked`, if it still runs. */
  | { readonly kind: 'look'; readonly id: number }
  /** SIGKILL everything and exit. The same happens when the daemon's end of the socket closes. */
  | { readonly kind: 'stop' }

/**
 * Why a command is over. `exit`: by itself, or by a signal that was not ours. `fenced`: its deadline came, or was so
 * near that it was not started.
 */
export type EndCause = 'exit' | 'timeout' | 'output' | 'killed' | 'fenced' | 'spawn-failed' | 'stdin-failed'

/** What became of the command's own process. `none`: it was not started. `kept`: the kernel keeps it, whatever it is sent. */
export type ProcessEnd = 'none' | 'gone' | 'kept'

export interface EndReport {
  readonly kind: 'ended'
  readonly id: number
  readonly cause: EndCause
  readonly process: ProcessEnd
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

/**
 * How an attempt in a module ended. `returned` and `threw`: by itself. `unloadable`: the module could not be loaded.
 * `exited`: its thread or process ended under it. `memory`: it took more than it may. `result`: what it returned is no
 * JSON; `output`: or too much of it. The others as of a command.
 */
export type ModuleCause =
  | 'returned'
  | 'threw'
  | 'unloadable'
  | 'exited'
  | 'memory'
  | 'result'
  | 'output'
  | 'timeout'
  | 'killed'
  | 'fenced'
  | 'spawn-failed'

export interface ModuleEnd {
  readonly kind: 'module-ended'
  readonly id: number
  readonly cause: ModuleCause
  /** What it returned, as JSON; null unless `returned`. */
  readonly result: string | null
  /** What went wrong, in words; empty when nothing did. */
  readonly message: string
  /** Was the module loaded anew for this attempt? */
  readonly loaded: boolean
  readonly stdout: LogTail
  readonly stderr: LogTail
  /** Processes killed that had left the process group. */
  readonly strays: number
}

export type RunnerReport =
  | ModuleEnd
  /** What the attempt says of its progress; not more often than `PROGRESS_MS`. */
  | { readonly kind: 'progress'; readonly id: number; readonly report: ProgressReport }
  /** The first thing that it said of its progress and that is none. */
  | { readonly kind: 'progress-refused'; readonly id: number; readonly fault: string }
  /** It has as much of the processor as the daemon, as the system does not allow less. */
  | { readonly kind: 'not-yielding'; readonly id: number; readonly reason: string }
  | { readonly kind: 'looked'; readonly id: number; readonly stdout: LogTail; readonly stderr: LogTail }
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
  if (kind === 'kill' || kind === 'look') return isCount(id)
  if (kind === 'module') return isCount(id) && isModule(order)
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

const isModule = ({ path, memoryMb, env, task, timeoutMs, deadlineMs }: Fields): boolean =>
  isText(path) &&
  isCount(memoryMb) &&
  isTexts(env) &&
  isText(task) &&
  isCount(timeoutMs) &&
  isDeadline(deadlineMs)

function isReport(report: Fields): boolean {
  const { kind, id, pid, startTicks } = report
  if (!isCount(id)) return false
  // A pid of 0 or 1 would make `kill(-pid)` mean "my own group" or "everybody".
  if (kind === 'started') return isCount(pid) && pid > 1 && isTextOrNull(startTicks)
  if (kind === 'progress') return readProgress(report['report']).ok
  if (kind === 'progress-refused') return isText(report['fault'])
  if (kind === 'not-yielding') return isText(report['reason'])
  if (kind === 'looked') return isTail(report['stdout']) && isTail(report['stderr'])
  if (kind === 'module-ended') return isModuleEnd(report)
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

const PROCESS_ENDS: ReadonlySet<unknown> = new Set<ProcessEnd>(['none', 'gone', 'kept'])

const isEnd = ({ cause, process, exitCode, signal, failure, ...report }: Fields): boolean =>
  END_CAUSES.has(cause) &&
  PROCESS_ENDS.has(process) &&
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

const isTail = (value: unknown): boolean =>
  isFields(value) && isText(value['text']) && isCount(value['cutBytes'])

const MODULE_CAUSES: ReadonlySet<unknown> = new Set<ModuleCause>([
  'returned',
  'threw',
  'unloadable',
  'exited',
  'memory',
  'result',
  'output',
  'timeout',
  'killed',
  'fenced',
  'spawn-failed',
])

const isModuleEnd = ({ cause, result, message, loaded, stdout, stderr, strays }: Fields): boolean =>
  MODULE_CAUSES.has(cause) &&
  isTextOrNull(result) &&
  (result !== null || cause !== 'returned') &&
  isText(message) &&
  typeof loaded === 'boolean' &&
  isTail(stdout) &&
  isTail(stderr) &&
  isCount(strays)
