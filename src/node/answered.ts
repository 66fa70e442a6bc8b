/**
 * Keys in quorum mode for which somebody was told that this node acts, and until when.
 *
 * Who asked `owner/KEY` may use the answer to its end without asking again, and so may an application that an `http` task
 * was sent to. So a key that this node loses meanwhile is kept like one whose work still drains: the new owner gets its
 * right only once the last answer has run out. The road not taken is to let the answer end early: nothing can call back
 * what an application holds.
 */
import type { NodeId } from '../base/ids.ts'
import { type Instant, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'

/** Keys remembered. Their owners are looked up when the view changes: 10 ms for so many. */
export const ANSWERED_MAX = 4_096

const LONG_AGO = Number.NEGATIVE_INFINITY as Instant

export class Answered {
  readonly #self: NodeId
  readonly #until = new Map<string, Instant>()
  /** Nothing remembered runs out sooner: to look for what has would find nothing. */
  #earliest: Instant = NEVER
  /** Answers for which there was no room count until then. Which they were is not known, so all of them may be lost. */
  #crowdedUntil = LONG_AGO
  /** Keys that were remembered when the room ran out: too many to keep by name, as those without room are. */
  #crowd: readonly string[] = []
  /** Checksum of the ring that was looked at last. */
  #ring: string | undefined
  #lost: readonly string[] = []
  #lostUntil = LONG_AGO

  constructor(self: NodeId) {
    this.#self = self
  }

  /** Somebody was told that this node acts for the key until then. What was told before still counts. */
  note(key: string, until: Instant, now: Instant): void {
    const known = this.#until.get(key)
    if (known === undefined && this.#until.size >= ANSWERED_MAX) this.#forget(now)
    if (known === undefined && this.#until.size >= ANSWERED_MAX) this.#crowded(until, now)
    else if (known === undefined || known < until) this.#remember(key, until)
  }

  /** As `note`, for a key that may be another's by now: what is lost under this ring is looked up again. */
  noteLost(key: string, until: Instant, now: Instant): void {
    this.note(key, until, now)
    this.#ring = undefined
  }

  /**
   * Keys of others under this ring for which an answer still counts; the same array until that changes. More than can
   * be kept by name (`KEEPS_MAX`) make this node claim all that it claimed before; so do answers that are not remembered.
   */
  lost(ring: Ring, now: Instant): readonly string[] {
    // Of what is not its own nobody is told anything new, but for `noteLost`: what was lost with a ring only runs out.
    if (ring.checksum === this.#ring) return now < this.#lostUntil ? this.#lost : this.#keep([], LONG_AGO)
    this.#ring = ring.checksum
    this.#forget(now)
    const lost = [...this.#until].filter(([key]) => ring.owner(key) !== this.#self)
    const last = Math.max(this.#crowdedUntil, ...lost.map(([, until]) => until)) as Instant
    return this.#keep(this.#crowdedUntil > now ? this.#crowd : lost.map(([key]) => key), last)
  }

  /** When the last of the lost keys is free. */
  nextWake(): Instant {
    return this.#lost.length > 0 ? this.#lostUntil : NEVER
  }

  #keep(lost: readonly string[], until: Instant): readonly string[] {
    this.#lostUntil = until
    if (lost.length > 0 || this.#lost.length > 0) this.#lost = lost
    return this.#lost
  }

  #crowded(until: Instant, now: Instant): void {
    if (this.#crowdedUntil <= now) this.#crowd = [...this.#until.keys()]
    this.#crowdedUntil = Math.max(this.#crowdedUntil, until) as Instant
  }

  #remember(key: string, until: Instant): void {
    this.#until.set(key, until)
    this.#earliest = Math.min(this.#earliest, until) as Instant
  }

  /** At most once for each end of an answer: answers come by the thousand in one look of those who follow keys. */
  #forget(now: Instant): void {
    if (now < this.#earliest) return
    let earliest: number = NEVER
    for (const [key, until] of this.#until)
      if (until <= now) this.#until.delete(key)
      else earliest = Math.min(earliest, until)
    this.#earliest = earliest as Instant
  }
}
