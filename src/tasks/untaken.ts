import type { NodeId } from '../base/ids.ts'
import { isSettled, mergeRecords } from './merge.ts'
import type { Epochs } from './right.ts'
import type { TaskRecord } from './task.ts'

/** Remembered at once; with more the oldest is forgotten, as the owner of a task drops its end in its turn. */
export const ENDS_MAX = 100

interface Owed {
  readonly key: string
  /** Those that brought it, as one that has not ended. */
  readonly nodes: Set<NodeId>
  newest: TaskRecord
}

/**
 * Tasks of keys of this node that it could not take, since it has another task with the id.
 *
 * One that has not ended is owed:
 * Until it has taken them it is not done with any ring (`durability.ts`, rule 5): voters would forget the one under which they
 * were written, and whoever took the key over after that would hear from so many holders that they are without such a task
 * that it would pass for ended. By the time a key is complete each one that counted was brought here, so what is remembered
 * is of a term, and is told again where all terms were lost. Nobody but this node can end one of them; it waits for nobody
 * who was forgotten, has gone in good order or has another disk. None is pushed out by others: this node is to hold each of
 * them anyway.
 *
 * An end is kept, whole, until its id is free here. Whoever told it may not tell it again before the next takeover, and others
 * have older copies, which come again and again: the first of them was taken for a task that must run, and it ran once more.
 */
export class Untaken {
  readonly #epochs: Epochs
  readonly #owed = new Map<string, Owed>()
  readonly #ends = new Map<string, TaskRecord>()
  /** Terms that were held when it was looked last. */
  #held: readonly number[] = []

  constructor(epochs: Epochs) {
    this.#epochs = epochs
  }

  get size(): number {
    return this.#owed.size + this.#ends.size
  }

  /** Is one owed? Asked in every step. */
  get any(): boolean {
    if (this.#owed.size === 0) return false
    this.#follow()
    for (const [name, owed] of this.#owed) {
      if (this.#waits(owed)) return true
      this.#owed.delete(name)
    }
    return false
  }

  /** Is somebody still to bring it, or is its end to be taken? */
  waitsFor(name: string): boolean {
    if (this.#ends.has(name)) return true
    const owed = this.#owed.get(name)
    return owed !== undefined && this.#waits(owed)
  }

  has(name: string): boolean {
    return this.#owed.has(name) || this.#ends.has(name)
  }

  /** Ends of tasks of keys that this node has still. */
  ends(): Iterable<TaskRecord> {
    this.#follow()
    return this.#ends.values()
  }

  /** Its id is free here: its end is to be taken now, if it is known. */
  takeEnd(name: string): TaskRecord | undefined {
    this.#follow()
    const end = this.#ends.get(name)
    this.#ends.delete(name)
    return end
  }

  /** `node` brought it, and it was not taken. The end that is forgotten for it, where too many are kept. */
  brought(name: string, record: TaskRecord, node: NodeId): TaskRecord | undefined {
    this.#follow()
    const known = this.#owed.get(name)
    const ended = isSettled(record)
    if (ended) {
      known?.nodes.delete(node)
      if (known?.nodes.size === 0) this.#owed.delete(name)
    } else if (known !== undefined) {
      known.nodes.add(node)
      known.newest = mergeRecords(known.newest, record)
    } else if (this.#isOwn(record.spec.key))
      this.#owed.set(name, { key: record.spec.key, nodes: new Set([node]), newest: record })
    const isOfEnd = ended || this.#ends.has(name)
    return isOfEnd ? this.#keepEnd(name, record, known?.newest ?? record) : undefined
  }

  /** It is known here now. True when it was owed. */
  over(name: string): boolean {
    this.#ends.delete(name)
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
    return [...nodes].some(isAwaited) && this.#isOwn(key)
  }

  #isOwn(key: string): boolean {
    return this.#epochs.isQuorum(key) && this.#epochs.hasUnder(key, new Set(this.#epochs.held))
  }

  /** After an end somebody may have ordered another try, of which the copy is newer. */
  #keepEnd(name: string, record: TaskRecord, newest: TaskRecord): TaskRecord | undefined {
    const all = mergeRecords(mergeRecords(this.#ends.get(name) ?? record, record), newest)
    this.#ends.delete(name)
    if (!isSettled(all) || !this.#isOwn(all.spec.key)) return undefined
    this.#ends.set(name, all)
    if (this.#ends.size <= ENDS_MAX) return undefined
    const [oldest] = this.#ends.keys()
    const forgotten = this.#ends.get(oldest as string)
    this.#ends.delete(oldest as string)
    return forgotten
  }

  /** What was not had without a break since it was brought, a new term asks about. */
  #follow(): void {
    const { held } = this.#epochs
    if (held === this.#held) return
    const still = new Set(held.filter(term => this.#held.includes(term)))
    this.#held = held
    const isHeld = (key: string): boolean => this.#epochs.hasUnder(key, still)
    for (const [name, { key }] of this.#owed) if (!isHeld(key)) this.#owed.delete(name)
    for (const [name, { spec }] of this.#ends) if (!isHeld(spec.key)) this.#ends.delete(name)
  }
}
