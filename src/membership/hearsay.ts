import type { NodeId } from '../base/ids.ts'
import { after, type Instant, later } from '../base/time.ts'
import type { Beats } from './beats.ts'

/** Indirect news of life older than this says nothing that matters. */
export const HEARSAY_AGE_MS_MAX = 10_000

/**
 * When others last heard each member, as far as they say: indirect news of life is evidence too. It comes as ages in
 * the heartbeats of small clusters, and as counts over the links of large ones.
 */
export class Hearsay {
  readonly #lastHeard = new Map<NodeId, Instant>()
  readonly #beats: Beats

  constructor(beats: Beats) {
    this.#beats = beats
  }

  /** Somebody says that the member was alive at `at` (this node's clock). */
  note(member: NodeId, at: Instant): void {
    const known = this.#lastHeard.get(member)
    if (known === undefined || at > known) this.#lastHeard.set(member, at)
  }

  get(member: NodeId): Instant | undefined {
    const told = this.#lastHeard.get(member)
    const counted = this.#beats.heardAt(member)
    if (told === undefined || counted === undefined) return told ?? counted
    return later(told, counted)
  }

  /** When this node last was told something that it could not read. */
  get missedAt(): Instant | undefined {
    return this.#beats.unreadableAt
  }

  /** As `Beats.stoodStill`. */
  stoodStill(lateMs: number, shiftMs: number): void {
    for (const [member, at] of this.#lastHeard) this.#lastHeard.set(member, after(at, shiftMs))
    this.#beats.stoodStill(lateMs, shiftMs)
  }

  forget(member: NodeId): void {
    this.#lastHeard.delete(member)
  }
}
