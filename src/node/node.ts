/**
 * The whole node as one machine: `step(input, now)` takes one thing that happened and names everything that must follow.
 *
 * It opens no socket, reads no clock, owns no timer and awaits nothing, so thousands of nodes run in one process on
 * virtual time, and any failure replays from a seed or a recorded trace. The rooms do not know each other: this file
 * carries the view from membership to the ring and on to the tasks, and their effects out.
 */
import type { NodeId } from '../base/ids.ts'
import { Random } from '../base/random.ts'
import { elapsedMs, type Instant, type Now, type WallMs } from '../base/time.ts'
import { Uuids } from '../base/uuid.ts'
import type { Mode } from '../grants/config.ts'
import type { GrantsEffect } from '../grants/effects.ts'
import type { Grants } from '../grants/grants.ts'
import { Membership } from '../membership/membership.ts'
import { type Load, TYPES_MAX } from '../membership/messages.ts'
import { buildRing } from '../ring/build-ring.ts'
import type { Ring } from '../ring/ring.ts'
import type { TasksEffect } from '../tasks/effects.ts'
import { Looks, type LooksEffect } from '../tasks/looks.ts'
import { Placer } from '../tasks/placement.ts'
import type { Right } from '../tasks/right.ts'
import type { Wish } from '../tasks/spec.ts'
import { Tasks } from '../tasks/tasks.ts'
import { Bearers } from './bearers.ts'
import { causesOf } from './causes.ts'
import { Crowd } from './crowd.ts'
import { Departing } from './departing.ts'
import { type GateSight, StartGate } from './gate.ts'
import { Granting, isGrantsMessage } from './granting.ts'
import { History } from './history.ts'
import type { NodeInit } from './init.ts'
import { Joining } from './joining.ts'
import type { Effect, Input, Machine, SingleInput } from './machine.ts'
import { membershipInit } from './membership-init.ts'
import { Operator } from './operator.ts'
import { type ListingEffect, ScheduleListing } from './schedule-listing.ts'
import { signed } from './signed.ts'
import { StoreSight } from './store-sight.ts'
import { takeTaskInput } from './task-inputs.ts'
import { isListing, isLook, isRoomMessage, isTaskMessage } from './task-messages.ts'

export class Node implements Machine {
  readonly init: NodeInit
  readonly membership: Membership
  readonly granting: Granting
  readonly tasks: Tasks
  readonly looks: Looks
  readonly history: History
  readonly gate = new StartGate()
  readonly crowd: Crowd
  readonly placer: Placer
  readonly store = new StoreSight()
  readonly #operator: Operator
  readonly #departing: Departing
  readonly #joining: Joining
  readonly #listing: ScheduleListing
  readonly #ids: Uuids
  readonly #bearers = new Bearers()
  readonly #startedAt: Now
  #vitals: { readonly cpu?: number; readonly memory?: number } = {}
  #ring: Ring
  #live = ''
  #rosterVersion = -1
  #viewChangedAt: Instant
  #island = false
  #unsendable = 0
  /** For ids that are made between two steps. */
  #wall: WallMs

  constructor(init: NodeInit, now: Now) {
    const random = new Random(init.seed)
    this.init = init
    this.#startedAt = now
    this.#viewChangedAt = now.mono
    this.granting = new Granting(init, now)
    this.membership = new Membership(
      { ...membershipInit(init, random.fork()), ...this.granting.forMembership() },
      now,
    )
    this.crowd = new Crowd(this.membership, () => this.#ring, { running: 0, queued: 0 }, now.mono)
    this.granting.acting.epochs?.setRoster(this.membership.roster)
    this.tasks = new Tasks({
      self: init.nodeId,
      config: init.tasks,
      replicas: init.ring.replicas,
      records: init.records,
      fences: init.fences ?? [],
      check: init.check,
      ...(init.nextSlot !== undefined && { nextSlot: init.nextSlot }),
      random: random.fork(),
      right: this.granting.acting,
      claimTypes: init.claimTypes ?? [],
      disk: this.store,
      now,
      ...(init.types && { types: new Set(init.types) }),
      ...(init.typeLimits && { typeLimits: init.typeLimits }),
      ...(init.answerSizes && { answerSizes: init.answerSizes }),
      serving: type => this.crowd.serving(type),
      sawEnd: id => this.crowd.sawEnd(id),
    })
    this.looks = new Looks(init.boot)
    this.history = new History(init.nodeId, init.ring.vnodesPerWeight, now)
    const askVoters: ConstructorParameters<typeof Operator>[1] = (id, request, at) => [
      { kind: 'reply', id, reply: this.granting.changeVoters(request, this.membership, at) },
    ]
    this.#operator = new Operator(this.membership, askVoters, () => this.granting.newDisk)
    this.#departing = new Departing(this.membership, {
      leave: at => this.tasks.leave(at),
      abandon: at => this.tasks.abandon(at),
      drained: at => this.tasks.drained() && this.granting.answered.lost(this.#ring, at.mono).length === 0,
    })
    this.#joining = new Joining(this.membership, init.joinDelayMs ?? 0, init.tasks.durability)
    this.#ring = buildRing([], init.ring)
    this.#ids = new Uuids(random.fork())
    this.placer = new Placer({
      self: init.nodeId,
      random: random.fork(),
      candidates: () => this.crowd.candidates(),
      owner: key => this.#ring.owner(key),
      newId: () => this.#ids.next(this.#wall),
    })
    this.#wall = now.wall
    const { forwardMs } = init.tasks
    this.#listing = new ScheduleListing(this.membership, this.tasks.schedules, forwardMs, random.uint32())
  }

  step(input: Input, now: Now): readonly Effect[] {
    this.granting.awake(now)
    this.membership.awake(now)
    const effects = input.kind === 'several' ? this.#several(input.inputs, now) : this.#handle(input, now)
    effects.push(...this.#follow(now))
    return signed(effects, this.membership.self.incarnation)
  }

  nextWake(): Instant {
    const { membership, tasks, looks, granting } = this
    return Math.min(membership.nextWake(), tasks.nextWake(), looks.nextWake(), granting.nextWake()) as Instant
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

  /** For a task that comes without an id: in the order of time, and given by no other node. Its owner suits the wish. */
  newTaskId(now: Now, wish?: Wish): string {
    this.#wall = now.wall
    return wish === undefined ? this.#ids.next(now.wall) : this.placer.idFor(wish)
  }

  uptimeMs(now: Now): number {
    return elapsedMs(this.#startedAt.mono, now.mono)
  }

  /** What this node says of its load. */
  load(): Load {
    const { types, ...load } = this.tasks.load()
    return { ...load, ...this.#vitals, ...(types && { types: types.slice(0, TYPES_MAX) }) }
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

  #several(inputs: readonly SingleInput[], now: Now): Effect[] {
    const effects: Effect[] = []
    const asked = this.tasks.together(now, () => {
      for (const input of inputs) effects.push(...this.#handle(input, now))
    })
    effects.push(...this.#mapAll(asked))
    return effects
  }

  #handle(input: SingleInput, now: Now): Effect[] {
    switch (input.kind) {
      case 'tick':
        this.crowd.look(this.load(), now.mono)
        this.membership.behind(input, now)
        this.membership.tick(this.#ring.checksum, this.load(), now)
        this.grants?.tick(now, this.membership.synced)
        this.#listing.compareClocks(now)
        return this.#mapAll([...this.tasks.tick(now), ...this.looks.tick(now), ...this.#listing.tick(now)])
      case 'link-up':
        this.membership.linkUp(input.link, input.peer, input.dialled, now)
        return []
      case 'link-down':
        this.#linkDown(input, now)
        return []
      case 'frame':
        return this.#frame(input, now)
      case 'gossip':
        this.membership.gossip(input.author, input.via, input.message, now)
        return []
      case 'dialled':
        this.membership.dialled(input.dial, input.result, now)
        return []
      case 'list-schedules':
        return this.#mapAll(this.#listing.list(input.id, input.query, now))
      case 'look':
        return this.#mapAll(this.#look(input, now))
      case 'looked':
        return this.#mapAll(this.looks.found(input.to, input.id, input.look))
      case 'seeds':
        this.membership.orders.setSeeds(input.seeds, now.mono)
        return []
      case 'persisted':
        if (input.mark < 0) return this.#mapAll(this.tasks.persisted(input.mark, now))
        this.granting.persisted(input.mark, now)
        return []
      case 'control':
        return [...this.#operator.control(input.id, input.request, now)]
      case 'vitals':
        this.#vitals = input.vitals
        this.tasks.measured(input.vitals)
        return []
      case 'store':
        return this.store.become(input.condition, input.detail)
      case 'attempt-ended':
        this.granting.attemptEnded(this.tasks.running(input.task, input.attempt), input.outcome, now)
        return this.#mapAll(takeTaskInput(this.tasks, input, now))
      case 'leave':
        return this.#mapAll(this.#departing.begin(input.deadlineMs, now))
      default:
        return this.#mapAll(takeTaskInput(this.tasks, input, now))
    }
  }

  #linkDown({ link, peer, cause }: Extract<Input, { kind: 'link-down' }>, now: Now): void {
    this.membership.linkDown(link, peer, cause, now)
    this.granting.linksChanged(this.membership, now)
    const known = this.membership.roster.byPeer(peer)
    if (known !== undefined) this.tasks.linkClosed(known.record.id, now)
  }

  #look({ id, request }: Extract<Input, { kind: 'look' }>, now: Now): readonly LooksEffect[] {
    const { self, roster } = this.membership
    const living = roster.living().some(({ record }) => record.id === request.node)
    return this.looks.ask(id, request, living && request.node !== self.id, now)
  }

  #frame(input: Extract<Input, { kind: 'frame' }>, now: Now): Effect[] {
    const { link, peer, message } = input
    if (!isRoomMessage(message) && !isGrantsMessage(message)) {
      this.membership.frame(link, peer, message, now)
      return []
    }
    const from = this.membership.touched(link, peer, now, message.type === 'renew')
    if (from === undefined) return []
    if (isLook(message)) return this.#mapAll(this.looks.message(from, message))
    if (isListing(message)) return this.#mapAll(this.#listing.hear(from, message, now))
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
    if (grants !== undefined) this.history.rightSeen(grants, now)
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
    const replaced = this.#bearers.replaced(living)
    effects.push(...this.#mapAll(this.tasks.viewChanged(this.#ring, ids, now, replaced)))
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
    if (effect.kind === 'persist') {
      const { then, otherwise, ...rest } = effect as typeof effect & { otherwise?: readonly RoomEffect[] }
      return { ...rest, then: this.#mapAll(then), ...(otherwise && { otherwise: this.#mapAll(otherwise) }) }
    }
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

type RoomEffect = TasksEffect | LooksEffect | GrantsEffect | ListingEffect

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
