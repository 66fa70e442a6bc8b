/**
 * What must be so at the end, after the quiet: whoever lives is known to live by all, whoever died is known to be dead,
 * all rings are one, and every task that was accepted has succeeded.
 */
import type { TaskRecord } from '../../src/tasks/task.ts'
import { type Cluster, CORES, keyOf } from './cluster.ts'
import type { Findings } from './findings.ts'
import { mayWaitForGone } from './lone-rings.ts'
import type { Process } from './process.ts'
import type { JudgeParts, Promised } from './promised.ts'
import type { Schedule } from './schedule.ts'
import type { Accepted, TaskJudge } from './task-judge.ts'
import type { Host } from './world.ts'

/** Attempts that took their node or runner down, after which a task is not tried again. */
const POISON_RUNS = 3
/** After an attempt: the longest backoff of a task here, and what it takes to write down how it ended, in ms. */
const SETTLES_MS = 1_500

/** A peer that must know that somebody left. */
interface Farewell {
  readonly leaver: Host
  readonly incarnation: number
  readonly by: Process
  readonly host: Host
}

export class EndChecks {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #findings: Findings
  readonly #judge: TaskJudge
  readonly #promised: Promised
  readonly #accepted = new Map<string, { key: string; disks: readonly Host[]; wipes: number[] }>()
  readonly #farewells: Farewell[] = []

  constructor({ cluster, schedule, findings, promised }: JudgeParts, judge: TaskJudge) {
    this.#promised = promised
    this.#cluster = cluster
    this.#schedule = schedule
    this.#findings = findings
    this.#judge = judge
  }

  /** A submission was answered while these disks had its record. */
  accepted({ task, key, disks }: Accepted): void {
    this.#accepted.set(task, { key, disks, wipes: disks.map(host => host.disk.wipes) })
  }

  /** The peers that must know of a leave: linked, awake, and with a path that loses nothing. */
  noteFarewell(process: Process): void {
    const { world } = this.#cluster
    const leaver = world.hosts[process.host]
    const belief = leaver && this.#cluster.belief(leaver)
    if (leaver === undefined || belief === undefined) return
    for (const end of world.network.endsOf(process)) {
      const host = world.hosts[end.other.owner.host]
      const flowing = end.stuck === undefined && end.other.stuck === undefined && end.other.open
      if (host?.process === undefined || host.process !== end.other.owner || !flowing) continue
      if (host.process.frozen || end.stalledUntil > world.now) continue
      if (world.paths.stalled(leaver.index, host.index, world.now)) continue
      this.#farewells.push({ leaver, incarnation: belief.self.incarnation, by: host.process, host })
    }
  }

  check(): void {
    const running = this.#cluster.world.hosts.filter(host => host.process !== undefined)
    if (this.#schedule.mode === 'quorum') this.#checkKept(running)
    for (const host of running) this.#checkView(host, running)
    this.#checkRings(running)
    for (const farewell of this.#farewells) this.#checkFarewell(farewell)
    this.#checkTasks(running)
  }

  #checkView(host: Host, running: readonly Host[]): void {
    const belief = this.#cluster.belief(host)
    if (belief === undefined) return
    const living = new Map(belief.members.filter(m => m.status === 'alive').map(m => [m.id as string, m]))
    for (const other of running) {
      const now = this.#cluster.belief(other)?.self
      const seen = living.get(other.name)
      if (seen === undefined)
        this.#findings.fail('views converge', host.name, `does not count ${other.name} as living`)
      else if (seen.incarnation !== now?.incarnation) {
        this.#findings.fail(
          'views converge',
          host.name,
          `has ${other.name} in incarnation ${seen.incarnation}, not ${now?.incarnation}`,
        )
      }
    }
    for (const name of living.keys()) {
      if (!running.some(other => other.name === name)) {
        this.#findings.fail('the dead are dead', host.name, `still counts ${name} as living`)
      }
    }
  }

  #checkRings(running: readonly Host[]): void {
    const checksums = new Set(running.map(host => this.#cluster.belief(host)?.ringChecksum))
    if (checksums.size > 1) this.#findings.fail('one ring', undefined, [...checksums].join(', '))
  }

  #checkFarewell({ leaver, incarnation, by, host }: Farewell): void {
    if (host.process !== by) return
    const record = this.#cluster.belief(host)?.members.find(member => member.id === leaver.name)
    if (record?.incarnation !== incarnation || record.status === 'left') return
    this.#findings.fail('a leave is a leave', host.name, `has ${leaver.name} as ${record.status}`)
  }

  /** What counted lies on as many disks as may be lost and one more, so on one at least, and whoever owns it knows it. */
  #checkKept(running: readonly Host[]): void {
    const { hosts } = this.#cluster.world
    const { durability } = this.#schedule
    if (this.#cluster.lossesAtOnce >= durability) return
    for (const [task, { key }] of this.#accepted) {
      if (!this.#promised.isKept(key)) continue
      if (hosts.some(({ disk }) => disk.rows('tasks').has(task)) || this.#judge.mayBeDropped(task)) continue
      if (this.#wasLone(task)) continue
      this.#findings.fail('nothing accepted is forgotten', undefined, `${task} is on no disk`)
    }
    if (running.length < hosts.length) return
    for (const host of running) {
      const node = this.#cluster.nodeOf(host)
      if (node?.phase !== 'ready' || !node.tasks.counts().takingOver) continue
      const missing =
        node.tasks.metrics().find(({ name }) => name === 'takeover_missing')?.samples[0]?.value ?? 0
      // So many may be missing; and keys that another keeps while its work drains are asked for later.
      if (missing >= durability)
        this.#findings.fail('takeovers end', host.name, `${missing} members have not answered`)
      const { terms, ledger } = node.grants ?? {}
      if (terms?.tenure !== undefined && ledger?.ringsBefore(terms.tenure.term) === 'unknown')
        this.#findings.fail('takeovers end', host.name, 'nobody says what rings there were')
    }
  }

  #checkTasks(running: readonly Host[]): void {
    if (running.length === 0) return
    const copiesOf = (id: string): TaskRecord[] =>
      running.flatMap(host => {
        const record = host.disk.rows('tasks').get(id) as TaskRecord | undefined
        return record === undefined ? [] : [record]
      })
    for (let index = 0; index < this.#schedule.listTasks; index++) {
      const copies = copiesOf(`list-${index}`)
      if (!hasSucceeded(copies) && !this.#isExcused(`list-${index}`, copies)) {
        this.#findings.fail('every listed task succeeds', undefined, `list-${index}: ${statesOf(copies)}`)
      }
    }
    for (const [id, { key, disks, wipes }] of this.#accepted) {
      const survivors = disks.filter((host, i) => host.disk.wipes === wipes[i] && host.process !== undefined)
      // In quorum mode it lies on one disk more than may be lost; but all that are left must be there to be asked.
      const counted =
        !this.#wasLone(id) &&
        this.#promised.isKept(key) &&
        this.#cluster.lossesAtOnce < this.#schedule.durability &&
        running.length === this.#cluster.world.hosts.length
      if (survivors.length < disks.length && !counted) continue
      const copies = copiesOf(id)
      if (!hasSucceeded(copies) && !this.#isExcused(id, copies)) {
        this.#findings.fail('nothing accepted is lost', survivors[0]?.name, `${id}: ${statesOf(copies)}`)
      }
    }
    if (this.#schedule.profile === 'calm') this.#checkOnce()
  }

  #isExcused(task: string, copies: readonly TaskRecord[]): boolean {
    const key = copies[0]?.spec.key ?? keyOf(task)
    if (this.#isPoison(task, copies) || this.#judge.excuses(task, copies)) return true
    return this.#isUnderWay(task, key) || this.#waits(key)
  }

  /** Accepted by owners of rings with fewer members than copies are wanted, and all that had it then are lost. */
  #wasLone(task: string): boolean {
    const { disks = [], wipes = [] } = this.#accepted.get(task) ?? {}
    if (disks.length >= this.#schedule.durability) return false
    return disks.every((host, i) => host.disk.wipes > (wipes[i] ?? 0))
  }

  /** Does its owner wait for members that lost their disks or are gone, and may have been alone with what was accepted? */
  #waits(key: string): boolean {
    const { hosts } = this.#cluster.world
    if (!mayWaitForGone(hosts, this.#schedule.durability)) return false
    const owner = hosts.find(host => this.#cluster.nodeOf(host)?.ring.owner(key) === host.name)
    return owner !== undefined && this.#cluster.nodeOf(owner)?.tasks.takeoverOf(key)?.complete === false
  }

  /**
   * It has an attempt at this moment, had one just now, or stands behind those that have: after others that took long
   * and failed, attempts that take long outlast the quiet.
   */
  #isUnderWay(task: string, key: string): boolean {
    const { collector, now } = this.#cluster.world
    const running = [...collector.running()]
    if (running.some(run => run.key === key)) return true
    if (collector.runs.some(run => run.task === task && (run.endedAt ?? 0) > now - SETTLES_MS)) return true
    const owner = this.#cluster.world.hosts.find(
      host => this.#cluster.nodeOf(host)?.ring.owner(key) === host.name,
    )
    return running.filter(run => run.host === owner?.index).length >= CORES
  }

  /** Given up, after as many of its runs as make it poison went down with what ran them. */
  #isPoison(task: string, copies: readonly TaskRecord[]): boolean {
    const { runs } = this.#cluster.world.collector
    const broken = runs.filter(run => run.task === task && run.end !== 'succeeded' && run.end !== 'failed')
    return copies.some(({ state }) => state === 'dead') && broken.length >= POISON_RUNS
  }

  #checkOnce(): void {
    const successes = new Map<string, number>()
    for (const run of this.#cluster.world.collector.runs) {
      if (run.end === 'succeeded') successes.set(run.task, (successes.get(run.task) ?? 0) + 1)
    }
    for (const [task, count] of successes) {
      if (count > 1 && !this.#judge.wasCancelled(task))
        this.#findings.fail('calm runs each task once', undefined, `${task} ran ${count} times`)
    }
  }
}

const hasSucceeded = (copies: readonly TaskRecord[]): boolean =>
  copies.some(({ state }) => state === 'succeeded')

const statesOf = (copies: readonly TaskRecord[]): string =>
  copies.map(({ state }) => state).join(', ') || 'no record'
