/**
 * Holds what applications are told of their tasks, and what really executes, to what was promised: in true time, with every
 * answer and every run in view (those that share an id: `TwinJudge`). What is told of an end stays; what has succeeded runs no more; a result counts only when no
 * later owner had begun the task anew; one dedupe key is one task; limits hold on each node.
 */
import { asTaskId, type RequestId } from '../../src/base/ids.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import { isSettled } from '../../src/tasks/merge.ts'
import { isOrder } from '../../src/tasks/schedules/orders.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { Cluster } from './cluster.ts'
import { compareTokens, type Run } from './collector.ts'
import { CopyJudge, endOf } from './copy-judge.ts'
import type { Findings } from './findings.ts'
import { LoneEnds } from './lone-ends.ts'
import type { Process } from './process.ts'
import type { JudgeParts, Promised } from './promised.ts'
import type { Schedule } from './schedule.ts'
import { TwinJudge } from './twin-judge.ts'
import { isTwin } from './twins.ts'
import { GROUP_LIMIT } from './work.ts'
import type { Host } from './world.ts'

/** A request is forwarded at most twice, each time for at most `forwardMs`; with room for a pause. */
const REQUEST_MS_MAX = 20_000

interface Asked {
  readonly kind: 'submit' | 'cancel' | 'retry' | 'get'
  readonly task: string
  readonly by: Process
  readonly at: number
  readonly submit: Submit
}

/** A submission was answered while these disks had its record. */
export interface Accepted {
  readonly task: string
  readonly key: string
  readonly disks: readonly Host[]
}

interface Submit {
  readonly at: number
  /** When that was answered; until then, and where it failed, infinite. */
  acceptedAt: number
}

type Reply = Extract<Effect, { kind: 'reply' }>['reply']
type Message = Extract<Effect, { kind: 'send' }>['message']
type ForwardReply = Extract<Message, { type: 'forward-reply' }>

export class TaskJudge {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #findings: Findings
  readonly #promised: Promised
  readonly #requests = new Map<RequestId, Asked>()
  readonly #runs = new Map<string, Run[]>()
  /** The end of each round of each task, as it was first told. */
  readonly #ends = new Map<string, string>()
  readonly #loneEnds: LoneEnds
  readonly #twins: TwinJudge
  readonly #copies: CopyJudge
  /** When it was first told that a task has succeeded. */
  readonly #succeeded = new Map<string, number>()
  /** When a task was first accepted, and that somebody wanted it cancelled. */
  readonly #accepted = new Map<string, { readonly at: number; readonly record: TaskRecord }>()
  readonly #cancels = new Set<string>()
  /** Every submission of a task: of one without a good answer a copy may be under way. */
  readonly #submits = new Map<string, Submit[]>()
  readonly #named = new Map<string, string>()
  /** The disks that each owner had to count before it answered another node, as its own ring was then. */
  readonly #owed = new Map<string, { readonly at: number; readonly disks: number }[]>()

  constructor(parts: JudgeParts) {
    const { cluster, schedule, findings, promised } = parts
    this.#twins = new TwinJudge(parts)
    this.#promised = promised
    this.#cluster = cluster
    this.#schedule = schedule
    this.#findings = findings
    this.#loneEnds = new LoneEnds(cluster)
    this.#copies = new CopyJudge(cluster, schedule.durability, findings)
    cluster.world.collector.onBegan = run => this.#began(run)
  }

  get #hosts(): readonly Host[] {
    return this.#cluster.world.hosts
  }

  input(by: Process, input: Input): void {
    if (input.kind !== 'request') return
    const { id, request } = input
    // `SlotJudge` sees what becomes of schedules.
    if (request.kind === 'submit' && isOrder(request.spec)) return
    const task = request.kind === 'submit' ? request.spec.id : request.task
    if (isTwin(task)) {
      this.#twins.input(id, input)
      return
    }
    if (request.kind === 'cancel') this.#cancels.add(task)
    const submit = { at: this.#cluster.world.now, acceptedAt: Number.POSITIVE_INFINITY }
    if (request.kind === 'submit') this.#submits.set(task, [...(this.#submits.get(task) ?? []), submit])
    if (request.kind === 'submit') this.#copies.sent(task)
    this.#requests.set(id, { kind: request.kind, task, by, at: this.#cluster.world.now, submit })
  }

  /** An owner answers what another node has asked for somebody. */
  answers(by: Process, { reply }: Pick<ForwardReply, 'reply'>): void {
    if (!reply.ok || !('durableCopies' in reply)) return
    const { id } = reply.record.spec
    if (isTwin(id)) {
      this.#twins.answers(by, reply.record, reply.durableCopies)
      return
    }
    const owed = { at: this.#cluster.world.now, disks: this.#copies.owed(by) }
    this.#owed.set(id, [...(this.#owed.get(id) ?? []), owed])
    this.#checkOwn(by, reply.record, reply.durableCopies)
  }

  /** @returns the task that was accepted by this answer, and the disks that have it */
  replied(by: Process, effect: Effect & { kind: 'reply' }): Accepted | undefined {
    const { id, reply } = effect
    this.#twins.replied(by, effect)
    const asked = this.#requests.get(id)
    this.#requests.delete(id)
    if (asked === undefined) return undefined
    if (!reply.ok) {
      if (reply.failure.code === 'TASK_UNKNOWN') this.#checkKnown(by, asked)
      return undefined
    }
    if (!('record' in reply)) return undefined
    const { record } = reply
    asked.submit.acceptedAt = this.#cluster.world.now
    const counted = this.#promised.isKept(record.spec.key)
    if (counted && isSettled(record)) this.#told(record, by)
    if (asked.kind !== 'submit') return undefined
    const task = record.spec.id
    this.#checkName(record, by)
    const disks = this.#hosts.filter(host => host.disk.rows('tasks').has(task))
    if (this.#mayBeDropped(task) || (disks.length === 0 && this.#copies.wereLost(record))) return undefined
    if (disks.length === 0 && record.revision > 0)
      this.#fail('accepted is on a disk', by, `${task} was accepted and no disk has it`)
    if (counted) this.#checkCopies(by, asked, reply)
    if (!this.#accepted.has(task)) this.#accepted.set(task, { at: this.#cluster.world.now, record })
    return { task, key: record.spec.key, disks }
  }

  poll(): void {
    this.#twins.poll()
    if (this.#schedule.mode !== 'quorum') return
    for (const host of this.#hosts) {
      const node = this.#cluster.nodeOf(host)
      if (node === undefined || host.process === undefined) continue
      const judged = this.#copies.staysInRing(host.process)
      for (const task of host.disk.rows('tasks').keys()) {
        const final = isTwin(task) ? undefined : node.tasks.final(asTaskId(task))
        if (final !== undefined && this.#promised.isKept(final.spec.key))
          this.#told(final, host.process, judged)
      }
    }
  }

  checkEnd(): void {
    this.#twins.checkEnd()
    const { now } = this.#cluster.world
    for (const { task, by, at } of this.#requests.values()) {
      if (by.alive && now - at > REQUEST_MS_MAX)
        this.#fail('every request is answered', by, `${task}, asked ${Math.round(now - at)} ms ago`)
    }
  }

  /** It has ended, and need not be anywhere any more. */
  mayBeDropped(task: string): boolean {
    return this.#mayBeDropped(task)
  }

  /** Somebody cancelled it, so it may be ordered to run again. */
  wasCancelled(task: string): boolean {
    return this.#cancels.has(task)
  }

  /** May the task be, for good or at this moment, as these copies of it say, although it has not succeeded? */
  excuses(task: string, copies: readonly TaskRecord[]): boolean {
    if (this.#mayBeDropped(task)) return true
    return copies.some(record => {
      const { spec, state, attempts } = record
      if (state === 'cancelled') return this.#cancels.has(task)
      if (state === 'dead') return this.#mayBeDead(record)
      // One that became ready by another clock waits for its time by that of its owner, until it has begun once.
      const waits = state === 'scheduled' || (state === 'ready' && attempts.length === 0)
      return (waits && this.#isEarlySomewhere(spec)) || (state !== 'scheduled' && this.#isFull(spec))
    })
  }

  /** Wall clocks differ by a minute and more. */
  #isEarlySomewhere({ runAt }: TaskSpec): boolean {
    return this.#hosts.some(({ clock }) => clock.at(this.#cluster.world.now).wall < (runAt ?? 0))
  }

  #mayBeDropped(task: string): boolean {
    if (!this.#schedule.work.forgetful) return false
    const ran = (this.#runs.get(task) ?? []).some(({ end }) => end === 'succeeded')
    return ran || this.#cancels.has(task) || this.#ended(task)
  }

  #ended(task: string): boolean {
    return [...this.#ends.keys()].some(end => end.startsWith(`${task} `))
  }

  /** An attempt that was written down before its node went away counts, though it never came to run: nobody can know. */
  #mayBeDead({ spec, error, attempts }: TaskRecord): boolean {
    if (error?.code === 'EXPIRED') return spec.expiresAt !== undefined
    const runs = this.#runs.get(spec.id) ?? []
    const unborn = attempts.filter(
      ({ number, outcome, token }) =>
        outcome === 'lost' && !runs.some(run => run.attempt === number && run.token.value === token),
    )
    return runs.length + unborn.length >= Math.min(spec.maxAttempts, 3)
  }

  /** Others of its type or group take up what there is of room. */
  #isFull(spec: TaskRecord['spec']): boolean {
    for (const run of this.#cluster.world.collector.running()) {
      const other = this.#specOf(run)
      if (other !== undefined && (other.type === spec.type || (spec.group && other.group === spec.group)))
        return true
    }
    return false
  }

  #fail(invariant: Parameters<Findings['fail']>[0], by: Process, detail: string): void {
    this.#findings.fail(invariant, this.#hosts[by.host]?.name, detail)
  }

  /** Whatever may be told of the end of a task is the same, whoever tells it and when. */
  #told(record: TaskRecord, by: Process, ownWord = false): void {
    const { spec, state, redriven } = record
    const round = `${spec.id} ${redriven?.times ?? 0}`
    const end = endOf(record)
    const told = this.#ends.get(round)
    if (told !== undefined && told !== end && !this.#schedule.work.forgetful)
      this.#fail('an end that was told stays', by, `${spec.id}: ${told}, then ${end}`)
    if (told !== undefined) return
    if (ownWord && !this.#mayBeDropped(spec.id)) this.#copies.ended(by, record)
    this.#ends.set(round, end)
    this.#loneEnds.told(spec.id)
    if (state !== 'succeeded') return
    this.#succeeded.set(spec.id, this.#cluster.world.now)
    this.#checkStale(record, by)
  }

  /** The run that it came from was not overtaken by one of a later owner. */
  #checkStale({ spec: { id }, result }: TaskRecord, by: Process): void {
    const runs = this.#runs.get(id) ?? []
    const won = runs.find(run => JSON.stringify(resultOf(run)) === JSON.stringify(result))
    if (won === undefined) {
      this.#fail('a result has a run', by, `${id} ended as ${JSON.stringify(result)}`)
      return
    }
    const endedAt = won.endedAt ?? this.#cluster.world.now
    const later = runs.find(
      run => run.token.safe && compareTokens(run.token.value, won.token.value) > 0 && run.startedAt < endedAt,
    )
    if (later === undefined) return
    const beside = `token ${later.token.value} since ${(later.startedAt / 1000).toFixed(3)} s`
    this.#fail('a stale result is refused', by, `${id}: ${JSON.stringify(result)}, beside ${beside}`)
  }

  #began(run: Run): void {
    if (this.#loneEnds.isLost(run.task)) this.#forgetEnds(run.task)
    const runs = this.#runs.get(run.task)
    if (runs === undefined) this.#runs.set(run.task, [run])
    else runs.push(run)
    const process = this.#hosts[run.host]?.process
    const { now } = this.#cluster.world
    if (isTwin(run.task)) this.#twins.began(run)
    if (process === undefined || isTwin(run.task)) return
    const counted = this.#promised.isKept(run.key) && run.token.safe && process.boot === run.boot
    if (counted && !this.#mayBeDropped(run.task)) this.#copies.began(process, run)
    if (now <= run.exceptedUntil) return
    const doneAt = this.#succeeded.get(run.task)
    const again = doneAt !== undefined && doneAt < now && !this.#isNew(run, doneAt)
    if (again && this.#promised.isKept(run.key)) {
      const detail = `${run.task} is begun again ${Math.round(now - doneAt)} ms after it was told that it succeeded`
      this.#fail('what has succeeded runs no more', process, detail)
    }
    this.#checkLimits(run, process)
  }

  /**
   * What has ended and was dropped is a new task when it is sent again, or was under way then. And a later owner may meet
   * with the old copy of a node that was away, while others are gone that could tell (see `tasks/leftovers.ts`).
   */
  #isNew({ task, token }: Run, since: number): boolean {
    if (!this.#schedule.work.forgetful) return false
    const earlier = (this.#runs.get(task) ?? []).some(({ token: { value }, startedAt }) => {
      return startedAt < since && value === token.value
    })
    return !earlier || (this.#submits.get(task) ?? []).some(({ acceptedAt }) => acceptedAt > since)
  }

  #forgetEnds(task: string): void {
    this.#succeeded.delete(task)
    for (const round of this.#ends.keys()) if (round.startsWith(`${task} `)) this.#ends.delete(round)
  }

  #specOf({ host, task }: Run): TaskRecord['spec'] | undefined {
    const at = this.#hosts[host]
    return at && this.#cluster.nodeOf(at)?.tasks.get(task)?.spec
  }

  #checkLimits(run: Run, by: Process): void {
    const spec = this.#specOf(run)
    if (spec === undefined) return
    const { typeConcurrency = {}, groupConcurrency = {} } = this.#schedule.work.tasks
    let ofType = 1
    let ofGroup = 1
    for (const other of this.#cluster.world.collector.running()) {
      if (other === run || other.host !== run.host || other.boot !== run.boot) continue
      const beside = this.#specOf(other)
      if (beside === undefined) continue
      if (beside.type === spec.type) ofType++
      if (spec.group !== undefined && beside.group === spec.group) ofGroup++
      if (other.key === run.key && !(spec.concurrent && beside.concurrent))
        this.#fail('limits hold', by, `${run.task} and ${other.task} run for "${run.key}"`)
    }
    const types = typeConcurrency[spec.type] ?? Number.POSITIVE_INFINITY
    if (ofType > types) this.#fail('limits hold', by, `${ofType} of type ${spec.type} run, at most ${types}`)
    const groups = Math.min(GROUP_LIMIT, groupConcurrency[spec.group ?? ''] ?? GROUP_LIMIT)
    if (spec.group !== undefined && ofGroup > groups)
      this.#fail('limits hold', by, `${ofGroup} of group ${spec.group} run, at most ${groups}`)
  }

  /** Whoever asks about a task after it was accepted is not told that there is none. */
  #checkKnown(by: Process, { task, at, kind }: Asked): void {
    if (this.#schedule.work.forgetful) return
    if (this.#cluster.lossesAtOnce >= this.#schedule.durability) return
    const accepted = this.#accepted.get(task)
    if (accepted === undefined || accepted.at >= at || !this.#promised.isKept(accepted.record.spec.key))
      return
    if (this.#copies.wereLost(accepted.record)) return
    const since = `accepted ${Math.round(at - accepted.at)} ms before`
    this.#fail('an accepted task is known', by, `${kind} ${task}, ${since}, is answered TASK_UNKNOWN`)
  }

  #checkName({ spec }: TaskRecord, by: Process): void {
    if (spec.dedupe === undefined || !this.#promised.isKept(spec.key) || this.#schedule.work.forgetful) return
    const name = `${spec.key} ${spec.dedupe.key}`
    const first = this.#named.get(name)
    if (first === undefined) this.#named.set(name, spec.id)
    else if (first !== spec.id) this.#fail('one name is one task', by, `"${name}" is ${first} and ${spec.id}`)
  }

  /** What was told may be less than what was owed by no ring that anybody on the way goes by. */
  #checkCopies(by: Process, { at }: Asked, reply: Reply): void {
    if (!reply.ok || !('durableCopies' in reply) || reply.record.revision === 0) return
    // By its dedupe key it may be another one than was asked for.
    const task = reply.record.spec.id
    const owed = (this.#owed.get(task) ?? []).filter(each => each.at >= at)
    const least = Math.min(this.#copies.owed(by), ...owed.map(each => each.disks))
    if (reply.durableCopies < least)
      this.#fail(
        'as many disks as were told',
        by,
        `${task} is told to have ${reply.durableCopies} copies, of ${least}`,
      )
    // What is handed on was judged when its owner said it.
    if (owed.length === 0) this.#checkOwn(by, reply.record, reply.durableCopies)
  }

  /** What a node says of a task of its own. */
  #checkOwn(by: Process, record: TaskRecord, copies: number): void {
    const owner = this.#cluster.nodeIn(by)?.ring.owner(record.spec.key)
    if (!this.#promised.isKept(record.spec.key) || owner !== this.#hosts[by.host]?.name) return
    if (!this.#mayBeDropped(record.spec.id)) this.#copies.counted(by, record, copies)
  }
}

/** What a run that succeeds gives as its result: so a result tells which run it came from. */
export const resultOf = ({ task, attempt, host, boot, token }: Omit<Run, 'startedAt' | 'endedAt'>) => ({
  ran: task,
  attempt,
  on: `${host}/${boot}`,
  token: token.value,
})
