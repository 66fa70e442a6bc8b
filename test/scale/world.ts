/**
 * A cluster of membership cores on virtual time, and how far it agrees.
 *
 * Only membership runs, not whole nodes: rings follow from views, so equal view digests are equal ring checksums. After
 * every step the view of the node that moved is looked at, so agreement is known the moment it comes.
 */
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { Fabric } from './fabric.ts'
import { Host } from './host.ts'
import type { Counts } from './traffic.ts'
import { Wheel } from './wheel.ts'

/** Nodes that everybody starts from, and that vote when there are voters. */
const SEEDS = 3

export interface WorldInit {
  readonly size: number
  readonly seed: number
  /** How many vote, and so are linked to everybody. */
  readonly voters: number
}

/** What the running hosts of a part of the cluster know. */
export interface Part {
  readonly hosts: ReadonlySet<Host>
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
  /** Digest of each host's view, and how many hosts of the watched part have it. */
  readonly #views = new Map<Host, string>()
  readonly #counts = new Map<string, number>()
  #part: ReadonlySet<Host> = new Set()

  constructor({ size, seed, voters }: WorldInit) {
    this.random = new Random(seed)
    this.fabric = new Fabric(this.wheel, this.random.fork())
    const seeds: string[] = []
    const names: NodeId[] = []
    const hosts: Host[] = []
    for (let index = 0; index < size; index++) {
      const stepped = (host: Host, logged: Parameters<World['stepped']>[1]): void =>
        this.stepped(host, logged)
      const host = new Host(this.wheel, this.fabric, { index, seeds, voters: names, stepped })
      this.fabric.add(host)
      hosts.push(host)
    }
    for (const host of hosts.slice(0, SEEDS)) seeds.push(host.address)
    for (const host of hosts.slice(0, voters)) names.push(host.id)
    this.hosts = hosts
  }

  get now(): number {
    return this.wheel.now
  }

  get running(): Host[] {
    return this.hosts.filter(host => host.up)
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
   * @returns how long that took in ms; undefined when it did not come about within `limitMs`
   */
  agree(part: readonly Host[], limitMs: number): number | undefined {
    const from = this.now
    this.#part = new Set(part)
    this.#views.clear()
    this.#counts.clear()
    for (const host of part) this.#note(host)
    const agreed = (): boolean => this.#counts.size === 1 && this.#counts.has(this.#wanted(part))
    const came = agreed() || this.wheel.runUntil(from + limitMs, agreed)
    this.#part = new Set()
    return came ? this.now - from : undefined
  }

  run(ms: number): void {
    this.wheel.runUntil(this.now + ms)
  }

  /** Traffic of each running host since the last time, without those in `but`. */
  traffic(but: readonly Host[] = []): Counts[] {
    return this.hosts.flatMap(host => {
      const counts = host.traffic.take()
      return host.up && !but.includes(host) ? [counts] : []
    })
  }

  /** All have the view of the first, and it has as many members as there are. */
  #wanted(part: readonly Host[]): string {
    const first = part[0]
    const roster = first?.membership.roster
    return roster?.livingCount === part.length ? `${roster.digest()} ${part.length}` : 'none'
  }

  #note(host: Host): void {
    const { roster } = host.membership
    const view = `${roster.digest()} ${roster.livingCount}`
    const before = this.#views.get(host)
    if (before === view) return
    if (before !== undefined) {
      const left = (this.#counts.get(before) ?? 1) - 1
      if (left === 0) this.#counts.delete(before)
      else this.#counts.set(before, left)
    }
    this.#views.set(host, view)
    this.#counts.set(view, (this.#counts.get(view) ?? 0) + 1)
  }

  #verdict(judge: Host, member: NodeId): void {
    const subject = this.hosts.find(host => host.id === member)
    if (subject?.up && !this.fabric.isCut(judge, subject)) this.falseDeaths.add(member)
  }
}
