import type { NodeId } from '../base/ids.ts'
import { Recent } from '../base/recent.ts'
import type { Ring } from '../ring/ring.ts'

/** Keys whose holders are remembered, at least: a task in work asks for its own some ten times. */
const HOLDERS_KNOWN_MAX = 4_096
/** Different lists of holders that are one object each, at least: eight members in threes make 336. */
const LISTS_KNOWN_MAX = 1_024

/** Whom this node sees at the moment, and what the ring made of it. The parts of the room share one. */
export class View {
  readonly self: NodeId
  /** Holders of a key, where there are so many members. */
  readonly replicas: number
  #ring: Ring | undefined
  #live: ReadonlySet<NodeId>
  #epoch = 0
  /** Of the ring of now. */
  readonly #holders = new Recent<string, readonly NodeId[]>(HOLDERS_KNOWN_MAX)
  /** Lists by their names, whatever the ring. */
  readonly #lists = new Recent<string, readonly NodeId[]>(LISTS_KNOWN_MAX)

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
    this.#holders.clear()
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

  /** Who should hold the key's records, owner first. Equal ones are mostly one and the same array. */
  holders(key: string): readonly NodeId[] {
    const known = this.#holders.get(key)
    if (known !== undefined) return known
    const found = this.#same(this.#ring?.preferenceList(key, this.replicas) ?? [])
    this.#holders.set(key, found)
    return found
  }

  #same(list: readonly NodeId[]): readonly NodeId[] {
    const name = list.join(' ')
    const known = this.#lists.get(name)
    if (known !== undefined) return known
    this.#lists.set(name, list)
    return list
  }

  /** Everybody else one can talk to. */
  others(): NodeId[] {
    return [...this.#live].filter(id => id !== this.self)
  }
}
