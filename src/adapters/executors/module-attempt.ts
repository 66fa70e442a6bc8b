/**
 * One attempt in a module, from its order to its report. Lives in the runner, which keeps its deadlines.
 *
 * Stopping goes in three steps: the module is told by its signal; its thread is ended (`ABORT_GRACE_MS` later, by the
 * host); its process is killed (`TERM_GRACE_MS` after the first, from here). A host whose attempt was stopped is used no
 * more, whichever step was enough: nobody knows what of that attempt still goes on in it. What ended by itself leaves a
 * host that waits for the next attempt.
 */
import { LOOK_BYTES_MAX } from '../../tasks/messages.ts'
import { STDERR_BYTES_MAX } from './child-command.ts'
import { KILL_WAIT_MS, TERM_GRACE_MS } from './end-times.ts'
import type { ModuleEnd, ModuleOrder, RunnerReport } from './messages.ts'
import type { HostReport } from './module-channel.ts'
import type { HostUser, ModuleHost, ModuleHosts } from './module-hosts.ts'
import { monotonicMs } from './monotonic-clock.ts'
import { OutputTail } from './output.ts'
import { ProgressPace } from './progress-pace.ts'
import type { RunnerAttempt } from './runner-attempt.ts'
import type { StraySweeps } from './stray-sweeps.ts'
import { timerMs } from './timer.ts'

/** What V8 prints when it ends a process for want of memory, faster than anybody could look. */
const OUT_OF_MEMORY = /heap out of memory|Allocation failed/

type Ended = Omit<ModuleEnd, 'kind' | 'id' | 'stdout' | 'stderr' | 'strays'>

export class ModuleAttempt implements RunnerAttempt, HostUser {
  readonly #order: ModuleOrder
  readonly #report: (report: RunnerReport) => void
  readonly #hosts: ModuleHosts
  readonly #sweeps: StraySweeps
  readonly #stdout = new OutputTail(LOOK_BYTES_MAX)
  readonly #stderr = new OutputTail(STDERR_BYTES_MAX)
  /** Its thread keeps a pace of its own; what writes to the channel by itself keeps none. */
  readonly #progress: ProgressPace
  #host: ModuleHost | undefined
  #stopped: 'timeout' | 'killed' | 'fenced' | undefined
  #deadlineMs: number
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #swept: Promise<number> | undefined

  constructor(
    order: ModuleOrder,
    report: (report: RunnerReport) => void,
    { hosts, sweeps }: { readonly hosts: ModuleHosts; readonly sweeps: StraySweeps },
  ) {
    this.#order = order
    this.#report = report
    this.#hosts = hosts
    this.#sweeps = sweeps
    this.#deadlineMs = order.deadlineMs ?? Number.POSITIVE_INFINITY
    this.#progress = new ProgressPace(said => report({ kind: 'progress', id: order.id, report: said }))
  }

  get alive(): boolean {
    return this.#host?.alive === true
  }

  start(): void {
    const host = this.#take()
    if (host === undefined) return
    this.#host = host
    host.use(this)
    if (host.group !== undefined) this.#report({ kind: 'started', id: this.#order.id, ...host.group })
    if (host.denied !== undefined)
      this.#report({ kind: 'not-yielding', id: this.#order.id, reason: host.denied })
    this.#after(this.#order.timeoutMs, () => this.stop('timeout'))
    host.send({ kind: 'run', call: this.#order.task })
  }

  refuse(): void {
    this.#stopped = 'fenced'
    void this.#finish({ cause: 'fenced', result: null, message: '', loaded: false })
  }

  stop(cause: 'timeout' | 'killed' | 'fenced'): void {
    if (this.#ended || this.#stopped !== undefined) return
    this.#stopped = cause
    this.#host?.send({ kind: 'abort' })
    this.#after(TERM_GRACE_MS, () => this.#kill())
  }

  extend(deadlineMs: number | null): void {
    this.#deadlineMs = Math.max(this.#deadlineMs, deadlineMs ?? Number.POSITIVE_INFINITY)
  }

  cutOff(): void {
    if (this.#ended) return
    this.#stopped ??= 'fenced'
    this.#kill()
  }

  destroy(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#host?.kill()
  }

  look(): void {
    const { stdout, stderr } = this.#printed()
    this.#report({ kind: 'looked', id: this.#order.id, stdout, stderr })
  }

  heard(report: HostReport): void {
    if (report.kind === 'progress') {
      this.#progress.offer(report.report)
      return
    }
    const { cause, result, message, loaded } = report
    const ended: Ended = {
      cause: cause === 'stopped' ? (this.#stopped ?? 'killed') : cause,
      result,
      message,
      loaded,
    }
    // One turn of the loop: what it printed last lies in the other pipes.
    setImmediate(() => void this.#finish(ended))
  }

  printed(from: 'stdout' | 'stderr', chunk: Buffer): void {
    if (from === 'stdout') this.#stdout.append(chunk)
    else this.#stderr.append(chunk)
  }

  gone(how: string): void {
    const memory = OUT_OF_MEMORY.test(this.#stderr.text())
    const message = `the process of the module ${how}`
    void this.#finish({ cause: memory ? 'memory' : 'exited', result: null, message, loaded: false })
  }

  #take(): ModuleHost | undefined {
    try {
      return this.#hosts.take(this.#order)
    } catch (error) {
      const { message } = error as Error
      void this.#finish({ cause: 'spawn-failed', result: null, message, loaded: false })
      return undefined
    }
  }

  /** As of a command: strays at once, and one wait for what cannot be killed. */
  #kill(): void {
    this.#host?.kill()
    if (this.#swept !== undefined) return
    void this.#killStrays()
    const message = 'its process does not end'
    this.#after(
      KILL_WAIT_MS,
      () => void this.#finish({ cause: 'killed', result: null, message, loaded: false }),
    )
  }

  /** One that ended after its deadline did what it did without a right: frozen together with us, and first to wake. */
  async #finish(ended: Ended): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    if (monotonicMs() >= this.#deadlineMs) this.#stopped ??= 'fenced'
    const byItself = this.#stopped === undefined && ended.cause !== 'exited' && ended.cause !== 'memory'
    const strays = byItself ? 0 : await this.#bury()
    const cause = this.#stopped ?? ended.cause
    const result = cause === 'returned' ? ended.result : null
    this.#progress.flush()
    this.#report({
      kind: 'module-ended',
      id: this.#order.id,
      ...ended,
      cause,
      result,
      ...this.#printed(),
      strays,
    })
    if (byItself && this.#host !== undefined) this.#hosts.giveBack(this.#host, this.#order)
  }

  /** Its process, and whatever it started. */
  async #bury(): Promise<number> {
    this.#host?.use(undefined)
    this.#host?.kill()
    return await this.#killStrays()
  }

  /** Once; what is found in the group of the host was dying of the group's own SIGKILL and is not counted. */
  #killStrays(): Promise<number> {
    const host = this.#host
    if (host === undefined) return Promise.resolve(0)
    this.#swept ??= this.#sweeps
      .sweep(host.mark)
      .then(found => found.filter(({ group }) => group !== host.group?.pid).length)
    return this.#swept
  }

  #printed(): Pick<ModuleEnd, 'stdout' | 'stderr'> {
    return { stdout: this.#stdout.end(), stderr: this.#stderr.end() }
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, timerMs(ms))
  }
}
