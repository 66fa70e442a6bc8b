import type { NodeId } from '../base/ids.ts'
import type { Epochs } from './right.ts'
import type { View } from './view.ts'

/** Of one node, besides that of now. */
const RINGS_MAX = 8

interface Given {
  readonly disk: string
  /** Under these it told all that it held of this node's keys. */
  readonly rings: Set<string>
}

/**
 * Who has answered, from which disk, and about what. Whoever answers tells what it holds of the keys that its ring gives to the
 * one who asks. A key that is kept meanwhile, which that ring gives to another, it says nothing about.
 */
export class GivenAnswers {
  readonly #view: View
  readonly #epochs: Epochs
  readonly #given = new Map<NodeId, Given>()

  constructor(view: View, epochs: Epochs) {
    this.#view = view
    this.#epochs = epochs
  }

  add(node: NodeId, disk: string, ring: string): void {
    const known = this.#given.get(node)
    const rings = known?.disk === disk ? [...known.rings].filter(each => each !== ring) : []
    this.#given.set(node, { disk, rings: new Set([...rings.slice(-RINGS_MAX), ring]) })
  }

  /** From which disk it told of anything at all; undefined: of nothing. */
  lastDiskOf(node: NodeId): string | undefined {
    return node === this.#view.self ? this.#epochs.disk : this.#given.get(node)?.disk
  }

  /** From which disk, if it told of this key; without a key: of all keys that the ring of now gives to this node. */
  diskOf(node: NodeId, key?: string): string | undefined {
    if (node === this.#view.self) return this.#epochs.disk
    const given = this.#given.get(node)
    return given !== undefined && this.#covers(given.rings, key) ? given.disk : undefined
  }

  #covers(rings: ReadonlySet<string>, key: string | undefined): boolean {
    const { self, ring } = this.#view
    const now = ring?.checksum ?? ''
    if (key === undefined) return rings.has(now)
    if (rings.has(now) && this.#view.owner(key) === self) return true
    for (const each of rings) if (each !== now && this.#epochs.ring(each)?.owner(key) === self) return true
    return false
  }
}
