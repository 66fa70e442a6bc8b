/**
 * A small world on virtual time: hosts with a disk, two clocks and an executor, each able to run one process (any
 * `Machine`), and a network between them. Everything random comes from one seed, and each part draws from a generator
 * of its own, so that the same seed gives the same trace, bit for bit, and a change in one part does not shift another.
 *
 * The world knows nothing of membership: it is told what to do (`crash`, `cut`, `freeze`) and says what happens.
 */
import { assert } from '../../src/base/assert.ts'
import { asPeerId, type PeerId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { Now } from '../../src/base/time.ts'
import type { Effect, Input, Machine } from '../../src/node/machine.ts'
import { type ClockOptions, HostClock, TRUE_CLOCK } from './clock.ts'
import { Collector } from './collector.ts'
import { Dialling } from './dialling.ts'
import { Disk } from './disk.ts'
import { Executor } from './executor.ts'
import { Gossip } from './gossip.ts'
import { Network } from './network.ts'
import { HOSTS_MAX, Paths } from './paths.ts'
import { type Death, type Ground, type Probe, Process } from './process.ts'
import { EventQueue } from './queue.ts'
import { Unrest } from './unrest.ts'

/** What a world shows besides what processes show. */
export interface WorldProbe extends Probe {
  /** Something was done to the world: a fault, a start, an end. */
  note(text: string): void
}

export interface Host {
  readonly index: number
  readonly name: string
  readonly disk: Disk
  readonly clock: HostClock
  readonly executor: Executor
  /** `ip:port` that a process here is dialled at. */
  address: string
  /** The key in the data directory; a new one after the disk was lost. */
  peer: PeerId
  process: Process | undefined
  /** A start waits until the runner of the last daemon has let go of the data directory. */
  startWaits: boolean
  /** Its last process left in an orderly way. */
  left: boolean
  /** Number of the offer that clients beside it made last. */
  offer: number
  /** Virtual time at which it last wakes from being suspended. */
  suspendedUntil: number
}

/** What daemon and runner are behind their children when a stopped tree goes on, in ms. */
const THAW_MS_MAX = 50
/** Makes the generator of thaws another one than that of the world. */
const THAWS = 0x7a_77ed

/** Makes the machine of a new process on a host. The boot is counted and noted on the disk already. */
export type MakeMachine = (host: Host, now: Now) => Machine

export class World {
  readonly queue = new EventQueue()
  readonly paths: Paths
  readonly unrest: Unrest
  readonly network: Network
  readonly hosts: Host[] = []
  /** What really executes, and when. */
  readonly collector = new Collector(() => this.queue.now)
  /** How long, in ms, what a killed daemon left to its runner is excepted from the promise of one actor a key. */
  exceptReapMs = 0
  /** The same for what a machine does after it was suspended with its clocks. */
  exceptSuspendedMs = 0
  /** Called after each start, before the process has done anything. */
  started: (host: Host, process: Process) => void = () => {}
  readonly #gossip: Gossip
  readonly #dialling: Dialling
  readonly #random: Random
  readonly #thaws: Random
  readonly #makeMachine: MakeMachine
  readonly #probes: WorldProbe[] = []
  readonly #steppers: WorldProbe[] = []
  #addresses = 0

  constructor(seed: number, makeMachine: MakeMachine) {
    this.#random = new Random(seed)
    this.#makeMachine = makeMachine
    this.paths = new Paths(this.#random.fork())
    this.unrest = new Unrest(seed)
    this.network = new Network(this.queue, this.paths, this.unrest)
    this.#dialling = new Dialling(this.queue, this.network, address => this.#lookup(address))
    this.#gossip = new Gossip(this.network, this.queue, this.#random.fork(), this.unrest)
    this.#thaws = new Random(seed + THAWS)
  }

  get now(): number {
    return this.queue.now
  }

  watch(probe: WorldProbe): void {
    this.#probes.push(probe)
    if (probe.stepped !== undefined) this.#steppers.push(probe)
  }

  note(text: string): void {
    for (const probe of this.#probes) probe.note(text)
  }

  /** A host without a process yet. Delays to the others are set by the caller; without, they are 0. */
  addHost(name: string, clock: ClockOptions = TRUE_CLOCK): Host {
    assert(this.hosts.length < HOSTS_MAX, 'a world has room for the host', { name })
    const index = this.hosts.length
    const random = this.#random.fork()
    const hostClock = new HostClock(clock)
    const host: Host = {
      index,
      name,
      disk: new Disk(random.fork()),
      clock: hostClock,
      executor: new Executor({
        queue: this.queue,
        clock: hostClock,
        random: random.fork(),
        collector: this.collector,
      }),
      address: this.freshAddress(),
      peer: asPeerId(`peer-${name}`),
      process: undefined,
      startWaits: false,
      left: false,
      offer: 0,
      suspendedUntil: Number.NEGATIVE_INFINITY,
    }
    this.hosts.push(host)
    return host
  }

  freshAddress(): string {
    const n = ++this.#addresses
    return `10.0.${n >> 8}.${n & 255}:7946`
  }

  host(name: string): Host {
    const found = this.hosts.find(host => host.name === name)
    assert(found !== undefined, 'the host is there', { name })
    return found
  }

  /**
   * Starts the daemon, once the data directory is free: boot number and incarnation are raised and on disk before it says
   * a word.
   */
  start(host: Host): void {
    assert(host.process === undefined, 'one process a host', { host: host.name })
    this.paths.setPower(host.index, true)
    if (host.executor.locked) {
      this.note(`start of ${host.name} waits for the lock`)
      host.startWaits = true
    } else this.#boot(host)
  }

  #boot(host: Host): void {
    const { disk, clock } = host
    disk.boot++
    disk.incarnation = Math.max(disk.incarnation + 1, clock.at(this.now).wall)
    host.left = false
    host.startWaits = false
    this.note(`start ${host.name} at ${host.address} boot ${disk.boot}`)
    host.executor.daemonStarted()
    const process = new Process(
      this.#groundOf(host),
      { host: host.index, peer: host.peer, boot: disk.boot },
      now => this.#makeMachine(host, now),
    )
    host.process = process
    this.started(host, process)
    if (disk.condition !== 'ok') this.queue.in(0, () => process.diskChanged())
  }

  #groundOf(host: Host): Ground {
    return {
      queue: this.queue,
      network: this.network,
      gossip: this.#gossip,
      dialling: this.#dialling,
      clock: host.clock,
      disk: host.disk,
      executor: host.executor,
      probe: this.#probeAll,
      exited: process => this.#exited(host, process),
      diskFailed: process => this.#diskFailed(host, process),
      died: (_process, how) => this.#died(host, how),
    }
  }

  #died(host: Host, how: Death): void {
    if (how === 'power') {
      host.executor.hostDied()
      return
    }
    host.executor.daemonDied(how, how === 'killed' ? this.exceptReapMs : 0, () => {
      if (host.startWaits && host.process === undefined && this.paths.powered(host.index)) this.#boot(host)
    })
  }

  #diskFailed(host: Host, process: Process): void {
    if (host.process !== process) return
    this.note(`${host.name} ends: its disk failed`)
    this.#kill(host, 'killed')
  }

  readonly #probeAll: Probe = {
    input: (process: Process, input: Input, now: Now): void => {
      for (const probe of this.#probes) probe.input(process, input, now)
    },
    effect: (process: Process, effect: Effect): void => {
      for (const probe of this.#probes) probe.effect(process, effect)
    },
    stepped: (process: Process, input: Input): void => {
      for (const probe of this.#steppers) probe.stepped?.(process, input)
    },
    broken: (process: Process, invariant: string, detail: string): void => {
      for (const probe of this.#probes) probe.broken(process, invariant, detail)
    },
  }

  #exited(host: Host, process: Process): void {
    if (host.process !== process) return
    host.process = undefined
    host.left = true
    this.note(`${host.name} has left`)
  }

  /** kill -9: the kernel stays and closes the connections. */
  crash(host: Host): void {
    this.note(`crash ${host.name}`)
    this.#kill(host, 'killed')
  }

  /** The power goes: no FIN, no RST, no answer. */
  powerOff(host: Host): void {
    this.note(`power off ${host.name}`)
    this.paths.setPower(host.index, false)
    this.#kill(host, 'power')
    // Whatever starts there next starts on a machine that is awake.
    host.clock.resume(this.now)
    if (host.executor.locked) host.executor.hostDied()
  }

  #kill(host: Host, how: 'killed' | 'power'): void {
    const process = host.process
    host.process = undefined
    process?.kill(how)
  }

  /** Loses the data directory: boot number, records, and the key, if that is not kept elsewhere. Only while nothing runs there. */
  wipe(host: Host, keepKey = false): void {
    assert(host.process === undefined, 'a disk is not wiped under a process', { host: host.name })
    host.disk.wipe()
    if (!keepKey) host.peer = asPeerId(`peer-${host.name}-${host.disk.wipes}`)
    this.note(`wipe ${host.name}${keepKey ? ', its key is kept' : ''}`)
  }

  /** From now on the disk takes nothing more, but for so many rows where it is full; or all again. */
  setDisk(host: Host, condition: 'ok' | 'full' | 'read-only', reserveRows = 0): void {
    this.note(`the disk of ${host.name} is ${condition}`)
    host.disk.become(condition, reserveRows)
    if (condition === 'ok') host.process?.diskChanged()
  }

  /** Another address from the next start on; the old one is free for anyone. */
  readdress(host: Host, address = this.freshAddress()): void {
    assert(host.process === undefined, 'a running process keeps its address', { host: host.name })
    host.address = address
  }

  /** The daemon alone stands still; its runner and their children go on. */
  freeze(host: Host, forMs?: number): void {
    const process = host.process
    if (process === undefined || process.frozen) return
    this.note(`freeze ${host.name}${forMs === undefined ? '' : ` for ${Math.round(forMs)} ms`}`)
    process.freeze()
    if (forMs !== undefined) this.queue.in(forMs, () => this.#thawProcess(host, process))
  }

  /** For so long, in ms, all that comes for the daemon waits in its own queue, while its ticks come in time. */
  flood({ name, process }: Host, forMs: number): void {
    if (process === undefined) return
    this.note(`flood ${name} for ${Math.round(forMs)} ms`)
    process.flood()
    this.queue.in(forMs, () => process.ebb())
  }

  /** Daemon, runner and children stand still: a paused container, a stopped process tree. */
  freezeTree(host: Host, forMs: number): boolean {
    const process = host.process
    if (process === undefined || process.frozen) return false
    this.note(`freeze the whole tree of ${host.name} for ${Math.round(forMs)} ms`)
    process.freeze()
    host.executor.freezeRunner()
    host.executor.freezeChildren()
    this.queue.in(forMs, () => this.#thawTree(host, process))
    return true
  }

  /** The children may run a moment before daemon and runner do: the kernel wakes them in any order. */
  #thawTree(host: Host, process: Process): void {
    host.executor.thawChildren()
    this.queue.in(this.#thaws.between(0, THAW_MS_MAX), () => {
      host.executor.thawRunner()
      this.#thawProcess(host, process)
    })
  }

  /** The machine is suspended: its processes stand still, and its monotonic clock with them. */
  suspend(host: Host, forMs: number): boolean {
    const process = host.process
    if (process === undefined || process.frozen) return false
    this.note(`suspend ${host.name} for ${Math.round(forMs)} ms`)
    process.freeze()
    host.executor.freezeRunner()
    host.executor.freezeChildren()
    host.clock.suspend(this.now)
    host.suspendedUntil = this.now + forMs
    this.collector.excuse(host.index, process.boot)
    this.queue.in(forMs, () => {
      host.clock.resume(this.now)
      host.executor.exceptUntil(this.now + this.exceptSuspendedMs)
      this.#thawTree(host, process)
    })
    return true
  }

  freezeRunner(host: Host, forMs: number): boolean {
    if (!host.executor.runnerUp || host.process === undefined) return false
    this.note(`freeze the runner of ${host.name} for ${Math.round(forMs)} ms`)
    host.executor.freezeRunner()
    this.queue.in(forMs, () => host.executor.thawRunner())
    return true
  }

  killRunner(host: Host): boolean {
    if (!host.executor.killRunner()) return false
    this.note(`kill the runner of ${host.name}`)
    return true
  }

  thaw(host: Host): void {
    host.executor.thawChildren()
    host.executor.thawRunner()
    if (host.process !== undefined) this.#thawProcess(host, host.process)
  }

  #thawProcess(host: Host, process: Process): void {
    if (!process.alive || !process.frozen) return
    this.note(`thaw ${host.name}`)
    process.thaw()
  }

  leave(host: Host, deadlineMs: number): void {
    this.note(`leave ${host.name}`)
    host.process?.receive({ kind: 'leave', deadlineMs })
  }

  /** Packets vanish in one direction. */
  cutOneWay(from: Host, to: Host): void {
    this.paths.setCut(from.index, to.index, true, this.now)
  }

  cut(a: Host, b: Host): void {
    this.cutOneWay(a, b)
    this.cutOneWay(b, a)
  }

  heal(a: Host, b: Host): void {
    this.paths.setCut(a.index, b.index, false, this.now)
    this.paths.setCut(b.index, a.index, false, this.now)
  }

  partition(left: readonly Host[], right: readonly Host[]): void {
    this.note(`partition ${left.map(h => h.name).join(',')} | ${right.map(h => h.name).join(',')}`)
    for (const a of left) for (const b of right) this.cut(a, b)
  }

  /** Every cut between every pair ends. */
  healAll(): void {
    this.note('heal all')
    for (const a of this.hosts) for (const b of this.hosts) if (a.index < b.index) this.heal(a, b)
  }

  runUntil(until: number, stop?: () => boolean): void {
    this.queue.runUntil(until, stop)
  }

  #lookup(address: string): { host: number; party: Process | undefined } | undefined {
    const found = this.hosts.find(host => host.address === address || nameOf(host) === address)
    return found && { host: found.index, party: found.process }
  }
}

/** The DNS name and port of a host: it leads to wherever the host is when it is dialled. */
export const nameOf = (host: Pick<Host, 'name'>): string => `${host.name}.sim:7946`
