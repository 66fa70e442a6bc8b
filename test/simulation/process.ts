/**
 * One process on one host: the driver that stands between a machine and the world, with the driver's order of things.
 *
 * One step at a time. A tick every `TICK_MS` of local time and whenever the machine asked to be woken. Effects are
 * carried out in the order given; those inside a `persist` only when it is durable. A frozen process (SIGSTOP, a
 * starved or paused container) does nothing; what comes for it waits in the kernel, and on thawing it ticks first, so
 * that the machine learns that it stood still before it hears what it missed. A flooded one ticks in time while what comes
 * for it waits in its own queue, and its ticks say how long. A commit that the disk refuses ends it.
 */
import { AssertionError } from '../../src/base/assert.ts'
import { asLinkId, type LinkId, type PeerId, type RequestId } from '../../src/base/ids.ts'
import { type Instant, NEVER, type Now } from '../../src/base/time.ts'
import {
  type AttemptOrder,
  type Effect,
  type Input,
  type Machine,
  type SingleInput,
  type StoreCondition,
  TICK_MS,
} from '../../src/node/machine.ts'
import { together } from '../../src/node/together.ts'
import type { HostClock } from './clock.ts'
import type { Dialling } from './dialling.ts'
import type { Disk } from './disk.ts'
import type { Executor } from './executor.ts'
import type { Gossip, Rumour } from './gossip.ts'
import { Inbox, type Item } from './inbox.ts'
import type { Network, Party } from './network.ts'
import type { EventQueue } from './queue.ts'
import { Store } from './store.ts'

/** Wake-ups in a row without time passing that show a machine asking for a wake it cannot use. */
const WAKES_MAX = 1_000
/** The finest timer of the real driver, in ms. */
const TIMER_MS = 1

/** What watches a process: the trace, the transcript, the invariants. */
export interface Probe {
  input(process: Process, input: Input, now: Now): void
  effect(process: Process, effect: Effect): void
  /** The step that this input caused is done, its effects too. */
  stepped?(process: Process, input: Input): void
  /** Something a machine or a driver must never do. */
  broken(process: Process, invariant: string, detail: string): void
}

/** What a process stands on. */
export interface Ground {
  readonly queue: EventQueue
  readonly network: Network
  readonly gossip: Gossip
  readonly dialling: Dialling
  readonly clock: HostClock
  readonly disk: Disk
  readonly executor: Executor
  readonly probe: Probe
  /** The process ended by itself, having left. */
  exited(process: Process): void
  /** The disk refused a write: the daemon gives up. */
  diskFailed(process: Process): void
  /** The process is gone, and of what it had started the runner is still to reap the rest. */
  died(process: Process, how: Death): void
}

/** `left`: in good order. `killed`: the daemon alone. `power`: the whole host. */
export type Death = 'left' | 'killed' | 'power'

export class Process implements Party {
  readonly host: number
  readonly peer: PeerId
  readonly boot: number
  readonly machine: Machine
  /** Virtual time of the start. */
  readonly startedAt: number
  readonly #ground: Ground
  readonly #inbox = new Inbox()
  readonly #store: Store
  readonly #dials = new Set<number>()
  readonly #requests = new Set<RequestId>()
  #alive = true
  #frozen = false
  /** Floods under way: what comes waits behind them. */
  #floods = 0
  /** What came later waits in the kernel, and this node does not know of it yet. */
  #knowsUntil: Instant = NEVER
  #awakeSince: number
  #links = 0
  #nextTick: number
  #timerAt = Number.POSITIVE_INFINITY
  #wakes = 0
  #lastWake = Number.NEGATIVE_INFINITY

  constructor(
    ground: Ground,
    identity: { host: number; peer: PeerId; boot: number },
    makeMachine: (now: Now) => Machine,
  ) {
    this.#ground = ground
    this.host = identity.host
    this.peer = identity.peer
    this.boot = identity.boot
    this.startedAt = ground.queue.now
    this.#awakeSince = ground.queue.now
    this.#store = this.#openStore(ground)
    this.machine = makeMachine(this.now())
    this.#nextTick = ground.clock.monoAt(ground.queue.now)
    this.#arm()
  }

  #openStore({ disk, queue, diskFailed }: Ground): Store {
    return new Store({
      disk,
      queue,
      whenAwake: run => this.whenAwake(run),
      perform: effects => {
        this.#perform(effects)
        return this.#alive
      },
      failed: () => diskFailed(this),
      tell: condition => this.#storeIs(condition),
    })
  }

  get alive(): boolean {
    return this.#alive
  }

  get frozen(): boolean {
    return this.#frozen
  }

  /** Milliseconds since it last stood still, or since its start; 0 while it does. */
  get awakeMs(): number {
    return this.#frozen ? 0 : this.#ground.queue.now - this.#awakeSince
  }

  /** Both clocks of the host, now. */
  now(): Now {
    return this.#ground.clock.at(this.#ground.queue.now)
  }

  nextLink(): LinkId {
    return asLinkId(++this.#links)
  }

  receive(input: SingleInput): void {
    if (!this.#alive) return
    if (this.#frozen || this.#floods > 0) this.#inbox.push({ kind: 'input', input }, this.now().mono)
    else this.#step(input)
  }

  receiveRumour(rumour: Rumour, via: PeerId): void {
    if (!this.#alive) return
    if (this.#frozen || this.#floods > 0) this.#inbox.push({ kind: 'rumour', rumour, via }, this.now().mono)
    else this.#hearRumour(rumour, via)
  }

  whenAwake(run: () => void): void {
    if (!this.#alive) return
    if (this.#frozen) this.#inbox.push({ kind: 'awake', run }, this.now().mono)
    else run()
  }

  /** Its disk takes what it did not, or the other way round. Told to who starts on such a disk, too. */
  diskChanged(): void {
    this.#storeIs(this.#ground.disk.condition)
  }

  #storeIs(condition: StoreCondition): void {
    this.receive({ kind: 'store', condition, detail: `the simulated disk is ${condition}` })
  }

  freeze(): void {
    if (!this.#frozen) this.#knowsUntil = this.now().mono
    this.#frozen = true
    this.#ground.executor.freezeDaemon()
  }

  thaw(): void {
    if (!this.#alive || !this.#frozen) return
    this.#ground.executor.thawDaemon()
    this.#frozen = false
    this.#awakeSince = this.#ground.queue.now
    this.#tick()
    this.#knowsUntil = NEVER
    this.#takeWaiting()
  }

  /** What comes from now on waits behind other work, which leaves room for the ticks alone. */
  flood(): void {
    this.#floods++
  }

  /** All that waited is read. */
  ebb(): void {
    this.#floods--
    if (this.#alive && !this.#frozen) this.#takeWaiting()
  }

  #takeWaiting(): void {
    if (this.#floods > 0) return
    for (let item = this.#inbox.shift(); item !== undefined; item = this.#inbox.shift()) {
      if (!this.#alive) return
      this.#take(item)
    }
  }

  /** SIGKILL, or the power: what was not durable is gone, and nothing is heard of it but what its kernel says. */
  kill(how: 'killed' | 'power' = 'killed'): void {
    if (this.#alive) this.#end(how)
  }

  #end(how: Death): void {
    this.#alive = false
    this.#inbox.clear()
    if (how === 'left') this.#store.close()
    else this.#store.crash()
    this.#ground.network.abandon(this)
    this.#ground.died(this, how)
  }

  #take(item: Item): void {
    switch (item.kind) {
      case 'input':
        this.#step(together(item.input, this.#inbox.waiting))
        return
      case 'rumour':
        this.#hearRumour(item.rumour, item.via)
        return
      case 'awake':
        item.run()
    }
  }

  #hearRumour(rumour: Rumour, via: PeerId): void {
    this.#ground.gossip.receive(this, rumour, via, () =>
      this.#step({ kind: 'gossip', author: rumour.author, via, message: rumour.message }),
    )
  }

  #tick(): void {
    this.#nextTick = this.#ground.clock.monoAt(this.#ground.queue.now) + TICK_MS
    this.#stepTick()
  }

  /** While frames wait, a tick says for how long the first of them has. */
  #stepTick(): void {
    const { since = NEVER } = this.#inbox
    const behindMs = since < this.#knowsUntil ? this.now().mono - since : 0
    this.#step({ kind: 'tick', ...(behindMs > 0 && { behindMs }) })
  }

  #step(input: Input): void {
    const now = this.now()
    for (const one of input.kind === 'several' ? input.inputs : [input]) {
      if (one.kind === 'dialled') this.#dials.delete(one.dial)
      const isAsked = one.kind === 'request' || one.kind === 'control' || one.kind === 'list-schedules'
      if (isAsked) this.#requests.add(one.id)
      this.#ground.probe.input(this, one, now)
    }
    let effects: readonly Effect[]
    try {
      effects = this.machine.step(input, now)
    } catch (error) {
      this.#threw(error)
      return
    }
    this.#perform(effects)
    if (!this.#alive) return
    this.#arm()
    this.#ground.probe.stepped?.(this, input)
  }

  #threw(error: unknown): void {
    const context = error instanceof AssertionError ? ` ${JSON.stringify(error.context)}` : ''
    const detail = error instanceof Error ? `${error.stack}${context}` : String(error)
    this.#ground.probe.broken(this, 'a machine never throws', detail)
    this.#end('killed')
  }

  /** Sees to it that the next tick comes in time: the regular one, or the one the machine asked for. */
  #arm(): void {
    const { clock, queue } = this.#ground
    const wanted = clock.virtualAt(Math.min(this.#nextTick, this.machine.nextWake()))
    const at = Math.max(
      wanted,
      queue.now + (wanted <= queue.now && this.#lastWake === queue.now ? TIMER_MS : 0),
    )
    if (at >= this.#timerAt) return
    this.#timerAt = at
    queue.at(at, () => this.#timer(at))
  }

  #timer(at: number): void {
    if (at !== this.#timerAt || !this.#alive) return
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.#frozen) return
    const { clock, queue } = this.#ground
    const mono = clock.monoAt(queue.now)
    const regular = mono >= this.#nextTick - 1e-6
    if (regular) {
      this.#wakes = 0
      this.#lastWake = queue.now
      this.#tick()
    } else if (this.machine.nextWake() <= mono + 1e-6) {
      this.#lastWake = queue.now
      if (++this.#wakes > WAKES_MAX) {
        this.#ground.probe.broken(this, 'a machine does not spin', `${WAKES_MAX} wakes in ${TICK_MS} ms`)
        this.#end('killed')
        return
      }
      this.#stepTick()
    } else this.#arm()
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (!this.#alive) return
      this.#ground.probe.effect(this, effect)
      this.#carryOut(effect)
    }
  }

  #carryOut(effect: Effect): void {
    const { network, gossip, executor } = this.#ground
    switch (effect.kind) {
      case 'send': {
        const end = this.#endOf(effect.link)
        if (end !== undefined) network.send(end, { kind: 'frame', message: effect.message })
        return
      }
      case 'publish':
        gossip.publish(this, effect.message)
        return
      case 'dial':
        if (this.#dials.has(effect.dial)) this.#misuse(`dial ${effect.dial} is under way already`)
        this.#dials.add(effect.dial)
        this.#ground.dialling.dial(this, effect)
        return
      case 'close-link': {
        const end = this.#endOf(effect.link)
        if (end !== undefined) network.close(end)
        return
      }
      case 'persist':
        this.#persist(effect)
        return
      case 'execute':
        this.#execute(effect.attempt)
        return
      case 'extend':
        executor.extend(effect.attempts, effect.until)
        return
      case 'look':
      case 'answer':
        return // No face looks at attempts here, so no node is asked.
      case 'persisted':
        this.#ground.queue.in(0, () => this.receive({ kind: 'persisted', mark: effect.mark }))
        return
      case 'cancel-attempt':
        executor.cancel(effect.task, effect.attempt)
        return
      case 'reply':
        if (!this.#requests.delete(effect.id)) this.#misuse(`reply to ${effect.id}, which nobody waits for`)
        return
      case 'left':
        this.#end('left')
        this.#ground.exited(this)
        return
      case 'log':
        return
    }
  }

  #execute(order: AttemptOrder): void {
    const { task, attempt } = order
    this.#ground.executor.execute(this.host, this.boot, order, outcome =>
      this.receive({ kind: 'attempt-ended', task, attempt, outcome }),
    )
  }

  #endOf(link: LinkId): ReturnType<Network['endsOf']>[number] | undefined {
    if (!Number.isInteger(link) || link < 1 || link > this.#links)
      this.#misuse(`no link was ever numbered ${link}`)
    for (const end of this.#ground.network.endsOf(this)) if (end.link === link) return end
    return undefined
  }

  #misuse(detail: string): void {
    this.#ground.probe.broken(this, 'effects are well-formed', detail)
  }

  #persist({ writes, then, urgent, restsOn, otherwise }: Effect & { kind: 'persist' }): void {
    const unwritten = restsOn !== undefined && this.#store.isUnderWay('tasks', restsOn)
    if (restsOn === undefined || (unwritten && otherwise === undefined))
      this.#store.commit(writes, then, urgent === true)
    else this.#perform(unwritten ? (otherwise ?? []) : then)
  }
}
