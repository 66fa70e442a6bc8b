import type { NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'

/** Indirect news of life older than this says nothing that matters. */
export const HEARSAY_AGE_MS_MAX = 10_000

/** When others last heard each member, as far as they say: indirect news of life is evidence too. */
export class Hearsay {
  readonly #lastHeard = new Map<NodeId, Instant>()

  /** Somebody says that the member was alive at `at` (this node's clock). */
  note(member: NodeId, at: Instant): void {
    const known = this.#lastHeard.get(member)
    if (known === undefined || at > known) this.#lastHeard.set(member, at)
  }

  get(member: NodeId): Instant | undefined {
    return this.#lastHeard.get(member)
  }

  shift(lateMs: number): void {
    for (const [member, at] of this.#lastHeard) this.#lastHeard.set(member, (at + lateMs) as Instant)
  }

  forget(member: NodeId): void {
    this.#lastHeard.delete(member)
  }
}
