/** Carries out a schedule on a world. A fault that no longer makes sense (to crash what does not run) is let go. */
import { unreachable } from '../../src/base/assert.ts'
import type { Fault, Pair, Schedule } from './schedule.ts'
import type { Host, World } from './world.ts'

/** Disk commits take this long on a slow disk, in ms. */
const SLOW_COMMIT_MS = [50, 800] as const
const FAST_COMMIT_MS = [0.5, 4] as const
const LEAVE_DEADLINE_MS = 5_000

export class Faults {
  readonly #world: World
  readonly #schedule: Schedule
  readonly #submit: (host: Host, task: number) => void
  /** Addresses that somebody had before moving. */
  readonly #free: string[] = []

  /** @param submit hands a task to the node on a host */
  constructor(world: World, schedule: Schedule, submit: (host: Host, task: number) => void) {
    this.#world = world
    this.#schedule = schedule
    this.#submit = submit
  }

  /** Puts everything into the queue: paths, starts, faults, and the end of all faults. */
  plan(): void {
    const { queue, hosts } = this.#world
    const { faults, quietAt } = this.#schedule
    this.#eachPath('all', (from, to) => this.#normalDelay(from, to))
    this.#schedule.hosts.forEach((plan, index) => {
      const host = hosts[index]
      if (host === undefined) return
      queue.at(plan.startAt, () => {
        if (host.process === undefined) this.#world.start(host)
      })
    })
    for (const fault of faults) queue.at(fault.at, () => this.#apply(fault))
    queue.at(quietAt, () => this.#quiet())
  }

  #apply(fault: Fault): void {
    const world = this.#world
    if ('host' in fault) {
      this.#applyToHost(fault)
      return
    }
    world.note(describe(fault))
    switch (fault.kind) {
      case 'loss':
        this.#eachPath(fault.pair, (from, to) => world.paths.setLoss(from, to, fault.share))
        this.#later(fault.ms, () =>
          this.#eachPath(fault.pair, (from, to) => world.paths.setLoss(from, to, 0)),
        )
        return
      case 'delay':
        this.#eachPath(fault.pair, (from, to) =>
          world.paths.setDelay(from, to, fault.latencyMs, fault.jitterMs),
        )
        this.#later(fault.ms, () => this.#eachPath(fault.pair, (from, to) => this.#normalDelay(from, to)))
        return
      case 'partition':
        this.#partition(fault.left, fault.ms)
        return
      case 'cut':
      case 'cut-one-way':
        this.#cut(fault.pair, fault.kind === 'cut', fault.ms)
        return
      default:
        unreachable(fault)
    }
  }

  #applyToHost(fault: Extract<Fault, { host: number }>): void {
    const world = this.#world
    const host = world.hosts[fault.host]
    if (host === undefined) return
    switch (fault.kind) {
      case 'start':
        if (host.process === undefined) this.#start(host, fault)
        return
      case 'crash':
        if (host.process !== undefined) world.crash(host)
        return
      case 'power-off':
        if (host.process !== undefined) world.powerOff(host)
        return
      case 'leave':
        if (host.process !== undefined) world.leave(host, LEAVE_DEADLINE_MS)
        return
      case 'freeze':
        world.freeze(host, fault.ms)
        return
      case 'slow-disk':
        world.note(describe(fault))
        host.disk.setCommitMs(...SLOW_COMMIT_MS)
        this.#later(fault.ms, () => host.disk.setCommitMs(...FAST_COMMIT_MS))
        return
      case 'wall-step':
        world.note(describe(fault))
        host.clock.stepWall(fault.byMs)
        return
      case 'submit':
        if (host.process !== undefined) this.#submit(host, fault.task)
        return
      default:
        unreachable(fault)
    }
  }

  #start(host: Host, fault: Extract<Fault, { kind: 'start' }>): void {
    if (fault.wiped) this.#world.wipe(host)
    if (fault.address !== 'same') {
      const reused = fault.address === 'reused' ? this.#free.shift() : undefined
      this.#free.push(host.address)
      this.#world.readdress(host, reused)
    }
    this.#world.start(host)
  }

  #partition(left: readonly number[], ms: number): void {
    const { hosts } = this.#world
    const near = hosts.filter(host => left.includes(host.index))
    const far = hosts.filter(host => !left.includes(host.index))
    this.#world.partition(near, far)
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
      this.#normalDelay(from, to)
    })
    for (const host of world.hosts) {
      host.disk.setCommitMs(...FAST_COMMIT_MS)
      world.thaw(host)
    }
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
