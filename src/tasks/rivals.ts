import type { NodeId, TaskId } from '../base/ids.ts'

/** A holder, and the key under which it has another task with the id. */
export type Rival = readonly [node: NodeId, key: string]

const NOBODY: ReadonlyMap<NodeId, string> = new Map()

/** Holders that have another task with the id of one of this node, as they said under the ring of now. */
export class Rivals {
  readonly #of = new Map<TaskId, Map<NodeId, string>>()

  /** `node` has another task with this id, under this key. */
  add(task: TaskId, node: NodeId, key: string): void {
    const known = this.#of.get(task)
    if (known === undefined) this.#of.set(task, new Map([[node, key]]))
    else known.set(node, key)
  }

  /** `node` has this one. */
  agrees(task: TaskId, node: NodeId): void {
    const known = this.#of.get(task)
    if (known?.delete(node) === true && known.size === 0) this.#of.delete(task)
  }

  has(task: TaskId, node: NodeId): boolean {
    return this.#of.get(task)?.has(node) === true
  }

  first(task: TaskId): Rival | undefined {
    return this.#named(task).entries().next().value
  }

  /** Do so many of these have another one that fewer than `needed` can have this one? */
  bar(task: TaskId, holders: readonly NodeId[], needed: number): boolean {
    const rivals = this.#named(task)
    if (rivals.size === 0) return false
    return holders.filter(holder => !rivals.has(holder)).length < Math.min(needed, holders.length)
  }

  forget(task: TaskId): void {
    this.#of.delete(task)
  }

  clear(): void {
    this.#of.clear()
  }

  #named(task: TaskId): ReadonlyMap<NodeId, string> {
    return this.#of.get(task) ?? NOBODY
  }
}
