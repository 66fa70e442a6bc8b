/**
 * What must hold. Safety is checked while the run goes on: after every effect where that is cheap, else four times a
 * virtual second. Liveness is checked at the end, after a quiet period: whoever lives is known to live by all, whoever
 * died is known to be dead, all rings are one, and every task that was accepted has succeeded.
 */
import type { NodeId, RequestId } from '../../src/base/ids.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import type { Claim } from '../../src/membership/messages.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import type { Belief, Cluster } from './cluster.ts'
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'
import type { Host, WorldProbe } from './world.ts'

export const INVARIANTS = {
  'a machine never throws': 'No input at any moment makes the core throw.',
  'a machine does not spin': 'The core does not ask to be woken again and again without use.',
  'effects are well-formed': 'No frame to a link that never was, no dial number twice, one reply a request.',
  'traffic stays bounded': 'A node sends, publishes and dials no more than a fixed number of times a second.',
  'tables stay bounded': 'A roster has no more members than there are, a store no more records than tasks.',
  'incarnations never go down': 'No node ever takes an older incarnation of a member for the present one.',
  'nobody pretends': 'A node says nothing about itself but its own name, key and incarnation.',
  'no false death': 'Under mild faults no live member is ever called dead.',
  'a pause accuses nobody': 'Where nothing is wrong but pauses, only a member that stood still is accused.',
  'views converge': 'At the end every live node counts exactly the live nodes as living, as they are now.',
  'the dead are dead': 'At the end nobody counts a killed node as living.',
  'a leave is a leave': 'Who was connected to a node that left has it as left, never as dead.',
  'one ring': 'At the end all live nodes have the same ring.',
  'every request is answered': 'A request to a node that lives gets its reply within its time limit.',
  'accepted is on a disk': 'When a submission is answered, some disk has its record.',
  'nothing accepted is lost':
    'A record that was accepted is on a live disk at the end, if its disks survive.',
  'every listed task succeeds': 'At the end every task of the shared list has a succeeded record.',
  'calm runs each task once': 'Without faults no task runs to success twice.',
} as const satisfies Record<string, string>

export type InvariantName = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: string
  /** Virtual ms. */
  readonly at: number
  readonly node: string | undefined
  readonly detail: string
}

const POLL_MS = 250
/** Frames, publications and dials of one node in one second: several times what eight nodes do in a join storm. */
const MESSAGES_PER_SECOND_MAX = 3_000
const DIALS_PER_SECOND_MAX = 200

/** A request is forwarded at most twice, each time for at most `forwardMs`; with room for a pause. */
const REQUEST_MS_MAX = 20_000
/** Claims about a pause may be said again for this long after it. */
const PAUSE_ECHO_MS = 3_000

interface Rate {
  second: number
  messages: number
  dials: number
}

/** A peer that must know that somebody left. */
interface Farewell {
  readonly leaver: Host
  readonly incarnation: number
  readonly by: Process
  readonly host: Host
}

export class Invariants implements WorldProbe {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #rates = new Map<Process, Rate>()
  readonly #incarnations = new Map<Process, Map<NodeId, number>>()
  readonly #requests = new Map<RequestId, { task: string; by: Process; at: number }>()
  readonly #accepted = new Map<string, { disks: Host[]; wipes: number[] }>()
  readonly #farewells: Farewell[] = []
  /** Accusations that were right when first made; they may be said again, late, by one who stood still meanwhile. */
  readonly #accusations = new Set<string>()
  violation: Violation | undefined
  /** Live members called dead by a live node, seen at the polls: allowed under harsh faults, counted all the same. */
  falseDeaths = 0

  constructor(cluster: Cluster, schedule: Schedule) {
    this.#cluster = cluster
    this.#schedule = schedule
  }

  /** Starts to look; call once, before the run. */
  begin(): void {
    const { queue } = this.#cluster.world
    const poll = (): void => {
      this.#poll()
      if (this.violation === undefined && queue.now < this.#schedule.endAt) queue.in(POLL_MS, poll)
    }
    queue.in(POLL_MS, poll)
  }

  input(process: Process, input: Input): void {
    if (input.kind !== 'request' || input.request.kind !== 'submit') return
    this.#requests.set(input.id, { task: input.request.spec.id, by: process, at: this.#cluster.world.now })
  }

  effect(process: Process, effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#count(process).messages++
        if (effect.message.type === 'hello') this.#checkSelf(process, effect.message.self)
        return
      case 'publish':
        this.#count(process).messages++
        if (effect.message.type === 'rumour') this.#checkRumour(process, effect.message.members)
        if (effect.message.type === 'claims') this.#checkClaims(process, effect.message.claims)
        return
      case 'dial':
        this.#count(process).dials++
        return
      case 'reply':
        this.#checkReply(process, effect)
        return
      case 'left':
        this.#noteFarewell(process)
        return
      default:
        return
    }
  }

  broken(process: Process, invariant: string, detail: string): void {
    this.#fail(invariant as InvariantName, process, detail)
  }

  note(): void {}

  #fail(invariant: InvariantName, by: Process | Host | undefined, detail: string): void {
    const host = by === undefined ? undefined : 'host' in by ? this.#cluster.world.hosts[by.host] : by
    this.violation ??= { invariant, at: this.#cluster.world.now, node: host?.name, detail }
  }

  #count(process: Process): Rate {
    const second = Math.floor(this.#cluster.world.now / 1000)
    let rate = this.#rates.get(process)
    if (rate === undefined || rate.second !== second) {
      rate = { second, messages: 0, dials: 0 }
      this.#rates.set(process, rate)
    }
    if (rate.messages > MESSAGES_PER_SECOND_MAX || rate.dials > DIALS_PER_SECOND_MAX) {
      this.#fail(
        'traffic stays bounded',
        process,
        `${rate.messages} messages, ${rate.dials} dials in second ${second}`,
      )
    }
    return rate
  }

  #checkSelf(process: Process, self: MemberRecord): void {
    const host = this.#cluster.world.hosts[process.host]
    if (host === undefined) return
    if (self.id !== host.name || self.peerId !== process.peer || self.incarnation < host.disk.incarnation) {
      this.#fail('nobody pretends', process, JSON.stringify(self))
    }
  }

  #checkRumour(process: Process, members: readonly MemberRecord[]): void {
    if (this.#schedule.profile === 'mixed' || this.#schedule.profile === 'pauses') return
    for (const record of members) {
      if (record.status === 'dead') this.#checkDeath(process, record)
    }
  }

  #checkDeath(by: Process, record: MemberRecord): void {
    const subject = this.#hostOf(record.id)
    const belief = subject && this.#cluster.belief(subject)
    if (belief === undefined || belief.self.incarnation > record.incarnation) return
    const { profile } = this.#schedule
    if (profile === 'mixed' || profile === 'pauses') this.falseDeaths++
    else this.#fail('no false death', by, `${record.id} is alive in incarnation ${belief.self.incarnation}`)
  }

  #checkClaims(by: Process, claims: readonly Claim[]): void {
    if (this.#schedule.profile !== 'pauses') return
    for (const { accuser, subject, incarnation, withdrawn } of claims) {
      const accusation = `${accuser} ${subject} ${incarnation}`
      if (withdrawn || this.#accusations.has(accusation)) continue
      if (this.#stoodStill(subject)) this.#accusations.add(accusation)
      else this.#fail('a pause accuses nobody', by, `accuses ${subject}`)
    }
  }

  /** Was the host's process frozen lately? */
  #stoodStill(name: NodeId): boolean {
    const host = this.#hostOf(name)?.index
    const { now } = this.#cluster.world
    return this.#schedule.faults.some(
      fault =>
        fault.kind === 'freeze' &&
        fault.host === host &&
        fault.at <= now &&
        now <= fault.at + fault.ms + PAUSE_ECHO_MS,
    )
  }

  #checkReply(process: Process, effect: Effect & { kind: 'reply' }): void {
    const task = this.#requests.get(effect.id)?.task
    this.#requests.delete(effect.id)
    if (task === undefined || !effect.reply.ok) return
    const disks = this.#cluster.world.hosts.filter(host => host.disk.rows('tasks').has(task))
    if (disks.length === 0)
      this.#fail('accepted is on a disk', process, `${task} was accepted and no disk has it`)
    this.#accepted.set(task, { disks, wipes: disks.map(host => host.disk.wipes) })
  }

  /** The peers that must know: linked, awake, and with a path that loses nothing. */
  #noteFarewell(process: Process): void {
    const { world } = this.#cluster
    const leaver = world.hosts[process.host]
    const belief = leaver && this.#cluster.belief(leaver)
    if (leaver === undefined || belief === undefined) return
    for (const end of world.network.endsOf(process)) {
      const host = world.hosts[end.other.owner.host]
      const flowing = end.stuck === undefined && end.other.stuck === undefined && end.other.open
      if (host?.process === undefined || host.process !== end.other.owner || !flowing) continue
      if (host.process.frozen || world.paths.stalled(leaver.index, host.index, world.now)) continue
      this.#farewells.push({ leaver, incarnation: belief.self.incarnation, by: host.process, host })
    }
  }

  #poll(): void {
    for (const host of this.#cluster.world.hosts) {
      const belief = this.#cluster.belief(host)
      if (belief === undefined || host.process === undefined) continue
      this.#checkIncarnations(host.process, belief)
      if (belief.members.length > this.#cluster.world.hosts.length) {
        this.#fail('tables stay bounded', host, `${belief.members.length} members`)
      }
      for (const record of belief.members)
        if (record.status === 'dead') this.#checkDeath(host.process, record)
    }
  }

  #checkIncarnations(process: Process, belief: Belief): void {
    let known = this.#incarnations.get(process)
    if (known === undefined) {
      known = new Map()
      this.#incarnations.set(process, known)
    }
    for (const { id, incarnation } of belief.members) {
      const before = known.get(id) ?? 0
      if (incarnation < before) {
        this.#fail('incarnations never go down', process, `${id} went from ${before} to ${incarnation}`)
      }
      known.set(id, incarnation)
    }
  }

  /** After the quiet period. */
  checkEnd(): void {
    const { world } = this.#cluster
    const running = world.hosts.filter(host => host.process !== undefined)
    for (const host of running) this.#checkView(host, running)
    this.#checkRings(running)
    for (const farewell of this.#farewells) this.#checkFarewell(farewell)
    this.#checkRequests()
    this.#checkTasks(running)
  }

  #checkRequests(): void {
    const { now } = this.#cluster.world
    for (const { task, by, at } of this.#requests.values()) {
      if (by.alive && now - at > REQUEST_MS_MAX) {
        this.#fail('every request is answered', by, `${task}, asked ${Math.round(now - at)} ms ago`)
      }
    }
  }

  #checkView(host: Host, running: readonly Host[]): void {
    const belief = this.#cluster.belief(host)
    if (belief === undefined) return
    const living = new Map(belief.members.filter(m => m.status === 'alive').map(m => [m.id as string, m]))
    for (const other of running) {
      const now = this.#cluster.belief(other)?.self
      const seen = living.get(other.name)
      if (seen === undefined) this.#fail('views converge', host, `does not count ${other.name} as living`)
      else if (seen.incarnation !== now?.incarnation) {
        this.#fail(
          'views converge',
          host,
          `has ${other.name} in incarnation ${seen.incarnation}, not ${now?.incarnation}`,
        )
      }
    }
    for (const name of living.keys()) {
      if (!running.some(other => other.name === name)) {
        this.#fail('the dead are dead', host, `still counts ${name} as living`)
      }
    }
  }

  #checkRings(running: readonly Host[]): void {
    const checksums = new Set(running.map(host => this.#cluster.belief(host)?.ringChecksum))
    if (checksums.size > 1) this.#fail('one ring', undefined, [...checksums].join(', '))
  }

  #checkFarewell({ leaver, incarnation, by, host }: Farewell): void {
    if (host.process !== by) return
    const record = this.#cluster.belief(host)?.members.find(member => member.id === leaver.name)
    if (record?.incarnation !== incarnation || record.status === 'left') return
    this.#fail('a leave is a leave', host, `has ${leaver.name} as ${record.status}`)
  }

  #checkTasks(running: readonly Host[]): void {
    if (running.length === 0) return
    const tasks = new Set<string>()
    for (const host of running) for (const id of host.disk.rows('tasks').keys()) tasks.add(id)
    const stateOf = (id: string): string[] =>
      running.flatMap(host => {
        const record = host.disk.rows('tasks').get(id) as TaskRecord | undefined
        return record === undefined ? [] : [record.state]
      })
    for (let index = 0; index < this.#schedule.listTasks; index++) {
      const states = stateOf(`list-${index}`)
      if (!states.includes('succeeded')) {
        this.#fail(
          'every listed task succeeds',
          undefined,
          `list-${index}: ${states.join(', ') || 'no record'}`,
        )
      }
    }
    for (const [id, { disks, wipes }] of this.#accepted) {
      const survivors = disks.filter((host, i) => host.disk.wipes === wipes[i] && host.process !== undefined)
      if (survivors.length < disks.length) continue
      const states = stateOf(id)
      if (!states.includes('succeeded')) {
        this.#fail('nothing accepted is lost', survivors[0], `${id}: ${states.join(', ') || 'no record'}`)
      }
    }
    if (this.#schedule.profile === 'calm') this.#checkOnce()
  }

  #checkOnce(): void {
    const successes = new Map<string, number>()
    for (const run of this.#cluster.world.runs) {
      if (run.end === 'succeeded') successes.set(run.task, (successes.get(run.task) ?? 0) + 1)
    }
    for (const [task, count] of successes) {
      if (count > 1) this.#fail('calm runs each task once', undefined, `${task} ran ${count} times`)
    }
  }

  #hostOf(id: string): Host | undefined {
    return this.#cluster.world.hosts.find(host => host.name === id)
  }
}
