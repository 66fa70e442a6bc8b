/**
 * The daemon's side of one runner, from its spawn to its last trace.
 *
 * It ends in one way only: the runner's process is gone. Whatever is wrong (a frame that is none, a socket that closed,
 * a command long past its time, so that the runner must be frozen) leads to SIGKILL for the runner, and its exit leads
 * to the one clean-up: kill the process groups it told us of, then those it had no time to tell of, found by their
 * mark, and only then say `lost` to the attempts. So a retry never meets the attempt it replaces. Only a runner that could
 * not be started (no more processes or files) leaves nothing to clean up, and nothing is held against its attempts.
 *
 * The runner keeps the deadlines of commands, and this side keeps them once more, a little later: a frozen runner must
 * not be the reason that a command outlives its right to run.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../runtime/ports.ts'
import { LOOK_BYTES_MAX } from '../../tasks/messages.ts'
import type { AttemptDesk, AttemptLog } from './attempt-desk.ts'
import { DeadlineWatch } from './deadline-watch.ts'
import { endOf } from './desks.ts'
import { OVERDUE_MS } from './end-times.ts'
import { baseEnvironment } from './environment.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import {
  asRunnerReport,
  type EndReport,
  type ModuleEnd,
  type ModuleOrder,
  type RunnerOrder,
  type RunnerReport,
  type StartOrder,
} from './messages.ts'
import { type ProcessGroup, signalGroup } from './process-group.ts'
import { CHANNEL_FD } from './runner-channel.ts'
import { killStrays, MARK_VARIABLE } from './stray-processes.ts'
import { StraySweeps } from './stray-sweeps.ts'
import { timerMs } from './timer.ts'

/** Beside this file, from source or built. */
const SCRIPT = fileURLToPath(new URL(`./runner-main${extname(import.meta.url)}`, import.meta.url))

/**
 * Flags that keep the runner small. It waits and copies, so no compiler beyond the interpreter pays: without them 14 of
 * 77 MB are saved after 2,000 commands, and no command starts later. A young generation of 1 MiB, as node would rather
 * let garbage grow than collect it. 128 MiB of heap is what outputs of the largest size may need for a moment.
 */
const RUNNER_FLAGS = [
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--max-semi-space-size=1',
  '--max-old-space-size=128',
  '--no-warnings',
]

/** glibc keeps an arena per thread; this process allocates from one. */
const RUNNER_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' }

/**
 * After an overdue timer fired: time for reports that wait in the socket, as it may be us who was frozen, in ms. After a
 * deadline: time for a sign of life.
 */
const SECOND_LOOK_MS = 1_000

/** A command that the runner has not ended so long before its deadline is killed from here, in ms. */
const DEADLINE_LEAD_MS = 100

/** What the dead runner left may take this long to die, in ms. */
const BURY_MS = 5_000

/** A runner asked to stop gets this long, in ms. */
const STOP_MS = 1_000

/** Reading what a dead runner left in its socket may take this long, in ms. */
const DRAIN_MS = 500

/** Characters that are logged of what is wrong with a report of progress. */
const FAULT_CHARS_MAX = 200

/** Bytes of a runner's standard error that are logged: it only writes when it crashes. */
const STDERR_BYTES_MAX = 4 * 1024

/**
 * How a command ended: `lost` with its runner, `unstarted` as there was none to begin it, `stopped` with this executor or
 * before it began, `fenced` when its deadline came first.
 */
export type RunEnd =
  | EndReport
  | ModuleEnd
  | { readonly kind: 'lost' }
  | { readonly kind: 'unstarted'; readonly reason: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'fenced' }

/** A look at what something printed is given up after this, in ms: the runner stands still. */
const LOOK_MS = 1_000

interface Running {
  readonly settle: (end: RunEnd) => void
  readonly desk: AttemptDesk
  /** Those who look at it at the moment. */
  readonly lookers: Set<(log: AttemptLog | undefined) => void>
  /** What it bears in its environment; undefined of a module, whose process has a mark of its own. */
  readonly mark: string | undefined
  group: ProcessGroup | undefined
  overdue: NodeJS.Timeout
  /** Its deadline came and the runner had not ended it: it was killed from here. */
  fenced: boolean
  /** The runner has told of it since: it is awake, and the kernel keeps the command. */
  awake: boolean
}

export interface RunnerProcessInit {
  readonly mark: string
  /** The data directory on which the runner holds its lock. */
  readonly lockIn: string | undefined
  readonly logger: Logger
  /** Environment for the runner beyond `PATH` and its like. */
  readonly env: Readonly<Record<string, string>>
  /** The program to run instead of the real runner: for the tests of one that misbehaves. */
  readonly script?: string
}

export class RunnerProcess {
  readonly #init: RunnerProcessInit
  readonly #child: ChildProcess
  /** Undefined when the spawn failed so early that there are no streams. */
  readonly #channel: Duplex | undefined
  readonly #reader = new FrameReader()
  readonly #running = new Map<number, Running>()
  readonly #deadlines = new DeadlineWatch(DEADLINE_LEAD_MS, id => this.#onDeadline(id))
  readonly #sweeps = new StraySweeps()
  readonly #gone = Promise.withResolvers<void>()
  #stopping = false
  /** Why it was or is being killed, when it was. */
  #doom: string | undefined
  /** It broke the protocol: nothing more is read. */
  #faulty = false
  #saidUnyielding = false
  #stderr = ''
  /** How whatever is ordered ends from now on: it is gone. */
  #ended: RunEnd | undefined

  constructor(init: RunnerProcessInit) {
    this.#init = init
    const args = [...RUNNER_FLAGS, init.script ?? SCRIPT, init.mark, init.lockIn ?? '', String(process.pid)]
    this.#child = spawn(process.execPath, args, {
      env: { ...baseEnvironment(), ...RUNNER_ENVIRONMENT, ...init.env },
      detached: true, // Not in the terminal's group: Ctrl-C is for the daemon, which may drain.
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#child.on('error', error => {
      if (this.#child.pid === undefined) this.#fail(error.message)
    })
    this.#channel = (this.#child.stdio as ChildProcess['stdio'] | undefined)?.[CHANNEL_FD] as
      | Duplex
      | undefined
    this.#follow()
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** False once it is on its way out: give it no more orders. */
  get usable(): boolean {
    return this.#doom === undefined && !this.#stopping
  }

  /** Resolves when the process is gone and so is everything it had started. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** What is ordered from one that is gone ends as the rest did: a spawn may fail before its first order is given. */
  run(order: StartOrder | ModuleOrder, desk: AttemptDesk): Promise<RunEnd> {
    if (this.#ended !== undefined) return Promise.resolve(this.#ended)
    const ended = Promise.withResolvers<RunEnd>()
    const overdue = setTimeout(() => this.#onOverdue(order.id), timerMs(order.timeoutMs + OVERDUE_MS))
    const mark = order.env[MARK_VARIABLE]
    const state = { lookers: new Set<() => void>(), group: undefined, overdue, fenced: false, awake: false }
    this.#running.set(order.id, { settle: ended.resolve, desk, mark, ...state })
    desk.peekWith(() => this.#look(order.id))
    this.#deadlines.add(order.id, order.deadlineMs)
    this.#send(order)
    return ended.promise
  }

  /** What it has printed so far; undefined when it has just ended, or the runner does not answer. */
  #look(id: number): Promise<AttemptLog | undefined> {
    const running = this.#running.get(id)
    if (running === undefined) return Promise.resolve(undefined)
    const seen = Promise.withResolvers<AttemptLog | undefined>()
    const impatience = setTimeout(() => seen.resolve(undefined), LOOK_MS)
    void seen.promise.then(() => {
      clearTimeout(impatience)
      running.lookers.delete(seen.resolve)
    })
    running.lookers.add(seen.resolve)
    // One answer serves all who ask while it is under way.
    if (running.lookers.size === 1) this.#send({ kind: 'look', id })
    return seen.promise
  }

  /** Moves the deadline of these to a later time. What has ended, or is being killed for it already, stays as it is. */
  extend(ids: readonly number[], deadlineMs: number | null): void {
    this.#deadlines.look() // After a sleep of this process: what is over is over.
    const moved = ids.filter(id => this.#deadlines.extend(id, deadlineMs))
    if (moved.length > 0) this.#send({ kind: 'extend', ids: moved, deadlineMs })
  }

  kill(id: number): void {
    if (this.#running.has(id)) this.#send({ kind: 'kill', id })
  }

  /** Kills everything. Resolves like `gone`; idempotent. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true
      this.#send({ kind: 'stop' })
    }
    const impatience = setTimeout(() => this.#condemn('did not stop in time'), STOP_MS)
    await this.#gone.promise
    clearTimeout(impatience)
  }

  #follow(): void {
    this.#child.on('exit', (code, signal) => void this.#bury(`exited with ${signal ?? code}`))
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(0, STDERR_BYTES_MAX)
    })
    this.#channel?.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#channel?.on('error', error => this.#condemn(`its socket failed: ${error.message}`))
    this.#channel?.on('close', () => this.#condemn('its socket closed'))
  }

  #send(order: RunnerOrder): void {
    if (this.#channel?.writable) this.#channel.write(encodeFrame(order))
  }

  #receive(chunk: Buffer): void {
    if (this.#faulty) return
    try {
      for (const message of this.#reader.push(chunk)) {
        const report = asRunnerReport(message)
        if (report === undefined) throw new Error('a report has the wrong shape')
        this.#note(report)
      }
    } catch (error) {
      this.#faulty = true
      this.#condemn(`it does not keep to the protocol: ${(error as Error).message}`)
    }
  }

  #note(report: RunnerReport): void {
    const running = this.#running.get(report.id)
    if (running === undefined) return // Ended while it was being told to stop.
    if (report.kind === 'started') {
      running.group = { pid: report.pid, startTicks: report.startTicks }
      if (running.fenced) signalGroup(running.group, 'SIGKILL')
    } else if (report.kind === 'progress') running.desk.report(report.report)
    else if (report.kind === 'progress-refused') this.#sayRefused(running.desk, report.fault)
    else if (report.kind === 'not-yielding') this.#sayUnyielding(report.reason)
    else if (report.kind === 'looked') this.#onLooked(report, running)
    else {
      running.desk.printed(logOf(report))
      this.#settle(report.id, running.fenced && wasSignalled(report) ? { kind: 'fenced' } : report)
    }
  }

  #onLooked(look: AttemptLog & { readonly id: number }, running: Running): void {
    for (const looker of running.lookers) looker(look)
    if (!running.fenced || running.awake) return
    running.awake = true
    clearTimeout(running.overdue)
    running.overdue = setTimeout(() => this.#onOverdue(look.id), OVERDUE_MS)
  }

  #sayRefused({ task, attempt }: AttemptDesk, fault: string): void {
    this.#init.logger.log('warn', 'progress-refused', {
      task,
      attempt,
      detail: fault.slice(0, FAULT_CHARS_MAX),
    })
  }

  /** Once: what the system does not allow for one it allows for none. */
  #sayUnyielding(reason: string): void {
    if (this.#saidUnyielding) return
    this.#saidUnyielding = true
    this.#init.logger.log('warn', 'commands-not-yielding', { reason })
  }

  #settle(id: number, end: RunEnd): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    clearTimeout(running.overdue)
    this.#deadlines.delete(id)
    this.#running.delete(id)
    for (const looker of running.lookers) looker(undefined)
    running.settle(end)
  }

  /**
   * The runner ends a command well before this; whatever keeps it from that, the command dies now. It may be the kernel that
   * keeps the command: then the runner answers, and gets the time that it needs to tell of an end without it.
   */
  #onDeadline(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    running.fenced = true
    if (running.group !== undefined) signalGroup(running.group, 'SIGKILL')
    if (running.mark !== undefined) void this.#sweeps.sweep(running.mark)
    clearTimeout(running.overdue)
    this.#onOverdue(id)
    this.#send({ kind: 'look', id })
  }

  /** It may be this process that slept: the answer may lie in the socket, which is read after the timers. */
  #onOverdue(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    running.overdue = setTimeout(() => this.#condemn('it holds a command long past its time'), SECOND_LOOK_MS)
  }

  /** Kills the runner; its exit does the rest. */
  #condemn(reason: string): void {
    this.#doom ??= reason
    this.#child.kill('SIGKILL')
  }

  async #bury(how: string): Promise<void> {
    this.#doom ??= how
    this.#killGroups()
    await this.#drained()
    this.#killGroups()
    const { killed } = await killStrays([this.#init.mark], BURY_MS)
    if (!this.#stopping) this.#complain(how, killed.length)
    this.#end({ kind: 'lost' })
  }

  /** There is no process: nothing ran. */
  #fail(reason: string): void {
    this.#doom ??= reason
    this.#init.logger.log('error', 'runner-unstarted', { reason, attempts: this.#running.size })
    this.#end({ kind: 'unstarted', reason })
  }

  /** @param end of what had no other end before */
  #end(end: RunEnd): void {
    const rest: RunEnd = this.#stopping ? { kind: 'stopped' } : end
    this.#ended = rest
    for (const [id, { fenced }] of [...this.#running]) this.#settle(id, fenced ? { kind: 'fenced' } : rest)
    this.#channel?.destroy()
    this.#gone.resolve()
  }

  #killGroups(): void {
    for (const { group } of this.#running.values()) if (group !== undefined) signalGroup(group, 'SIGKILL')
  }

  /** What the runner wrote before it died may still lie in the socket: results that need not be lost. */
  async #drained(): Promise<void> {
    const channel = this.#channel
    if (channel === undefined || channel.closed) return
    const closed = Promise.withResolvers<void>()
    channel.once('close', closed.resolve)
    const impatience = setTimeout(closed.resolve, DRAIN_MS)
    await closed.promise
    clearTimeout(impatience)
  }

  #complain(how: string, strays: number): void {
    this.#init.logger.log('error', 'runner-lost', {
      pid: this.#child.pid,
      how,
      reason: this.#doom,
      attempts: this.#running.size,
      strays,
      stderr: this.#stderr,
    })
  }
}

/** Killed from here, as far as the runner could see: it did not do it. */
const wasSignalled = (end: EndReport | ModuleEnd): boolean =>
  end.kind === 'ended' ? end.cause === 'exit' && end.signal !== null : end.cause === 'exited'

/** The end of what it printed, for whoever looks later. */
function logOf(end: EndReport | ModuleEnd): AttemptLog {
  if (end.kind === 'module-ended') return { stdout: end.stdout, stderr: end.stderr }
  const stdoutCut = Math.max(0, end.bytes - Buffer.byteLength(end.stdout))
  const stdout = endOf({ text: end.stdout, cutBytes: stdoutCut }, LOOK_BYTES_MAX)
  return { stdout, stderr: { text: end.stderr, cutBytes: Math.max(0, end.cutBytes - stdoutCut) } }
}
