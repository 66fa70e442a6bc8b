/**
 * Whom this node is linked to. Up to `FULL_MESH_MAX` members everybody: each pair can afford a link, and every node is a
 * direct witness of every other. Above, links must not grow with the cluster, so each node keeps those that have a duty:
 * to its observers and to those it observes (they are its neighbours on the circle), to the voters, and to a few more
 * all over the circle, over which gossip crosses the cluster in a few hops.
 *
 * The few are those with the lowest hash of the pair. It is the same seen from both ends, so most choices are mutual and
 * nobody is chosen by many; and a member that comes or goes changes only the choices that fall on it. Fixed distances
 * along the circle would be fully mutual, but each join would move all of them.
 *
 * A link that only one end wants is kept by that end: whoever dialled a link closes it once it has no use for it, and an
 * end that still wants it dials and owns it from then on.
 */
import type { NodeId } from '../base/ids.ts'
import { type Circle, OBSERVERS_MAX } from './observers.ts'
import type { Entry, RosterView } from './roster.ts'

/** Members up to which everybody is linked to everybody. */
export const FULL_MESH_MAX = 32
/** Above this many times itself, in members, the probe interval of links that only serve voting grows with the cluster. */
const FAR_PROBE_MS_PER_MEMBER = 2.5
/** Peers chosen beside the neighbours; about one more comes from choices of others that are not mutual. */
const MESH_PEERS = 6

interface Plan {
  /** Everybody this node should be linked to. */
  readonly wanted: readonly Entry[]
  readonly names: ReadonlySet<NodeId>
  /** Neighbours and mesh peers: those with whom liveness is exchanged. */
  readonly close: ReadonlySet<NodeId>
  /** Those whom this node observes. */
  readonly observed: ReadonlySet<NodeId>
}

export class Topology {
  readonly circle: Circle
  readonly #roster: RosterView
  #voters: readonly NodeId[] = []
  #madeFor: readonly Entry[] | undefined
  #madeWithout: ReadonlySet<NodeId> | undefined
  #plan: Plan = { wanted: [], names: new Set(), close: new Set(), observed: new Set() }

  constructor(roster: RosterView, circle: Circle) {
    this.#roster = roster
    this.circle = circle
  }

  /** Names that vote; everybody stays linked to them. */
  setVoters(names: readonly NodeId[]): void {
    if (names.length === this.#voters.length && names.every((name, i) => name === this.#voters[i])) return
    this.#voters = [...names]
    this.#madeFor = undefined
  }

  /** True above `FULL_MESH_MAX` members. */
  get large(): boolean {
    return this.#roster.livingCount > FULL_MESH_MAX
  }

  /** The living members that this node should be linked to. */
  wanted(): readonly Entry[] {
    return this.#current().wanted
  }

  wants(member: NodeId): boolean {
    return this.#current().names.has(member)
  }

  /** Neighbours on the circle and mesh peers; not those who only vote, or whose own choice the link is. */
  isClose(member: NodeId): boolean {
    return this.#current().close.has(member)
  }

  /** How often a linked member is probed, in ms, when `probeMs` is the shortest time. */
  probeMs(member: NodeId, probeMs: number): number {
    if (!this.large || this.isClose(member)) return probeMs
    return Math.max(probeMs, this.#roster.livingCount * FAR_PROBE_MS_PER_MEMBER)
  }

  /** Those whom this node observes. */
  get observed(): ReadonlySet<NodeId> {
    return this.#current().observed
  }

  #current(): Plan {
    const living = this.#roster.living()
    const { lost } = this.circle
    if (living !== this.#madeFor || lost !== this.#madeWithout) {
      this.#madeFor = living
      this.#madeWithout = lost
      this.#plan = this.#make(living)
    }
    return this.#plan
  }

  #make(living: readonly Entry[]): Plan {
    const self = this.#roster.self.id
    const observed = new Set(this.circle.observedBy(self))
    const close = new Set<NodeId>()
    if (this.large) {
      this.#addNeighbours(close)
      this.#addMesh(close)
    } else for (const { record } of living) close.add(record.id)
    close.delete(self)
    const names = new Set(close)
    for (const voter of this.#voters) if (voter !== self) names.add(voter)
    const wanted = living.filter(({ record }) => names.has(record.id))
    return { wanted, names, close, observed }
  }

  #addNeighbours(close: Set<NodeId>): void {
    const spots = this.circle.spots()
    const at = this.circle.indexOf(this.#roster.self.id)
    for (let away = 1; away <= OBSERVERS_MAX; away++) {
      for (const index of [at + away, at - away + spots.length]) {
        const neighbour = spots[index % spots.length]
        if (neighbour !== undefined) close.add(neighbour.record.id)
      }
    }
  }

  #addMesh(close: Set<NodeId>): void {
    const own = this.#ownPoint()
    const best: { readonly id: NodeId; readonly weight: number }[] = []
    for (const { record, point } of this.circle.spots()) {
      const weight = pairWeight(own, point)
      const worst = best[MESH_PEERS - 1]
      if (worst !== undefined && weight >= worst.weight) continue
      if (point === own || close.has(record.id)) continue
      if (worst !== undefined) best.pop()
      const index = best.findIndex(other => weight < other.weight)
      best.splice(index < 0 ? best.length : index, 0, { id: record.id, weight })
    }
    for (const { id } of best) close.add(id)
  }

  #ownPoint(): number {
    return this.#roster.get(this.#roster.self.id)?.point ?? 0
  }
}

/** The same for (a, b) and (b, a); as good as random otherwise (the finish of murmur3). */
function pairWeight(a: number, b: number): number {
  let h = a ^ b
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0
}
