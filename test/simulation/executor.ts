/**
 * What runs attempts on one host: an `exec` attempt is a process of its own under the runner, everything else runs inside
 * the daemon and stands still with it.
 *
 * The runner is a process too. It holds every deadline on the host's own clock, freezes and dies apart from the daemon,
 * and goes on killing when the daemon stalls. When the daemon dies the runner reaps what is left a moment later, and
 * only then lets go of the data directory, so the next boot waits for it. When the runner dies, or holds what it should
 * have killed, the daemon kills in its place.
 */
import type { TaskId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import type { Instant } from '../../src/base/time.ts'
import type { AttemptOrder } from '../../src/node/machine.ts'
import type { AttemptError, Outcome } from '../../src/tasks/task.ts'
import { Body } from './body.ts'
import type { HostClock } from './clock.ts'
import type { Collector, Run } from './collector.ts'
import type { EventQueue } from './queue.ts'
import { resultOf } from './task-judge.ts'

/**
 * What the real runner does, in local ms before the right to run ends: SIGTERM, and nothing is started any more; SIGKILL,
 * which all are dead of a little later; and where the daemon looks after a runner that should have killed by now.
 */
const STOP_MS = 500
const KILL_MS = 200
const STAND_IN_MS = 100
/** From SIGTERM to SIGKILL when an attempt is cancelled. */
const TERM_GRACE_MS = 500
/** What runs inside the daemon is aborted so long before its right ends, in local ms. */
const ABORT_MS = 100
/** What a killed daemon leaves behind is dead after at most so long, and so is what was stale when its host thawed. */
export const REAP_MS_MAX = 20
export const THAW_KILL_MS_MAX = 100
/** `unreliable` fails this many attempts of a task before one succeeds. */
const UNRELIABLE_FAILS = 2

interface Entry {
  readonly order: AttemptOrder
  readonly run: Run
  readonly inRunner: boolean
  readonly body: Body
  readonly tell: (outcome: Outcome) => void
  /** Local instant at which the right to run ends. */
  until: number | undefined
  begun: boolean
  stopping: boolean
}

export interface ExecutorParts {
  readonly queue: EventQueue
  readonly clock: HostClock
  readonly random: Random
  readonly collector: Collector
}

export class Executor {
  readonly #queue: EventQueue
  readonly #clock: HostClock
  readonly #random: Random
  readonly #collector: Collector
  readonly #entries = new Map<string, Entry>()
  /** Outcomes that a frozen runner has not told yet. */
  #reports: (() => void)[] = []
  #takesMs: readonly [from: number, to: number] = [5, 60]
  #longShare = 0
  #longShareInRunner = 0
  #daemon: 'none' | 'awake' | 'frozen' = 'none'
  #runner: 'none' | 'awake' | 'frozen' = 'none'
  /** Counts runners: news of an earlier one is void. */
  #runners = 0
  #released: () => void = () => {}
  /** Virtual time until which the promise excepts whatever is done here. */
  #exceptedUntil = -1
  readonly counts = { fenced: 0, killedAtDeadline: 0, standIns: 0, unguarded: 0 }

  constructor({ queue, clock, random, collector }: ExecutorParts) {
    this.#queue = queue
    this.#clock = clock
    this.#random = random
    this.#collector = collector
  }

  /** @param longShare share of attempts that take a hundred times as long; of commands it may be another */
  setTakesMs(from: number, to: number, longShare = 0, longShareInRunner = longShare): void {
    this.#takesMs = [from, to]
    this.#longShare = longShare
    this.#longShareInRunner = longShareInRunner
  }

  /** Does a runner still hold the data directory of a daemon that is gone? */
  get locked(): boolean {
    return this.#daemon === 'none' && this.#runner !== 'none'
  }

  get runnerUp(): boolean {
    return this.#runner !== 'none'
  }

  daemonStarted(): void {
    this.#daemon = 'awake'
  }

  execute(host: number, boot: number, order: AttemptOrder, tell: (outcome: Outcome) => void): void {
    const { task, attempt, key, token } = order
    const inRunner = order.type === 'exec'
    const run: Run = {
      ...{ task, key, attempt, host, boot, token },
      ...{
        startedAt: this.#queue.now,
        endedAt: undefined,
        end: 'running',
        exceptedUntil: this.#exceptedUntil,
      },
    }
    const body = new Body(this.#queue, this.#drawTakesMs(inRunner), () =>
      this.#finish(entry, outcomeOf(order, run)),
    )
    const state = { until: order.until, begun: false, stopping: false }
    const entry: Entry = { order, run, inRunner, body, tell, ...state }
    this.#entries.set(`${task}/${attempt}`, entry)
    if (inRunner && this.#runner === 'none') {
      this.#runner = 'awake'
      this.#runners++
    }
    if (!inRunner || this.#runner === 'awake') this.#begin(entry)
    this.#watch(entry)
  }

  extend(attempts: readonly { readonly task: TaskId; readonly attempt: number }[], until: Instant): void {
    for (const { task, attempt } of attempts) {
      const entry = this.#entries.get(`${task}/${attempt}`)
      if (entry?.until !== undefined) entry.until = Math.max(entry.until, until)
    }
  }

  cancel(task: TaskId, attempt: number): void {
    const entry = this.#entries.get(`${task}/${attempt}`)
    if (entry === undefined) return
    const obeysIn = !entry.inRunner
      ? 1
      : this.#random.chance(0.7)
        ? this.#random.between(1, 60)
        : TERM_GRACE_MS
    this.#queue.in(obeysIn, () => {
      if (this.#isAwake(entry)) this.#finish(entry, failure('CANCELLED', 'cancelled'))
    })
  }

  freezeDaemon(): void {
    if (this.#daemon === 'awake') this.#daemon = 'frozen'
    for (const entry of this.#of(false)) this.#stand(entry)
  }

  /** Before the daemon itself goes on: its timers come first. */
  thawDaemon(): void {
    if (this.#daemon === 'frozen') this.#daemon = 'awake'
    for (const entry of this.#of(false)) {
      if (this.#stale(entry, 0)) this.#fence(entry)
      else this.#goOn(entry)
    }
    if (this.#runner === 'none') this.#lose()
    for (const entry of this.#of(true)) this.#standIn(entry)
  }

  freezeRunner(): void {
    if (this.#runner === 'awake') this.#runner = 'frozen'
  }

  thawRunner(): void {
    if (this.#runner !== 'frozen') return
    this.#runner = 'awake'
    if (this.#daemon === 'none') {
      this.#reap()
      return
    }
    for (const entry of this.#of(true)) {
      if (this.#stale(entry, KILL_MS)) this.#fence(entry)
      else if (!entry.begun) this.#begin(entry)
      else if (this.#stale(entry, STOP_MS)) this.#stop(entry)
    }
    for (const report of this.#reports.splice(0)) report()
  }

  /** SIGSTOP for the children too. */
  freezeChildren(): void {
    for (const entry of this.#of(true)) this.#stand(entry)
  }

  /** They run again before anybody can kill what is stale by now or in a moment; that is excepted for so long. */
  thawChildren(): void {
    for (const entry of this.#of(true)) {
      if (this.#stale(entry, THAW_KILL_MS_MAX)) entry.run.exceptedUntil = this.#queue.now + THAW_KILL_MS_MAX
      if (entry.begun) this.#goOn(entry)
    }
  }

  /** The machine was suspended with its clocks: what is done here for a while does not know that its time is over. */
  exceptUntil(virtualMs: number): void {
    this.#exceptedUntil = virtualMs
    for (const { run } of this.#entries.values()) run.exceptedUntil = Math.max(run.exceptedUntil, virtualMs)
  }

  /** kill -9 of the runner alone. False when there is none, or nobody awake to see it. */
  killRunner(): boolean {
    if (this.#runner === 'none' || this.#daemon !== 'awake') return false
    this.#runner = 'none'
    this.#lose()
    return true
  }

  /**
   * The daemon is gone. `released` is called once its runner is too, and with it the lock of the data directory. A daemon
   * that ends in good order kills a frozen runner; one that was killed leaves it to itself.
   * @param exceptMs what is still to be reaped is excepted from the promise for so long; for good if nobody reaps it
   */
  daemonDied(how: 'left' | 'killed', exceptMs: number, released: () => void): void {
    this.#daemon = 'none'
    this.#reports.length = 0
    this.#released = released
    for (const entry of this.#of(false)) this.#kill(entry)
    if (this.#runner === 'none') {
      released()
      return
    }
    const stuck = this.#runner === 'frozen' && how === 'killed'
    const excepted = this.#queue.now + (stuck && exceptMs > 0 ? Number.POSITIVE_INFINITY : exceptMs)
    for (const { run } of this.#of(true)) run.exceptedUntil = Math.max(run.exceptedUntil, excepted)
    if (stuck) return
    const runner = this.#runners
    this.#queue.in(this.#random.between(1, REAP_MS_MAX), () => {
      if (runner === this.#runners && (this.#runner === 'awake' || how === 'left')) this.#reap()
    })
  }

  /** The host lost its power. */
  hostDied(): void {
    this.#daemon = 'none'
    this.#runner = 'none'
    this.#runners++
    this.#reports.length = 0
    for (const entry of [...this.#entries.values()]) this.#kill(entry)
  }

  #reap(): void {
    for (const entry of this.#of(true)) this.#kill(entry)
    this.#runner = 'none'
    this.#released()
  }

  #begin(entry: Entry): void {
    if (this.#stale(entry, entry.inRunner ? STOP_MS : 0)) {
      this.#queue.in(0, () => this.#fence(entry))
      return
    }
    entry.begun = true
    this.#collector.began(entry.run)
    entry.body.go()
  }

  #stand(entry: Entry): void {
    if (!entry.body.going) return
    entry.body.stand()
    this.#collector.paused(entry.run)
  }

  #goOn(entry: Entry): void {
    if (entry.body.going || entry.body.ended) return
    this.#collector.resumed(entry.run)
    entry.body.go()
  }

  /** One timer an entry: when it fires too early, because the right was extended, it is set anew. */
  #watch(entry: Entry): void {
    const { until } = entry
    if (until === undefined) return
    const leadMs = entry.inRunner ? STOP_MS : ABORT_MS
    this.#clock.whenShown(until - leadMs, this.#queue, () => {
      if (entry.body.ended || entry.stopping) return
      if (!this.#stale(entry, leadMs)) this.#watch(entry)
      else if (this.#keeperAwake(entry)) this.#stop(entry)
      else this.#watchFrozen(entry)
    })
  }

  /** SIGTERM, which most obey soon, then SIGKILL. */
  #stop(entry: Entry): void {
    if (entry.stopping || entry.until === undefined) return
    entry.stopping = true
    const obeysIn = entry.inRunner ? this.#random.between(1, 60) : 1
    if (!entry.inRunner || this.#random.chance(0.7)) {
      this.#queue.in(obeysIn, () => {
        if (entry.body.going) this.#fence(entry)
      })
    }
    this.#clock.whenShown(entry.until - KILL_MS, this.#queue, () => {
      if (entry.body.ended) return
      this.counts.killedAtDeadline++
      if (this.#keeperAwake(entry)) this.#fence(entry)
      else this.#watchFrozen(entry)
    })
  }

  /** Whoever should kill is frozen; when that is the runner, an awake daemon does it. */
  #watchFrozen(entry: Entry): void {
    if (!entry.inRunner || entry.until === undefined) return
    this.#clock.whenShown(entry.until - STAND_IN_MS, this.#queue, () => {
      this.#standIn(entry)
      if (!this.#stale(entry, STAND_IN_MS)) this.#watch(entry)
      else if (entry.body.going) this.#unguarded(entry)
    })
  }

  /** Daemon and runner both stand still, or one is dead beside the other's freeze: nobody is left who could kill. */
  #unguarded(entry: Entry): void {
    this.counts.unguarded++
    entry.run.exceptedUntil = Number.POSITIVE_INFINITY
  }

  #standIn(entry: Entry): void {
    if (entry.body.ended || this.#daemon !== 'awake' || this.#runner !== 'frozen') return
    if (!this.#stale(entry, STAND_IN_MS)) return
    this.counts.standIns++
    this.#runner = 'none'
    this.#lose()
  }

  /** No runner any more: what it had is killed by the daemon and reported as lost. */
  #lose(): void {
    this.#runners++
    for (const report of this.#reports.splice(0)) report()
    for (const entry of this.#of(true)) {
      this.#end(entry, 'killed')
      entry.tell(failure('RUNNER_LOST', 'the runner died'))
    }
  }

  #fence(entry: Entry): void {
    if (entry.run.end !== 'running') return
    this.counts.fenced++
    this.#end(entry, 'fenced')
    this.#report(entry, failure('FENCED', 'the right to run ended'))
  }

  #finish(entry: Entry, outcome: Outcome): void {
    if (entry.run.end !== 'running') return
    const how = outcome.ok ? 'succeeded' : outcome.error.code === 'CANCELLED' ? 'cancelled' : 'failed'
    this.#end(entry, how)
    this.#report(entry, outcome)
  }

  #kill(entry: Entry): void {
    this.#end(entry, 'killed')
  }

  #end(entry: Entry, how: Exclude<Run['end'], 'running'>): void {
    entry.body.end()
    this.#collector.ended(entry.run, how)
    this.#entries.delete(`${entry.order.task}/${entry.order.attempt}`)
  }

  #report(entry: Entry, outcome: Outcome): void {
    if (entry.inRunner && this.#runner === 'frozen') this.#reports.push(() => entry.tell(outcome))
    else entry.tell(outcome)
  }

  #of(inRunner: boolean): Entry[] {
    return [...this.#entries.values()].filter(entry => entry.inRunner === inRunner)
  }

  /** Is there less than `marginMs` of the right to run left? */
  #stale(entry: Entry, marginMs: number): boolean {
    return entry.until !== undefined && this.#clock.monoAt(this.#queue.now) >= entry.until - marginMs - 1e-6
  }

  #keeperAwake(entry: Entry): boolean {
    return entry.inRunner ? this.#runner === 'awake' : this.#daemon === 'awake'
  }

  #isAwake(entry: Entry): boolean {
    return this.#entries.has(`${entry.order.task}/${entry.order.attempt}`) && this.#keeperAwake(entry)
  }

  #drawTakesMs(inRunner: boolean): number {
    const takes = this.#random.between(...this.#takesMs)
    const share = inRunner ? this.#longShareInRunner : this.#longShare
    return share > 0 && this.#random.chance(share) ? takes * 100 : takes
  }
}

function failure(code: AttemptError['code'], message: string): Outcome {
  return { ok: false, error: { code, message }, retryable: code !== 'CANCELLED' }
}

function outcomeOf(order: AttemptOrder, run: Run): Outcome {
  if (order.type === 'unreliable' && order.attempt <= UNRELIABLE_FAILS) {
    return failure('THREW', `attempt ${order.attempt}`)
  }
  return { ok: true, result: resultOf(run) }
}
