/**
 * A cluster of membership and grants cores on virtual time, and how far it agrees.
 *
 * Whole nodes do not run: rings follow from views, so equal view digests are equal ring checksums. After every step the
 * view of the node that moved is looked at, so agreement is known the moment it comes.
 */
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { VOTERS_MAX } from '../../src/grants/config.ts'
import { Fabric } from './fabric.ts'
import { Host } from './host.ts'
import { RingRegistry } from './ring-registry.ts'
import type { Counts } from './traffic.ts'
import { Wheel } from './wheel.ts'

/** Nodes that everybody starts from: those with the highest names, so that they are not the voters as well. */
const SEEDS = 3
/** How often it is looked who has a lease, in ms. */
const LOOK_MS = 10

export interface WorldInit {
  readonly size: number
  readonly seed: number
  /** Does everybody expect `size` nodes, so that the first names vote and nobody acts without them? */
  readonly quorum: boolean
}

/** When the first, the middle and the last of some nodes came to it, in ms. */
export interface Spread {
  readonly first: number
  readonly median: number
  readonly last: number
}

export interface Watch {
  /** Does it hold for all at this moment? */
  all(): boolean
  /** Looks no more. Undefined: it does not hold for all. */
  end(): Spread | undefined
}

export class World {
  readonly wheel = new Wheel()
  readonly fabric: Fabric
  readonly hosts: readonly Host[]
  readonly random: Random
  /** Verdicts of death about running members that the judge was not cut off from, by subject. */
  readonly falseDeaths = new Set<NodeId>()
  suspicions = 0
  refutations = 0
  readonly #byName: ReadonlyMap<NodeId, Host>
  /** View of each host of the watched part, since when it has it, and how many hosts have it. */
  readonly #views = new Map<
    Host,
    { readonly version: number; readonly view: string; readonly since: number }
  >()
  readonly #counts = new Map<string, number>()
  #part: ReadonlySet<Host> = new Set()

  constructor({ size, seed, quorum }: WorldInit) {
    this.random = new Random(seed)
    this.fabric = new Fabric(this.wheel, this.random.fork())
    const seeds: string[] = []
    const rings = new RingRegistry()
    const grants = quorum ? { expectedNodes: size, voters: [] } : undefined
    const stepped = (host: Host, logged: Parameters<World['stepped']>[1]): void => this.stepped(host, logged)
    const hosts: Host[] = []
    for (let index = 0; index < size; index++) {
      const host = new Host(this.wheel, this.fabric, { index, seeds, grants, rings, stepped })
      this.fabric.add(host)
      hosts.push(host)
    }
    for (const host of hosts.slice(-SEEDS)) seeds.push(host.address)
    this.hosts = hosts
    this.#byName = new Map(hosts.map(host => [host.id, host]))
  }

  get now(): number {
    return this.wheel.now
  }

  get running(): Host[] {
    return this.hosts.filter(host => host.up)
  }

  /** Those with the lowest names, who vote when anybody does. */
  get voters(): readonly Host[] {
    return this.hosts.slice(0, VOTERS_MAX)
  }

  stepped(
    host: Host,
    logged: readonly { readonly event: string; readonly fields: { readonly member?: unknown } }[],
  ): void {
    for (const { event, fields } of logged) {
      if (event === 'member-suspect') this.suspicions++
      else if (event === 'refuted') this.refutations++
      else if (event === 'verdict') this.#verdict(host, fields.member as NodeId)
    }
    if (this.#part.has(host)) this.#note(host)
  }

  /**
   * Runs until all these hosts have the same view, and it holds just them.
   * @returns when each came to that view; undefined when it did not come about within `limitMs`
   */
  agree(part: readonly Host[], limitMs: number): Spread | undefined {
    const from = this.now
    this.#part = new Set(part)
    this.#views.clear()
    this.#counts.clear()
    for (const host of part) this.#note(host)
    const agreed = (): boolean => this.#counts.size === 1 && this.#counts.has(wanted(part))
    const came = agreed() || this.wheel.runUntil(from + limitMs, agreed)
    this.#part = new Set()
    return came ? spreadOf([...this.#views.values()].map(({ since }) => since - from)) : undefined
  }

  /** Looks from now on, as the world runs, for how long the condition has held for each of these hosts without a break. */
  watch(part: readonly Host[], holds: (host: Host) => boolean): Watch {
    const from = this.now
    const since = new Map<Host, number>()
    let over = false
    const look = (): void => {
      for (const host of part) {
        if (!holds(host)) since.delete(host)
        else if (!since.has(host)) since.set(host, this.now - from)
      }
      if (!over) this.wheel.in(LOOK_MS, look)
    }
    look()
    return {
      all: () => since.size === part.length,
      end: () => {
        over = true
        return since.size === part.length ? spreadOf([...since.values()]) : undefined
      },
    }
  }

  /** Runs until the condition holds for all these hosts at once; when it came to hold for each, in ms. */
  until(part: readonly Host[], holds: (host: Host) => boolean, limitMs: number): Spread | undefined {
    const watch = this.watch(part, holds)
    this.runUntil(watch, limitMs)
    return watch.end()
  }

  runUntil(watch: Watch, limitMs: number): void {
    if (!watch.all()) this.wheel.runUntil(this.now + limitMs, watch.all)
  }

  run(ms: number): void {
    this.wheel.runUntil(this.now + ms)
  }

  /** Traffic of each of these hosts since the last time. */
  traffic(hosts: readonly Host[] = this.running): Counts[] {
    const counts = hosts.map(host => host.traffic.take())
    for (const host of this.hosts) host.traffic.take()
    return counts
  }

  #note(host: Host): void {
    const { roster } = host.membership
    const before = this.#views.get(host)
    if (before?.version === roster.version) return
    const view = `${roster.digest()} ${roster.livingCount}`
    const since = before?.view === view ? before.since : this.now
    this.#views.set(host, { version: roster.version, view, since })
    if (before?.view === view) return
    if (before !== undefined) {
      const left = (this.#counts.get(before.view) ?? 1) - 1
      if (left === 0) this.#counts.delete(before.view)
      else this.#counts.set(before.view, left)
    }
    this.#counts.set(view, (this.#counts.get(view) ?? 0) + 1)
  }

  #verdict(judge: Host, member: NodeId): void {
    const subject = this.#byName.get(member)
    if (subject?.up && !this.fabric.isCut(judge, subject)) this.falseDeaths.add(member)
  }
}

/** All have the view of the first, and it has as many members as there are. */
function wanted(part: readonly Host[]): string {
  const roster = part[0]?.membership.roster
  return roster?.livingCount === part.length ? `${roster.digest()} ${part.length}` : 'none'
}

function spreadOf(times: readonly number[]): Spread {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? 0
  return { first: at(0), median: at(sorted.length >> 1), last: at(sorted.length - 1) }
}
