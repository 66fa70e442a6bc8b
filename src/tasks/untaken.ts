import type { NodeId } from '../base/ids.ts'
import { isSettled } from './merge.ts'
import type { Epochs } from './right.ts'
import type { TaskRecord } from './task.ts'

interface Owed {
  readonly key: string
  /** Those that brought it, as one that has not ended. */
  readonly nodes: Set<NodeId>
}

/**
 * Tasks of keys of this node that have not ended and that it could not take, since it has another task with the id.
 *
 * Until it has taken them it is not done with any ring (`durability.ts`, rule 5): voters would forget the one under which they
 * were written, and whoever took the key over after that would hear from so many holders that they are without such a task
 * that it would pass for ended. By the time a key is complete each one that counted was brought here, so what is remembered
 * is of a term, and is told again where all terms were lost. Nobody but this node can end one of them; it waits for nobody
 * who was forgotten, has gone in good order or has another disk. None is pushed out by others: each is a whole record
 * elsewhere, and a name here.
 */
export class Untaken {
  readonly #epochs: Epochs
  readonly #owed = new Map<string, Owed>()
  /** Terms that were held when it was looked last. */
  #held: readonly number[] = []

  constructor(epochs: Epochs) {
    this.#epochs = epochs
  }

  get size(): number {
    return this.#owed.size
  }

  /** Is there one? Asked in every step. */
  get any(): boolean {
    if (this.#owed.size === 0) return false
    this.#follow()
    for (const [name, owed] of this.#owed) {
      if (this.#waits(owed)) return true
      this.#owed.delete(name)
    }
    return false
  }

  /** Is somebody still to bring it? */
  waitsFor(name: string): boolean {
    const owed = this.#owed.get(name)
    return owed !== undefined && this.#waits(owed)
  }

  has(name: string): boolean {
    return this.#owed.has(name)
  }

  /** `node` brought it, and it was not taken. */
  brought(name: string, record: TaskRecord, node: NodeId): void {
    this.#follow()
    const { key } = record.spec
    const known = this.#owed.get(name)
    if (isSettled(record)) {
      known?.nodes.delete(node)
      if (known?.nodes.size === 0) this.#owed.delete(name)
    } else if (known !== undefined) known.nodes.add(node)
    else if (this.#epochs.isQuorum(key) && this.#epochs.hasUnder(key, new Set(this.#epochs.held)))
      this.#owed.set(name, { key, nodes: new Set([node]) })
  }

  /** It is known here now. True when it was owed. */
  over(name: string): boolean {
    return this.#owed.delete(name)
  }

  /** These nodes have lost their disks. */
  lost(lost: ReadonlySet<NodeId>): void {
    for (const [name, { nodes }] of this.#owed) {
      for (const node of lost) nodes.delete(node)
      if (nodes.size === 0) this.#owed.delete(name)
    }
  }

  #waits({ key, nodes }: Owed): boolean {
    const known = this.#epochs.known()
    const isAwaited = (node: NodeId): boolean => known.includes(node) && !this.#epochs.forgotten(node)
    return [...nodes].some(isAwaited) && this.#epochs.hasUnder(key, new Set(this.#epochs.held))
  }

  /** What was not had without a break since it was brought, a new term asks about. */
  #follow(): void {
    const { held } = this.#epochs
    if (held === this.#held) return
    const still = new Set(held.filter(term => this.#held.includes(term)))
    this.#held = held
    for (const [name, { key }] of this.#owed) if (!this.#epochs.hasUnder(key, still)) this.#owed.delete(name)
  }
}
