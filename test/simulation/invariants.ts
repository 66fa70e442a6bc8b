/**
 * Holds a run to what must hold. Safety is checked while it goes on: after every effect or step where that is cheap, else
 * four times a virtual second. Liveness is checked at the end, after a quiet period (`end-checks.ts`).
 */
import type { NodeId } from '../../src/base/ids.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import type { Claim } from '../../src/membership/messages.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import { ActingWatch } from './acting-watch.ts'
import { hasCause } from './causes.ts'
import type { Belief, Cluster } from './cluster.ts'
import { EndChecks } from './end-checks.ts'
import { LEAVE_DEADLINE_MS } from './faults.ts'
import { Findings, type InvariantName, type Violation } from './findings.ts'
import { LeaseWatch } from './lease-watch.ts'
import type { Process } from './process.ts'
import { Promised } from './promised.ts'
import type { Schedule } from './schedule.ts'
import { SlotJudge } from './slot-judge.ts'
import type { Tally } from './tally.ts'
import { TaskJudge } from './task-judge.ts'
import { VoterWatch } from './voter-watch.ts'
import type { Host, WorldProbe } from './world.ts'

const POLL_MS = 250
/**
 * Frames, publications and dials of one node in one second: several times what eight nodes do in a join storm, and what
 * one of sixteen answers in the instant in which it wakes from a pause of ten seconds.
 */
const MESSAGES_PER_SECOND_MAX = 6_000
const DIALS_PER_SECOND_MAX = 200

/** Events at one instant: a thaw hands out what came in ten seconds, a few thousand frames. */
const AT_ONCE_MAX = 100_000
/** A leave is over this long after its deadline, in ms of a slow clock: the handing back, the farewell, the last writes. */
const LEAVE_SLACK_MS = 3_500
/** Whoever has been awake for so long, in ms, has been heard, or waits to be. */
const HEARD_MS = 1_000
/** Claims about a pause may be said again for this long after it. */
const PAUSE_ECHO_MS = 3_000

/** The shortest silence that is an accusation, in ms of the accuser's clock. */
const SILENCE_MS_MIN = membershipDefaults().silenceMsMin

/** In the quiet: the rarest redial (6 s), then the silence of a voter after its boot on a slow clock, then a round trip. */
const ACTORLESS_MS_MAX = 9_000

interface Rate {
  second: number
  messages: number
  dials: number
}

export class Invariants implements WorldProbe {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #tally: Tally
  readonly #findings: Findings
  readonly #end: EndChecks
  readonly #promised: Promised
  readonly #judge: TaskJudge
  readonly #slots: SlotJudge
  /** Absent in available mode, which promises nothing of the kind. */
  readonly #leases: LeaseWatch | undefined
  readonly #acting: ActingWatch | undefined
  readonly #voters: VoterWatch | undefined
  readonly #rates = new Map<Process, Rate>()
  readonly #incarnations = new Map<Process, Map<NodeId, number>>()
  /** When a leave must be over; it counts only what the process was awake for. */
  readonly #leaves = new Map<Process, { host: Host; awakeMs: number }>()
  /** Accusations that were right when first made; they may be said again, late, by one who stood still meanwhile. */
  readonly #accusations = new Set<string>()

  /** Who wrongly takes whom for dead, as was counted. */
  readonly #wrong = new Set<string>()

  constructor(cluster: Cluster, schedule: Schedule, tally: Tally) {
    this.#cluster = cluster
    this.#schedule = schedule
    this.#tally = tally
    this.#findings = new Findings(() => cluster.world.now)
    this.#promised = new Promised(cluster, schedule, this.#findings)
    const parts = { cluster, schedule, findings: this.#findings, promised: this.#promised }
    this.#judge = new TaskJudge(parts)
    this.#slots = new SlotJudge(parts, tally)
    this.#end = new EndChecks(parts, this.#judge)
    cluster.world.collector.complain = (invariant, run, detail) =>
      this.#findings.fail(invariant, cluster.world.hosts[run.host]?.name, detail)
    if (schedule.mode === 'available') return
    this.#leases = new LeaseWatch(cluster, this.#findings)
    this.#acting = new ActingWatch(parts, this.#leases)
    this.#voters = new VoterWatch(cluster, this.#findings, tally)
  }

  get violation(): Violation | undefined {
    return this.#findings.violation
  }

  /** Is there no use in going on? Asked after every event. */
  over(): boolean {
    const { atOnce } = this.#cluster.world.queue
    if (atOnce > AT_ONCE_MAX)
      this.#fail('a machine does not spin', undefined, `${atOnce} events at one instant`)
    return this.violation !== undefined
  }

  /** Starts to look; call once, before the run. */
  begin(): void {
    const { queue } = this.#cluster.world
    const poll = (): void => {
      this.#poll()
      if (queue.now < this.#schedule.endAt) queue.in(POLL_MS, poll)
    }
    queue.in(POLL_MS, poll)
  }

  input(process: Process, input: Input): void {
    this.#leases?.input(process, input)
    if (input.kind === 'leave') this.#noteLeave(process)
    this.#promised.input(input)
    this.#judge.input(process, input)
  }

  stepped(process: Process): void {
    this.#acting?.stepped(process)
    this.#voters?.stepped(process)
  }

  effect(process: Process, effect: Effect): void {
    this.#leases?.effect(process, effect)
    this.#promised.effect(process, effect)
    switch (effect.kind) {
      case 'send':
        this.#count(process).messages++
        if (effect.message.type === 'hello') this.#checkSelf(process, effect.message.self)
        if (effect.message.type === 'claims') this.#checkClaims(process, effect.message.claims)
        if (effect.message.type === 'forward-reply') this.#judge.answers(process, effect.message)
        if (effect.message.type === 'forward-replies')
          for (const answer of effect.message.replies) this.#judge.answers(process, answer)
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
        this.#replied(process, effect)
        return
      case 'log':
        this.#slots.effect(effect)
        if (effect.event === 'verdict') this.#checkVerdict(process, String(effect.fields['member']))
        return
      case 'left':
        this.#leaves.delete(process)
        this.#end.noteFarewell(process)
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
    this.#findings.fail(invariant, host?.name, detail)
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
    if (profile === 'mixed' || profile === 'pauses') this.#noteWrong(by, record)
    else this.#fail('no false death', by, `${record.id} is alive in incarnation ${belief.self.incarnation}`)
  }

  /** One node that believes so of one life of another: counted once, however long it lasts. */
  #noteWrong(by: Process, { id, incarnation }: MemberRecord): void {
    const wrong = `${by.host}/${by.boot} ${id} ${incarnation}`
    if (this.#wrong.has(wrong)) return
    this.#wrong.add(wrong)
    this.#tally.count('nodes that took a living one for dead under harsh faults')
  }

  /** Nobody can have watched a silence that is longer than its own life. */
  #checkWatched(by: Process, claims: readonly Claim[]): void {
    const host = this.#cluster.world.hosts[by.host]
    if (host === undefined) return
    const ageMs = (by.now().mono as number) - host.clock.monoAt(by.startedAt)
    if (ageMs >= SILENCE_MS_MIN) return
    for (const { accuser, subject, evidence, withdrawn } of claims) {
      if (withdrawn || evidence !== 'timeout' || accuser !== host.name) continue
      this.#fail(
        'a newcomer accuses nobody',
        by,
        `accuses ${subject} of silence, ${Math.round(ageMs)} ms old`,
      )
    }
  }

  /** Above 11 members the judges hear a claim first, and everybody a tick later: the first counts. */
  #checkClaims(by: Process, claims: readonly Claim[]): void {
    this.#checkWatched(by, claims)
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
        (fault.kind === 'freeze' || fault.kind === 'freeze-tree') &&
        fault.host === host &&
        fault.at <= now &&
        now <= fault.at + fault.ms + PAUSE_ECHO_MS,
    )
  }

  /** A node that just woke has frames waiting: they tell of whoever was awake meanwhile. */
  #checkVerdict(by: Process, member: string): void {
    this.#tally.count('verdicts')
    const subject = this.#hostOf(member)?.process
    if (subject !== undefined && this.#schedule.profile === 'mixed') this.#checkCause(by, subject, member)
    if (this.#schedule.profile !== 'pauses' || subject === undefined || subject.awakeMs < HEARD_MS) return
    this.#fail(
      'a verdict hears what waits',
      by,
      `${member} has been awake for ${Math.round(subject.awakeMs)} ms`,
    )
  }

  /** Harsh faults bury the living now and then; without one nobody does. */
  #checkCause(by: Process, subject: Process, member: string): void {
    this.#tally.count('verdicts on the living under harsh faults')
    const { faults } = this.#schedule
    if (hasCause(faults, [by.host, subject.host], this.#cluster.world.now)) return
    this.#fail('no false death', by, `${member} is alive, and nothing happened to either of them lately`)
  }

  #replied(process: Process, effect: Effect & { kind: 'reply' }): void {
    const accepted = this.#judge.replied(process, effect)
    if (accepted !== undefined) this.#end.accepted(accepted)
  }

  #poll(): void {
    const { hosts, now } = this.#cluster.world
    for (const host of hosts) {
      const belief = this.#cluster.belief(host)
      if (belief === undefined || host.process === undefined) continue
      this.#checkIncarnations(host.process, belief)
      if (belief.members.length > hosts.length) {
        this.#fail('tables stay bounded', host, `${belief.members.length} members`)
      }
      for (const record of belief.members)
        if (record.status === 'dead') this.#checkDeath(host.process, record)
    }
    this.#cluster.world.collector.lookAgain()
    this.#checkLeaves()
    this.#checkMinorities()
    this.#judge.poll()
    if (now >= this.#schedule.quietAt && this.#acting !== undefined) {
      const gapMs = this.#acting.longestGap(this.#schedule.quietAt)
      this.#tally.worst('ms without an actor in the quiet', gapMs)
      if (gapMs > ACTORLESS_MS_MAX)
        this.#fail('somebody acts in the quiet', undefined, `a key had no actor for ${Math.round(gapMs)} ms`)
    }
  }

  #noteLeave(process: Process): void {
    const host = this.#cluster.world.hosts[process.host]
    if (host !== undefined && !this.#leaves.has(process)) this.#leaves.set(process, { host, awakeMs: 0 })
  }

  #checkLeaves(): void {
    for (const [process, leave] of this.#leaves) {
      if (!process.alive) this.#leaves.delete(process)
      else if (!process.frozen) leave.awakeMs += leave.host.clock.localMs(POLL_MS)
      if (leave.awakeMs <= LEAVE_DEADLINE_MS + LEAVE_SLACK_MS) continue
      this.#fail('a leave ends', process, `still there after ${Math.round(leave.awakeMs)} ms`)
    }
  }

  /** What executes on a host whose lease, as the outside knows it, is over. */
  #checkMinorities(): void {
    const { collector, hosts, now } = this.#cluster.world
    if (this.#leases === undefined) return
    for (const { process } of hosts) if (process !== undefined) this.#leases.look(process)
    for (const run of collector.running()) {
      const host = hosts[run.host]
      if (!run.token.safe || now <= run.exceptedUntil || host?.process?.boot !== run.boot) continue
      if (this.#leases.mustBeStill(host.process)) {
        this.#fail('a minority stops', host, `${run.task} still executes after its lease`)
      }
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
    this.#end.check()
    this.#judge.checkEnd()
    this.#slots.checkEnd()
    this.#acting?.checkEnd()
    this.#voters?.checkEnd()
  }

  #hostOf(id: string): Host | undefined {
    return this.#cluster.world.hosts.find(host => host.name === id)
  }
}
