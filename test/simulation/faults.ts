/** Carries out a schedule on a world. A fault that no longer makes sense (to crash what does not run) is let go. */
import { unreachable } from '../../src/base/assert.ts'
import { asNodeId } from '../../src/base/ids.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import { isActingQuorum, isNewer } from '../../src/grants/voter-list.ts'
import type { Clients } from './clients.ts'
import type { Cluster } from './cluster.ts'
import type { Fault, Pair } from './fault.ts'
import type { Schedule } from './schedule.ts'
import { loseAgain } from './second-losses.ts'
import type { Tally } from './tally.ts'
import type { Host, World } from './world.ts'

/** Disk commits take this long on a slow disk, in ms. */
const SLOW_COMMIT_MS = [50, 800] as const
const FAST_COMMIT_MS = [0.5, 4] as const
/** In the quiet an operator asks everybody so long after its beginning to forget who is gone. */
const FORGETS_MS = [2_000, 4_000, 6_000]
export const LEAVE_DEADLINE_MS = 5_000
/** How often a host that leaves is looked at by whoever starts it again, in ms. */
const LEFT_LOOK_MS = 250

const runs = ({ process, startWaits }: Host): boolean => process !== undefined || startWaits

type HostFault = Extract<Fault, { host: number }>

export class Faults {
  readonly #world: World
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #tally: Tally
  readonly #clients: Clients
  /** Addresses that somebody had before moving. */
  readonly #free: string[] = []
  /** Whose disk is gone for good. */
  readonly #gone = new Set<Host>()

  /** @param tally counts what was really done */
  constructor(cluster: Cluster, schedule: Schedule, tally: Tally, clients: Clients) {
    this.#clients = clients
    this.#world = cluster.world
    this.#cluster = cluster
    this.#schedule = schedule
    this.#tally = tally
  }

  /** Puts everything into the queue: paths, starts, faults, and the end of all faults. */
  plan(): void {
    const { queue, hosts } = this.#world
    const { faults, quietAt, longShare, longShareInRunner } = this.#schedule
    this.#eachPath('all', (from, to) => this.#normalDelay(from, to))
    this.#schedule.hosts.forEach((plan, index) => {
      const host = hosts[index]
      if (host === undefined) return
      host.executor.setTakesMs(5, 60, longShare, longShareInRunner)
      queue.at(plan.startAt, () => {
        if (host.process === undefined) this.#world.start(host)
      })
    })
    for (const fault of faults) {
      queue.at(fault.at, () => {
        if (this.#apply(fault)) this.#tally.count(nameOf(fault))
      })
    }
    queue.at(quietAt, () => this.#quiet())
  }

  /** False when there was nothing to do it to. */
  #apply(fault: Fault): boolean {
    if ('host' in fault) {
      const host = this.#world.hosts[fault.host]
      if (host === undefined) return false
      return fault.kind === 'start' ? this.#start(host, fault) : this.#applyToHost(host, fault)
    }
    const world = this.#world
    world.note(describe(fault))
    switch (fault.kind) {
      case 'loss':
        this.#eachPath(fault.pair, (from, to) => world.paths.setLoss(from, to, fault.share))
        this.#later(fault.ms, () =>
          this.#eachPath(fault.pair, (from, to) => world.paths.setLoss(from, to, 0)),
        )
        return true
      case 'late':
        this.#eachPath(fault.pair, (from, to) => world.paths.setLate(from, to, fault.share))
        this.#later(fault.ms, () =>
          this.#eachPath(fault.pair, (from, to) => world.paths.setLate(from, to, 0)),
        )
        return true
      case 'crossed':
        this.#eachPath(fault.pair, (from, to) => world.unrest.cross(from, to, fault.share, fault.lagMs))
        this.#later(fault.ms, () =>
          this.#eachPath(fault.pair, (from, to) => world.unrest.cross(from, to, 0, 0)),
        )
        return true
      case 'gossip-unrest':
        world.unrest.disturbGossip(fault.late, fault.again)
        this.#later(fault.ms, () => world.unrest.disturbGossip(0, 0))
        return true
      case 'delay':
        this.#eachPath(fault.pair, (from, to) =>
          world.paths.setDelay(from, to, fault.latencyMs, fault.jitterMs),
        )
        this.#later(fault.ms, () => this.#eachPath(fault.pair, (from, to) => this.#normalDelay(from, to)))
        return true
      case 'partition':
        this.#partition(fault.left, fault.way, fault.ms)
        return true
      case 'stall':
        return world.network.stall(...fault.pair, fault.ms) > 0
      case 'cut':
      case 'cut-one-way':
        this.#cut(fault.pair, fault.kind === 'cut', fault.ms)
        return true
      default:
        return unreachable(fault)
    }
  }

  /** All these are done to a daemon that runs. */
  #applyToHost(host: Host, fault: Exclude<HostFault, { kind: 'start' }>): boolean {
    const world = this.#world
    const running = host.process !== undefined
    // On a machine that is suspended nothing happens, but its power may go.
    if (host.clock.suspended && fault.kind !== 'power-off' && fault.kind !== 'gone') return false
    switch (fault.kind) {
      case 'crash':
        if (running) world.crash(host)
        return running
      case 'lose-again':
        return loseAgain(this.#cluster, host, fault, this.#tally)
      case 'power-off':
        if (running) world.powerOff(host)
        return running
      case 'gone':
        return this.#lose(host)
      case 'leave':
        if (running) world.leave(host, LEAVE_DEADLINE_MS)
        return running
      case 'freeze':
        if (running) world.freeze(host, fault.ms)
        return running
      case 'flood':
        if (running) world.flood(host, fault.ms)
        return running
      case 'freeze-tree':
        return world.freezeTree(host, fault.ms)
      case 'freeze-runner':
        return world.freezeRunner(host, fault.ms)
      case 'kill-runner':
        return world.killRunner(host)
      case 'suspend':
        return world.suspend(host, fault.ms)
      case 'stall-all':
        return this.#stallAll(host, fault.ms)
      case 'submit':
        if (running) this.#cluster.submit(host, fault.task)
        return running
      case 'ask':
        return this.#clients.ask(host, fault.ask)
      case 'schedule':
        world.note(describe(fault))
        return this.#cluster.orderSchedule(host, fault.name, fault.op)
      case 'control':
        world.note(`${host.name}: ${JSON.stringify(fault.request)}`)
        return this.#cluster.control(host, fault.request)
      default:
        this.#applyToMachine(host, fault)
        return true
    }
  }

  #lose(host: Host): boolean {
    if (host.startWaits || (host.process === undefined && host.executor.locked)) return false
    if (host.process !== undefined) this.#world.powerOff(host)
    this.#world.wipe(host)
    this.#gone.add(host)
    return true
  }

  #stallAll(host: Host, ms: number): boolean {
    const { network, hosts } = this.#world
    this.#world.note(`all connections of ${host.name} stall`)
    const stalled = hosts.map(other => (other === host ? 0 : network.stall(host.index, other.index, ms)))
    return stalled.some(count => count > 0)
  }

  #applyToMachine(
    host: Host,
    fault: Extract<
      HostFault,
      { kind: 'slow-disk' | 'disk-fails' | 'disk-full' | 'disk-room' | 'disk-read-only' | 'wall-step' }
    >,
  ): void {
    this.#world.note(describe(fault))
    switch (fault.kind) {
      case 'slow-disk':
        host.disk.setCommitMs(...SLOW_COMMIT_MS)
        this.#later(fault.ms, () => host.disk.setCommitMs(...FAST_COMMIT_MS))
        return
      case 'disk-fails':
        host.disk.failing = true
        this.#later(fault.ms, () => {
          host.disk.failing = false
        })
        return
      case 'disk-full':
      case 'disk-read-only': {
        const full = fault.kind === 'disk-full'
        this.#world.setDisk(host, full ? 'full' : 'read-only', full ? fault.rows : 0)
        this.#later(fault.ms, () => this.#world.setDisk(host, 'ok'))
        return
      }
      case 'disk-room':
        host.disk.makeRoom(fault.rows)
        return
      case 'wall-step':
        host.clock.stepWall(fault.byMs)
        return
      default:
        unreachable(fault)
    }
  }

  #start(host: Host, fault: Extract<Fault, { kind: 'start' }>): boolean {
    if (host.process !== undefined || host.startWaits || host.disk.failing || this.#gone.has(host))
      return false
    if (fault.disk !== 'kept' && !host.executor.locked) {
      this.#world.wipe(host, fault.disk === 'lost-but-key')
      this.#tally.count(`disk ${fault.disk}`)
    }
    if (fault.address !== 'same') {
      const reused = fault.address === 'reused' ? this.#free.shift() : undefined
      this.#free.push(host.address)
      this.#world.readdress(host, reused)
      this.#tally.count(`${fault.address} address`)
    }
    this.#world.start(host)
    return true
  }

  #partition(left: readonly number[], way: 'both' | 'one-way', ms: number): void {
    const { hosts } = this.#world
    const near = hosts.filter(host => left.includes(host.index))
    const far = hosts.filter(host => !left.includes(host.index))
    if (way === 'both') this.#world.partition(near, far)
    else for (const a of near) for (const b of far) this.#world.cutOneWay(a, b)
    this.#later(ms, () => {
      this.#world.note('partition heals')
      for (const a of near) for (const b of far) this.#world.heal(a, b)
    })
  }

  #cut([from, to]: Pair, bothWays: boolean, ms: number): void {
    const a = this.#world.hosts[from]
    const b = this.#world.hosts[to]
    if (a === undefined || b === undefined || a === b) return
    if (bothWays) this.#world.cut(a, b)
    else this.#world.cutOneWay(a, b)
    this.#later(ms, () => {
      this.#world.note(`cut ${a.name} ${b.name} heals`)
      this.#world.heal(a, b)
    })
  }

  #quiet(): void {
    const world = this.#world
    world.note('all faults end')
    world.healAll()
    this.#eachPath('all', (from, to) => {
      world.paths.setLoss(from, to, 0)
      world.paths.setLate(from, to, 0)
      this.#normalDelay(from, to)
    })
    for (const host of world.hosts) {
      host.disk.setCommitMs(...FAST_COMMIT_MS)
      host.disk.failing = false
      if (host.disk.condition !== 'ok') world.setDisk(host, 'ok')
      world.thaw(host)
    }
    this.#revive()
    for (const host of this.#gone) for (const ms of FORGETS_MS) this.#later(ms, () => this.#forget(host))
  }

  /** Who never comes back is forgotten in the end: takeovers may wait for it until somebody says so. */
  #forget({ name, process }: Host): void {
    if (process !== undefined) return
    for (const host of this.#world.hosts)
      this.#cluster.control(host, { kind: 'forget', node: asNodeId(name) })
  }

  /**
   * Without a quorum of voters nobody would act. Before there is a list all that are expected have to make it, and while too few
   * know the highest term all have to say that they know of none.
   */
  #revive(): void {
    const { revived, expectedNodes } = this.#schedule.voters
    // In quorum mode only whoever has heard from nearly all goes on with what it took over.
    const counted = this.#schedule.mode === 'quorum'
    const everyone =
      (expectedNodes !== undefined && !this.#hasVoterList()) || (counted && !this.#isQuorum(this.#knowers))
    for (const host of this.#world.hosts) {
      if (!everyone && !counted && !revived.includes(host.index)) continue
      if (!everyone && this.#gone.has(host) && this.#enoughStay) continue
      if (host.process === undefined && !host.startWaits) this.#world.start(host)
    }
    if (counted) for (const host of this.#world.hosts) if (this.#isLeaving(host)) this.#startOnceLeft(host)
  }

  /** Are these enough voters to act, by the newest list on any disk? */
  #isQuorum(isOne: (host: Host) => boolean): boolean {
    const names = this.#world.hosts.filter(isOne).map(host => asNodeId(host.name))
    const list = this.#newestList()
    return list === undefined || isActingQuorum(list, new Set(names))
  }

  readonly #knowers = (host: Host): boolean =>
    !this.#gone.has(host) && host.disk.rows('grants').get('top') !== undefined

  #isLeaving(host: Host): boolean {
    return this.#cluster.belief(host)?.self.leaving === true
  }

  /** Whoever has left stays away, unless those that run are too few then: an operator would start it again. */
  #startOnceLeft(host: Host): void {
    if (host.process !== undefined) this.#later(LEFT_LOOK_MS, () => this.#startOnceLeft(host))
    else if (!host.startWaits && !this.#isQuorum(runs)) this.#world.start(host)
  }

  /** Do all others run, or are they about to? Who is leaving comes back no more. */
  get #enoughStay(): boolean {
    return this.#world.hosts.every(host => this.#gone.has(host) || !this.#isLeaving(host))
  }

  /** A list that is no mere proposal, on any disk. */
  #hasVoterList(): boolean {
    return (this.#newestList()?.version ?? 0) > 0
  }

  #newestList(): VoterList | undefined {
    return this.#world.hosts
      .map(({ disk }) => disk.rows('grants').get('voters') as VoterList | undefined)
      .reduce(
        (best, list) => (list !== undefined && (best === undefined || isNewer(list, best)) ? list : best),
        undefined,
      )
  }

  #later(ms: number, run: () => void): void {
    this.#world.queue.in(ms, run)
  }

  #normalDelay(from: number, to: number): void {
    const { latencyMs, jitterMs } = this.#schedule
    this.#world.paths.setDelay(from, to, latencyMs, jitterMs)
  }

  /** Both directions of one pair, or of all. */
  #eachPath(pair: Pair | 'all', run: (from: number, to: number) => void): void {
    for (const a of this.#world.hosts) {
      for (const b of this.#world.hosts) {
        if (a === b) continue
        if (pair === 'all' || (pair.includes(a.index) && pair.includes(b.index))) run(a.index, b.index)
      }
    }
  }
}

/** What the summary calls it. */
function nameOf(fault: Fault): string {
  if (fault.kind === 'control') return fault.request.kind
  if (fault.kind !== 'partition') return fault.kind
  return fault.way === 'both' ? 'partition' : 'partition one way'
}

function describe(fault: Fault): string {
  return Object.entries(fault)
    .filter(([key]) => key !== 'at')
    .map(([key, value]) =>
      key === 'kind'
        ? String(value)
        : `${key} ${typeof value === 'number' ? Math.round(value * 100) / 100 : String(value)}`,
    )
    .join(' ')
}
