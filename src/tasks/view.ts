import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'

/** Keys whose holders are remembered: a task in work asks for its own some ten times. */
const HOLDERS_KNOWN_MAX = 4_096

/** Whom this node sees at the moment, and what the ring made of it. The parts of the room share one. */
export class View {
  readonly self: NodeId
  /** Holders of a key, where there are so many members. */
  readonly replicas: number
  #ring: Ring | undefined
  #live: ReadonlySet<NodeId>
  #epoch = 0
  /** Of the ring of now. */
  #holders = new Map<string, readonly NodeId[]>()

  constructor(self: NodeId, replicas: number) {
    this.self = self
    this.replicas = replicas
    this.#live = new Set([self])
  }

  /** Rises with every new ring: what was found under another epoch may be stale. */
  get epoch(): number {
    return this.#epoch
  }

  get ring(): Ring | undefined {
    return this.#ring
  }

  /** Everybody one can talk to, this node and those who leave included. */
  get live(): ReadonlySet<NodeId> {
    return this.#live
  }

  /** True when owners may have changed. */
  change(ring: Ring, live: readonly NodeId[]): boolean {
    this.#live = new Set([...live, this.self])
    if (this.#ring?.checksum === ring.checksum) return false
    this.#ring = ring
    this.#holders = new Map()
    this.#epoch++
    return true
  }

  /** Everything is to be placed anew, although the ring is the same. */
  renew(): void {
    this.#epoch++
  }

  owner(key: string): NodeId | undefined {
    return this.#ring?.owner(key)
  }

  /** Who should hold the key's records, owner first. */
  holders(key: string): readonly NodeId[] {
    const known = this.#holders.get(key)
    if (known !== undefined) return known
    const found = this.#ring?.preferenceList(key, this.replicas) ?? []
    if (this.#holders.size >= HOLDERS_KNOWN_MAX) this.#holders.clear()
    this.#holders.set(key, found)
    return found
  }

  /** Everybody else one can talk to. */
  others(): NodeId[] {
    return [...this.#live].filter(id => id !== this.self)
  }
}
