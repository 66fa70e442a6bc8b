/**
 * Ties the right to act to the rest of the node: what the links and the view say goes to the grants, what the grants say
 * goes to the tasks, in an order that never lets a node act on what it has just given up.
 */
import { hash32 } from '../base/hash.ts'
import type { NodeId, PeerId } from '../base/ids.ts'
import { Random } from '../base/random.ts'
import { type Instant, later, NEVER, type Now } from '../base/time.ts'
import type { GrantsEffect } from '../grants/effects.ts'
import { Grants } from '../grants/grants.ts'
import type { GrantsLinkMessage } from '../grants/messages.ts'
import type { Membership, MembershipInit } from '../membership/membership.ts'
import { buildRing } from '../ring/build-ring.ts'
import type { Ring } from '../ring/ring.ts'
import { openRight } from '../tasks/open-right.ts'
import type { Running } from '../tasks/schedule.ts'
import type { AttemptError, Outcome } from '../tasks/task.ts'
import { Acting } from './acting.ts'
import { Answered } from './answered.ts'
import type { ControlReply } from './control.ts'
import type { NodeInit } from './init.ts'
import type { LinkMessage } from './machine.ts'
import type { VoterRequest } from './operator.ts'

/** The type of task that is told to an application which this node cannot stop. */
const TOLD_TYPE = 'http'
/** How an attempt of it ends when the application has answered, or was never told of it. */
const KNOWN_TO_BE_OVER: ReadonlySet<AttemptError['code']> = new Set(['HTTP_STATUS', 'HTTP_UNREACHED'])

export class Granting {
  /** Absent where nothing runs in quorum mode. */
  readonly grants: Grants | undefined
  readonly acting: Acting
  /** What applications were told that they may use. */
  readonly answered: Answered
  readonly #self: NodeId
  #now: Now
  #draining: readonly string[] = []
  #lost: readonly string[] = []
  #voters: readonly NodeId[] = []
  /** Voters to whom no link led when they were to be asked. */
  readonly #unasked = new Set<NodeId>()

  constructor(init: NodeInit, now: Now) {
    this.#now = now
    this.#self = init.nodeId
    this.grants = Acting.needed(init.grants) ? makeGrants(init, now) : undefined
    this.answered = new Answered(init.nodeId)
    this.acting = new Acting(
      init.grants,
      this.grants,
      openRight(() => this.#now.wall),
    )
  }

  /** Before anything else of a step: the clock of the lease stands still for nobody. */
  awake(now: Now): void {
    this.#now = now
    this.grants?.awake(now)
  }

  nextWake(): Instant {
    return Math.min(this.grants?.nextWake() ?? NEVER, this.answered.nextWake()) as Instant
  }

  /**
   * In quorum mode only a node with a lease declares others dead; before there are voters, nobody acts anyway. And whoever
   * has a lease keeps its name against another bearer of it. What voters noted outlives the members.
   */
  forMembership(): Pick<MembershipInit, 'mayEvict' | 'decidesAlone' | 'hasLease' | 'isNamed'> {
    const { grants } = this
    if (grants === undefined) return {}
    const hasLease = () => grants.hasLease(this.#now)
    const mayEvict = () => grants.voters.list === undefined || hasLease()
    const own = new Set([this.#self])
    const decidesAlone = () => grants.voters.isQuorum(own)
    return { mayEvict, decidesAlone, hasLease, isNamed: id => grants.ledger.waitsFor(id) }
  }

  /**
   * Whoever was sent an `http` task and has not answered may go on with it as long as it was told, though the attempt is
   * over here. Until then nobody else may act for its key.
   */
  attemptEnded(running: Running | undefined, outcome: Outcome, now: Now): void {
    if (this.grants === undefined || running === undefined || outcome.ok) return
    const { entry } = running
    // What it was told stands, also when the right has broken meanwhile.
    const until = later(running.until, running.told)
    const mayGoOn = entry.record.spec.type === TOLD_TYPE && !KNOWN_TO_BE_OVER.has(outcome.error.code)
    if (mayGoOn && until !== NEVER && until > now.mono) this.answered.noteLost(entry.key, until, now.mono)
  }

  /** A link closed: without links to a quorum of voters no grant can be renewed. */
  linksChanged(membership: Membership, now: Now): void {
    const { grants } = this
    if (grants === undefined) return
    const unlinked = grants.voters.names.filter(name => membership.linkTo(name) === undefined)
    grants.unreachable(new Set(unlinked), now)
  }

  viewChanged(ring: Ring, membership: Membership, now: Now): void {
    const live = membership.roster.living().map(({ record }) => record.id)
    this.grants?.viewChanged(ring, live, membership.self.leaving, now)
  }

  message(from: NodeId, peer: PeerId, message: GrantsLinkMessage, now: Now): void {
    this.grants?.message(from, peer, message, now)
  }

  persisted(mark: number, now: Now): void {
    this.grants?.persisted(mark, now)
  }

  /**
   * At the end of a step. What still drains is told before anybody is asked for leave, since a request gives up what it
   * does not name.
   */
  ask(membership: Membership, ring: Ring, draining: readonly string[], now: Now): readonly GrantsEffect[] {
    const { grants } = this
    const refusals = membership.takeRefusals()
    if (grants === undefined) return []
    for (const { id, peerId, since } of refusals) grants.refused(id, peerId, since)
    if (grants.voters.linked !== this.#voters) {
      this.#voters = grants.voters.linked
      membership.setVoters(this.#voters)
    }
    const lost = this.answered.lost(ring, now.mono)
    if (draining !== this.#draining || lost !== this.#lost) grants.keep([...new Set([...draining, ...lost])])
    this.#draining = draining
    this.#lost = lost
    for (const voter of this.#unasked)
      if (membership.linkTo(voter) !== undefined && this.#unasked.delete(voter)) grants.linked(voter, now)
    const effects = grants.effects()
    for (const effect of effects)
      if (effect.kind === 'send' && effect.message.type === 'renew')
        if (membership.linkTo(effect.to) === undefined) this.#unasked.add(effect.to)
    // Somebody's right to act runs out while a voter's word waits for the disk, and no record depends on it.
    return effects.map(effect => (effect.kind === 'persist' ? { ...effect, urgent: true as const } : effect))
  }

  /** The name of this node's disk, where a voter knows that it had another one before. */
  get newDisk(): string | undefined {
    const { grants } = this
    return grants === undefined || grants.ledger.isDiskOf(this.#self, grants.disk) ? undefined : grants.disk
  }

  changeVoters(request: VoterRequest, membership: Membership, now: Now): ControlReply {
    const { grants } = this
    if (grants === undefined) {
      const detail = 'nothing runs in quorum mode here: set expectedNodes or voters'
      return { ok: false, failure: { code: 'VOTERS_UNCHANGED', detail } }
    }
    if (request.kind === 'voters-reset')
      return grants.resetVoters(request.names, new Set(membership.heard(now.mono)), now)
    return grants.changeVoters(request.kind === 'voter-add' ? 'add' : 'remove', request.node, now)
  }
}

function makeGrants(init: NodeInit, now: Now): Grants {
  const parts = {
    self: init.nodeId,
    peer: init.peerId,
    session: init.boot,
    config: init.grants,
    stored: init.voter,
    buildRing: (members: Ring['members']) => buildRing(members, init.ring),
    random: new Random(hash32(`grants ${init.seed}`)),
  }
  return new Grants(parts, now)
}

/** A record, so that a message nobody thought of here does not compile. */
const GRANTS_MESSAGES: Readonly<Record<GrantsLinkMessage['type'], true>> = {
  renew: true,
  grant: true,
  'grant-refused': true,
  'ring-ask': true,
  'ring-tell': true,
  voters: true,
  'voters-prepare': true,
  'voters-promise': true,
  'top-ask': true,
  'top-tell': true,
}

export function isGrantsMessage(message: LinkMessage): message is GrantsLinkMessage {
  return Object.hasOwn(GRANTS_MESSAGES, message.type)
}
