/**
 * The whole node as one machine: `step(input, now)` takes one thing that happened and names everything that must follow.
 *
 * It opens no socket, reads no clock, owns no timer and awaits nothing, so thousands of nodes run in one process on
 * virtual time, and any failure replays from a seed or a recorded trace. The rooms do not know each other: this file
 * carries the view from membership to the ring and on to the tasks, and their effects out.
 */
import { assert, unreachable } from '../base/assert.ts'
import { hash32 } from '../base/hash.ts'
import type { NodeId } from '../base/ids.ts'
import { Random } from '../base/random.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import { Uuids } from '../base/uuid.ts'
import type { Mode } from '../grants/config.ts'
import type { GrantsEffect } from '../grants/effects.ts'
import type { Grants } from '../grants/grants.ts'
import { Membership } from '../membership/membership.ts'
import type { RingParameters } from '../membership/messages.ts'
import { buildRing } from '../ring/build-ring.ts'
import type { Ring } from '../ring/ring.ts'
import type { TasksEffect } from '../tasks/effects.ts'
import type { Right } from '../tasks/right.ts'
import { Tasks } from '../tasks/tasks.ts'
import { modesText } from './acting.ts'
import { causesOf } from './causes.ts'
import { Departing } from './departing.ts'
import { type GateSight, StartGate } from './gate.ts'
import { Granting, isGrantsMessage } from './granting.ts'
import { History } from './history.ts'
import type { NodeInit } from './init.ts'
import { Joining } from './joining.ts'
import { type Effect, type Input, type LinkMessage, type Machine, TICK_MS } from './machine.ts'
import { Operator } from './operator.ts'

export class Node implements Machine {
  readonly init: NodeInit
  readonly membership: Membership
  readonly granting: Granting
  readonly tasks: Tasks
  readonly history: History
  readonly gate = new StartGate()
  readonly #operator: Operator
  readonly #departing: Departing
  readonly #joining: Joining
  readonly #ids: Uuids
  readonly #startedAt: Now
  #ring: Ring
  #live = ''
  #rosterVersion = -1
  #viewChangedAt: Instant
  #island = false
  #unsendable = 0

  constructor(init: NodeInit, now: Now) {
    const random = new Random(init.seed)
    this.init = init
    this.#startedAt = now
    this.#viewChangedAt = now.mono
    this.granting = new Granting(init, now)
    this.membership = new Membership(
      { ...membershipInit(init, random.fork()), ...this.granting.eviction() },
      now,
    )
    this.tasks = new Tasks({
      self: init.nodeId,
      config: init.tasks,
      replicas: init.ring.replicas,
      records: init.records,
      check: init.check,
      random: random.fork(),
      right: this.granting.acting,
      now,
    })
    this.history = new History(init.nodeId, init.ring.vnodesPerWeight, now)
    this.#operator = new Operator(this.membership, (id, request, at) => [
      { kind: 'reply', id, reply: this.granting.changeVoters(request, at) },
    ])
    this.#departing = new Departing(this.membership, {
      leave: at => this.tasks.leave(at),
      abandon: at => this.tasks.abandon(at),
      drained: at => this.tasks.drained() && this.granting.answered.lost(this.#ring, at.mono).length === 0,
    })
    this.#joining = new Joining(this.membership, init.joinDelayMs ?? 0)
    this.#ring = buildRing([], init.ring)
    this.#ids = new Uuids(random.fork())
  }

  step(input: Input, now: Now): readonly Effect[] {
    this.granting.awake(now)
    this.membership.awake(now)
    const effects = this.#handle(input, now)
    effects.push(...this.#follow(now))
    return effects.map(effect => this.#signed(effect))
  }

  nextWake(): Instant {
    return Math.min(this.membership.nextWake(), this.tasks.nextWake(), this.granting.nextWake()) as Instant
  }

  /** Who may act, as voter and as member; absent where nothing runs in quorum mode. */
  get grants(): Grants | undefined {
    return this.granting.grants
  }

  get ring(): Ring {
    return this.#ring
  }

  /** Who may act for which key at the moment of the last step. */
  get right(): Right {
    return this.granting.acting
  }

  modeOf(key: string): Mode {
    return this.granting.acting.modeOf(key)
  }

  get phase(): 'joining' | 'ready' | 'leaving' | 'left' {
    if (this.#departing.phase !== 'staying') return this.#departing.phase
    return this.gate.open ? 'ready' : 'joining'
  }

  /** For a task that comes without an id: in the order of time, and given by no other node. */
  newTaskId(now: Now): string {
    return this.#ids.next(now.wall)
  }

  uptimeMs(now: Now): number {
    return elapsedMs(this.#startedAt.mono, now.mono)
  }

  /** What the start gate sees now. */
  gateSight(): GateSight {
    return {
      nameTaken: this.membership.nameTaken,
      synced: this.membership.synced,
      living: this.membership.roster.living().length,
      minMembers: this.init.tasks.minMembers,
      viewChangedAt: this.#viewChangedAt,
      stillMs: this.init.tasks.stillMs,
    }
  }

  /** Frames for members without a link, dropped. */
  get unsendable(): number {
    return this.#unsendable
  }

  #handle(input: Input, now: Now): Effect[] {
    switch (input.kind) {
      case 'tick':
        this.membership.tick(this.#ring.checksum, this.tasks.load(), now)
        this.grants?.tick(now)
        return this.#mapAll(this.tasks.tick(now))
      case 'link-up':
        this.membership.linkUp(input.link, input.peer, input.dialled, now)
        return []
      case 'link-down':
        this.membership.linkDown(input.link, input.peer, input.cause, now)
        this.granting.linksChanged(this.membership, now)
        return []
      case 'frame':
        return this.#frame(input, now)
      case 'gossip':
        this.membership.gossip(input.author, input.via, input.message, now)
        return []
      case 'dialled':
        this.membership.dialled(input.dial, input.result, now)
        return []
      case 'request':
        return this.#mapAll(this.tasks.request(input.id, input.request, now))
      case 'task-list':
        return this.#mapAll(this.tasks.taskList(input.name, input.specs, now))
      case 'attempt-ended':
        this.granting.attemptEnded(this.tasks.running(input.task, input.attempt), input.outcome, now)
        return this.#mapAll(this.tasks.attemptEnded(input.task, input.attempt, input.outcome, now))
      case 'seeds':
        this.membership.orders.setSeeds(input.seeds, now.mono)
        return []
      case 'persisted':
        if (input.mark < 0) return this.#mapAll(this.tasks.persisted(input.mark, now))
        this.granting.persisted(input.mark, now)
        return []
      case 'control':
        return [...this.#operator.control(input.id, input.request, now)]
      case 'leave':
        return this.#mapAll(this.#departing.begin(input.deadlineMs, now))
      default:
        return unreachable(input)
    }
  }

  #frame(input: Extract<Input, { kind: 'frame' }>, now: Now): Effect[] {
    const { link, peer, message } = input
    if (!isTaskMessage(message) && !isGrantsMessage(message)) {
      this.membership.frame(link, peer, message, now)
      return []
    }
    const from = this.membership.touched(link, peer, now, message.type === 'renew')
    if (from === undefined) return []
    if (isTaskMessage(message)) return this.#mapAll(this.tasks.message(from, message, now))
    this.granting.message(from, peer, message, now)
    return []
  }

  /** What follows from any input: a new view makes a new ring, and the ring tells the tasks what is owned. */
  #follow(now: Now): Effect[] {
    const effects: Effect[] = []
    if (this.membership.roster.version !== this.#rosterVersion) effects.push(...this.#newView(now))
    if (this.gate.tryOpen(this.gateSight(), now.mono)) {
      effects.push(log('info', 'ready', { members: this.#ring.members.length, ring: this.#ring.checksum }))
      effects.push(...this.#mapAll(this.tasks.open(now)))
    }
    this.#joining.advance(this.gate.open, now)
    const departure = this.#departing.advance(now)
    effects.push(...this.#mapAll(departure.effects))
    if (this.membership.roster.version !== this.#rosterVersion) effects.push(...this.#newView(now))
    effects.push(...this.#islandSaid(), ...this.#rightFollows(now))
    // Membership speaks last in the list but its frames do not depend on anything durable.
    effects.push(...this.membership.effects())
    if (departure.left) effects.push({ kind: 'left' })
    return effects
  }

  /** The tasks see what they may do only after this node has given up what it lost. */
  #rightFollows(now: Now): Effect[] {
    const { grants, granting, membership, tasks } = this
    const asked = granting.ask(membership, this.#ring, tasks.keptKeys(), now)
    if (grants !== undefined) this.history.rightSeen(grants.leaseUntil, grants.term, now)
    return [...this.#mapAll(asked), ...this.#mapAll(tasks.fence(now))]
  }

  #newView(now: Now): Effect[] {
    const { roster } = this.membership
    this.#rosterVersion = roster.version
    const living = roster.living().map(entry => entry.record)
    const signature = living
      .map(r => `${r.id} ${r.incarnation} ${r.leaving} ${r.cordoned === true} ${r.weight}`)
      .join('\n')
    if (signature === this.#live) return []
    this.#live = signature
    this.#viewChangedAt = now.mono
    const before = this.#ring
    const members = living
      .filter(record => !record.leaving && record.cordoned !== true)
      .map(({ id, weight }) => ({ id, weight }))
    this.#ring = buildRing(members, this.init.ring)
    const effects: Effect[] = []
    if (before.checksum !== this.#ring.checksum) {
      effects.push(log('info', 'ring-changed', ringFields(before, this.#ring)))
      const causes = causesOf(before, this.#ring, member => this.membership.ledger.of(member))
      this.history.ringChanged(before, this.#ring, causes, now)
    }
    const ids = living.map(record => record.id)
    this.granting.viewChanged(this.#ring, this.membership, now)
    effects.push(...this.#mapAll(this.tasks.viewChanged(this.#ring, ids, now)))
    return effects
  }

  #islandSaid(): Effect[] {
    const island = this.membership.island && this.#departing.phase === 'staying'
    if (island === this.#island) return []
    this.#island = island
    return [
      log(island ? 'warn' : 'info', island ? 'island' : 'island-over', { seeds: this.membership.seeds }),
    ]
  }

  /** Every line says which life of this node speaks. */
  #signed(effect: Effect): Effect {
    if (effect.kind === 'persist') return { ...effect, then: effect.then.map(next => this.#signed(next)) }
    if (effect.kind !== 'log') return effect
    return { ...effect, fields: { incarnation: this.membership.self.incarnation, ...effect.fields } }
  }

  #mapAll(effects: readonly RoomEffect[]): Effect[] {
    const mapped: Effect[] = []
    for (const effect of effects) {
      const one = this.#map(effect)
      if (one !== undefined) mapped.push(one)
    }
    return mapped
  }

  /** The `send` of a room names a node; the wire knows links. */
  #map(effect: RoomEffect): Effect | undefined {
    if (effect.kind === 'persist') return { ...effect, then: this.#mapAll(effect.then) }
    if (effect.kind !== 'send') return effect
    const bearer = this.membership.roster.get(effect.to)?.record.peerId
    const outlived = 'peer' in effect && effect.peer !== bearer
    const link = outlived ? undefined : this.membership.linkTo(effect.to)
    if (link === undefined) {
      this.#unsendable++
      return undefined
    }
    return { kind: 'send', link, message: effect.message }
  }
}

type RoomEffect = TasksEffect | GrantsEffect

const TASK_MESSAGES: ReadonlySet<LinkMessage['type']> = new Set<TaskMessage['type']>([
  'forward',
  'forward-reply',
  'replicate',
  'replicated',
  'inventory',
  'inventory-reply',
])

type TaskMessage = Parameters<Tasks['message']>[1]

function isTaskMessage(message: LinkMessage): message is TaskMessage {
  return TASK_MESSAGES.has(message.type)
}

function log(
  level: 'info' | 'warn',
  event: string,
  fields: Extract<Effect, { kind: 'log' }>['fields'],
): Effect {
  return { kind: 'log', level, event, fields }
}

function ringFields(
  before: Ring,
  after: Ring,
): { ring: string; ringBefore: string; members: readonly NodeId[] } {
  return {
    ring: after.checksum,
    ringBefore: before.checksum,
    members: after.members.map(member => member.id),
  }
}

function membershipInit(init: NodeInit, random: Random) {
  assert(init.addresses.length > 0, 'a node has an address', { nodeId: init.nodeId })
  const { version, hash, vnodesPerWeight, replicas } = init.ring
  const ring: RingParameters = { version, hash, vnodesPerWeight, replicas }
  return {
    self: {
      id: init.nodeId,
      peerId: init.peerId,
      incarnation: init.incarnation,
      status: 'alive' as const,
      leaving: false,
      addresses: init.addresses.slice(0, 8),
      weight: init.weight,
      ...((init.joinDelayMs ?? 0) > 0 ? { cordoned: true } : {}),
    },
    cluster: init.cluster,
    version: init.version,
    ring,
    config: init.membership,
    seeds: init.seeds,
    random,
    tickMs: TICK_MS,
    nonce: hash32(`${init.nodeId} ${init.boot} ${init.seed}`),
    modes: modesText(init.grants),
  }
}
