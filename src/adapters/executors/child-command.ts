/**
 * One running command, from spawn to report. Lives in the runner.
 *
 * An attempt is the life of the command's own process: when that ends, what it left behind gets `CLOSE_GRACE_MS` to
 * finish writing (the tail of a pipeline) and then dies with its process group. So nothing outlives its attempt but what
 * it put into a session of its own, without its output, on purpose; and a grandchild that holds standard output open
 * cannot hold up the result.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import { LOOK_BYTES_MAX } from '../../tasks/messages.ts'
import { CLOSE_GRACE_MS, KILL_WAIT_MS, TERM_GRACE_MS } from './end-times.ts'
import type { EndCause, EndReport, RunnerReport, StartOrder } from './messages.ts'
import { monotonicMs } from './monotonic-clock.ts'
import { OutputHead, OutputTail } from './output.ts'
import { groupOf, type ProcessGroup, signalGroup } from './process-group.ts'
import { PROGRESS_FD, ProgressLines } from './progress-lines.ts'
import { ProgressPace } from './progress-pace.ts'
import type { RunnerAttempt } from './runner-attempt.ts'
import { MARK_VARIABLE } from './stray-processes.ts'
import type { StraySweeps } from './stray-sweeps.ts'
import { timerMs } from './timer.ts'
import { yieldToDaemon } from './yielding.ts'

/** Bytes kept of the end of standard error. */
export const STDERR_BYTES_MAX = 8 * 1024

/** What a command's standard input may say when nobody reads it (any more): the command's business, no failure. */
const INPUT_ENDED: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])

/** From the end of the command to that of its progress, in ms, while somebody still holds that descriptor open. */
const PROGRESS_GRACE_MS = 50

/** Bytes shown of the end of standard output while it runs. */
const LOOK_STDOUT_BYTES = LOOK_BYTES_MAX

export class ChildCommand implements RunnerAttempt {
  readonly #order: StartOrder
  readonly #report: (report: RunnerReport) => void
  readonly #sweeps: StraySweeps
  readonly #startedAt = performance.now()
  readonly #stdout: OutputHead
  readonly #stderr = new OutputTail(STDERR_BYTES_MAX)
  #child: ChildProcess | undefined
  #group: ProcessGroup | undefined
  #cause: EndCause = 'exit'
  #failure: EndReport['failure'] = null
  #bytes = 0
  readonly #progress: ProgressPace
  #refused = false
  /** Processes killed that had left the group. */
  readonly #strays = new Set<number>()
  #swept: Promise<void> | undefined
  /** When it has to be dead, on the shared clock. */
  #deadlineMs: number
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(order: StartOrder, report: (report: RunnerReport) => void, sweeps: StraySweeps) {
    this.#order = order
    this.#report = report
    this.#sweeps = sweeps
    this.#deadlineMs = order.deadlineMs ?? Number.POSITIVE_INFINITY
    this.#stdout = new OutputHead(order.outputBytesMax)
    this.#progress = new ProgressPace(said => report({ kind: 'progress', id: order.id, report: said }))
  }

  /** Spawns it. Every end, that of a failed spawn included, comes as a report. */
  start(): void {
    const { path, args, env, cwd, stdin } = this.#order
    try {
      this.#child = spawn(path, args, {
        env,
        ...(cwd === null ? {} : { cwd }),
        detached: true, // Leads a process group of its own.
        stdio: [stdin === null ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
      })
    } catch (error) {
      this.#fail('spawn-failed', error)
      void this.#finish()
      return
    }
    this.#follow(this.#child)
    const denied = yieldToDaemon(this.#child.pid)
    if (denied !== undefined) this.#report({ kind: 'not-yielding', id: this.#order.id, reason: denied })
  }

  /** Not started: its deadline is too near. */
  refuse(): void {
    this.#cause = 'fenced'
    void this.#finish()
  }

  /** Stops it: SIGTERM, and SIGKILL after `TERM_GRACE_MS`. */
  stop(cause: 'timeout' | 'killed' | 'fenced'): void {
    if (this.#cause !== 'exit' || this.#ended || this.#exited) return
    this.#cause = cause
    this.#signal('SIGTERM')
    this.#after(TERM_GRACE_MS, () => this.#kill())
  }

  /** When it has to be dead; whoever keeps the time says so with `stop` and `cutOff`. */
  extend(deadlineMs: number | null): void {
    this.#deadlineMs = Math.max(this.#deadlineMs, deadlineMs ?? Number.POSITIVE_INFINITY)
  }

  /** SIGKILL for all of it, at once, whatever it was about to do: its deadline is here. */
  cutOff(): void {
    if (this.#ended) return
    if (this.#cause === 'exit' && !this.#exited) this.#cause = 'fenced'
    this.#kill()
  }

  /** SIGKILL, now, without a report. For the end of the runner. */
  destroy(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#signal('SIGKILL')
  }

  #follow(child: ChildProcess): void {
    child.on('error', error => {
      if (child.pid !== undefined) return
      this.#fail('spawn-failed', error)
      void this.#finish()
    })
    if (child.pid === undefined) return
    this.#group = groupOf(child.pid)
    this.#report({ kind: 'started', id: this.#order.id, ...this.#group })
    this.#after(this.#order.timeoutMs, () => this.stop('timeout'))
    child.stdout?.on('data', (chunk: Buffer) => this.#onOutput(chunk))
    child.stderr?.on('data', (chunk: Buffer) => this.#stderr.append(chunk))
    this.#followProgress(child)
    child.stdin?.on('error', error => this.#onInputError(error))
    child.stdin?.end(this.#order.stdin ?? '')
    child.on('exit', () => this.#onExit())
    child.on('close', () => void this.#finish())
  }

  /** What it has printed so far. */
  look(): void {
    const printed = { stdout: this.#stdout.end(LOOK_STDOUT_BYTES), stderr: this.#stderr.end() }
    this.#report({ kind: 'looked', id: this.#order.id, ...printed })
  }

  /** Whoever still holds the descriptor when the command has ended must not hold up its end: only output may. */
  #followProgress(child: ChildProcess): void {
    const source = child.stdio[PROGRESS_FD] as Duplex
    const lines = new ProgressLines(
      said => this.#progress.offer(said),
      fault => this.#refuseProgress(fault),
    )
    source.on('data', (chunk: Buffer) => lines.push(chunk))
    source.on('error', () => source.destroy()) // Reset by a command that died with it unread: nothing is missing.
    child.on('exit', () => setTimeout(() => source.destroy(), PROGRESS_GRACE_MS))
  }

  /** Only the first is told of: a command that gets it wrong gets it wrong each time. */
  #refuseProgress(fault: string): void {
    if (this.#refused) return
    this.#refused = true
    this.#report({ kind: 'progress-refused', id: this.#order.id, fault })
  }

  /** One that ended after its deadline did what it did without a right: frozen together with us, and first to wake. */
  #onExit(): void {
    if (this.#cause === 'exit' && monotonicMs() >= this.#deadlineMs) this.#cause = 'fenced'
    this.#after(CLOSE_GRACE_MS, () => void this.#finish('held open'))
  }

  #onOutput(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#stdout.append(chunk) || this.#cause !== 'exit') return
    this.#cause = 'output'
    this.#child?.stdout?.destroy()
    this.#kill()
  }

  #onInputError(error: Error): void {
    if (INPUT_ENDED.has((error as NodeJS.ErrnoException).code) || this.#cause !== 'exit') return
    this.#fail('stdin-failed', error)
    this.#kill()
  }

  #fail(cause: EndCause, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException
    this.#cause = cause
    this.#failure = { code: String(code ?? ''), message: String(message) }
  }

  /**
   * Its strays are not left until its own process has gone: a deadline may be near, and the report waits for both together.
   * What cannot be killed is waited for once, however often this is called.
   */
  #kill(): void {
    const first = this.#swept === undefined
    this.#signal('SIGKILL')
    void this.#killStrays()
    if (this.#exited) void this.#finish('held open')
    else if (first) this.#after(KILL_WAIT_MS, () => void this.#finish())
  }

  /** Does its own process live? Children of it may, whatever this says. */
  get alive(): boolean {
    return this.#child?.pid !== undefined && !this.#exited
  }

  get #exited(): boolean {
    const child = this.#child
    return child !== undefined && (child.exitCode !== null || child.signalCode !== null)
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#group !== undefined) signalGroup(this.#group, signal)
  }

  /** One timer at a time: what comes next always replaces what was awaited. */
  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, timerMs(ms))
  }

  async #finish(held?: 'held open'): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#signal('SIGKILL')
    this.#child?.stdout?.destroy()
    this.#child?.stderr?.destroy()
    const suspicious = held !== undefined || (this.#cause !== 'exit' && this.#group !== undefined)
    if (suspicious) await this.#killStrays()
    this.#progress.flush()
    this.#report(this.#end())
  }

  /** Once, from the SIGKILL of its group on: nothing is left then that could fork. Takes no longer than `KILL_WAIT_MS`. */
  #killStrays(): Promise<void> {
    this.#swept ??= this.#sweep()
    return this.#swept
  }

  /** Members of its group may still be dying of the group's own SIGKILL; they are not counted. */
  async #sweep(): Promise<void> {
    const mark = this.#order.env[MARK_VARIABLE]
    if (mark === undefined) return
    for (const { pid, group } of await this.#sweeps.sweep(mark)) {
      if (group !== this.#group?.pid) this.#strays.add(pid)
    }
  }

  #end(): EndReport {
    const child = this.#child
    return {
      kind: 'ended',
      id: this.#order.id,
      cause: this.#cause,
      process: this.alive ? 'kept' : child?.pid === undefined ? 'none' : 'gone',
      exitCode: child?.pid === undefined ? null : child.exitCode,
      signal: child?.signalCode ?? null,
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
      bytes: this.#bytes,
      cutBytes: this.#bytes - this.#stdout.length + this.#stderr.cutBytes,
      durationMs: Math.round(performance.now() - this.#startedAt),
      failure: this.#failure,
      strays: this.#strays.size,
    }
  }
}
