/**
 * Rings by their checksum. Scopes travel as checksums; of an unknown one the members are asked for, and what comes back
 * is believed only if a ring built of it has that checksum. Forgetting a ring is safe (see `scopes.ts`).
 */
import type { NodeId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Ring, RingMember } from '../ring/ring.ts'
import type { GrantsLinkMessage, RingTell } from './messages.ts'
import type { KnownRings } from './scopes.ts'

/** As many as `buildRing` keeps: 16 x 2.4 MB with 1,000 members. */
export const RINGS_MAX = 16
/** Noted ones that are known besides: eight voters have twelve notes each, hardly ever of as many rings. */
const PINNED_MAX = 256
/** Members of all of these together, where that is less: so much memory again. */
const PINNED_MEMBERS_MAX = 16_000
/** Checksums asked for at a time; more are asked for when they come up again. */
export const ASKED_MAX = 64
const ASK_AGAIN_MS = 200

export class Rings implements KnownRings {
  readonly #build: (members: readonly RingMember[]) => Ring
  /** Oldest use first. */
  readonly #known = new Map<string, Ring>()
  readonly #asked = new Map<string, Instant>()
  #own: Ring | undefined
  /** Noted ones, which somebody may have to find records by. */
  #pinned: ReadonlySet<string> = new Set()
  /** Those of this voter's own notes: who needs their members asks those that noted them, and nobody else may have them. */
  #kept: ReadonlySet<string> = new Set()
  /** Tells that were not what they said, or were not asked for. */
  refused = 0
  /** Rises whenever a ring comes to be known, or is forgotten. */
  changes = 0

  constructor(build: (members: readonly RingMember[]) => Ring) {
    this.#build = build
  }

  get(checksum: string): Ring | undefined {
    return this.#known.get(checksum)
  }

  get size(): number {
    return this.#known.size
  }

  /** This node's own ring. It is not forgotten for rings of others: nobody might ever name it to this node again. */
  own(ring: Ring): boolean {
    this.#own = ring
    return this.add(ring)
  }

  /** These are not forgotten, up to `pinnedMax` of them. */
  pin(checksums: ReadonlySet<string>): void {
    this.#pinned = checksums
  }

  /** These are not forgotten, however many others are pinned. There are few of them. */
  keep(checksums: ReadonlySet<string>): void {
    this.#kept = checksums
  }

  /** Of more noted rings than these not all can be known at one time. */
  get pinnedMax(): number {
    const members = Math.max(1, this.#own?.members.length ?? 1)
    return Math.min(PINNED_MAX, Math.max(RINGS_MAX, Math.floor(PINNED_MEMBERS_MAX / members)))
  }

  /** Takes members for those of a ring without being told its checksum: they come from this node's own disk. */
  build(members: readonly RingMember[]): Ring {
    const ring = this.#build(members)
    this.add(ring)
    return ring
  }

  /** True when it was not known. */
  add(ring: Ring): boolean {
    const isNew = !this.#known.delete(ring.checksum)
    this.#known.set(ring.checksum, ring)
    this.#asked.delete(ring.checksum)
    if (isNew) this.changes++
    if (this.#known.size > RINGS_MAX) this.#forget()
    return isNew
  }

  /** What to ask of a node that named a ring; undefined when it is known or was asked for a moment ago. */
  ask(checksum: string, now: Now): GrantsLinkMessage | undefined {
    if (this.#known.has(checksum)) return undefined
    for (const [asked, again] of this.#asked) if (again <= now.mono) this.#asked.delete(asked)
    if (this.#asked.has(checksum) || this.#asked.size >= ASKED_MAX) return undefined
    this.#asked.set(checksum, after(now.mono, ASK_AGAIN_MS))
    return { type: 'ring-ask', checksum }
  }

  answer(checksum: string): RingTell | undefined {
    const ring = this.#known.get(checksum)
    return ring && { type: 'ring-tell', checksum, members: ring.members }
  }

  /** True when a ring became known by it. */
  told(tell: RingTell): boolean {
    if (!this.#asked.has(tell.checksum) || !sound(tell.members)) {
      this.refused++
      return false
    }
    const ring = this.#build(tell.members)
    if (ring.checksum !== tell.checksum) {
      this.refused++
      return false
    }
    return this.add(ring)
  }

  /** The own ring is one of those that are not pinned, whether it is noted or not. */
  #forget(): void {
    const own = this.#own?.checksum
    const isPinned = (checksum: string): boolean =>
      checksum !== own && (this.#kept.has(checksum) || this.#pinned.has(checksum))
    const pinned = [...this.#known.keys()].filter(isPinned)
    if (this.#known.size - pinned.length > RINGS_MAX)
      this.#forgetOne([...this.#known.keys()].find(checksum => checksum !== own && !isPinned(checksum)))
    if (pinned.length > this.pinnedMax) this.#forgetOne(pinned.find(checksum => !this.#kept.has(checksum)))
  }

  #forgetOne(checksum: string | undefined): void {
    if (checksum !== undefined && this.#known.delete(checksum)) this.changes++
  }
}

/** What `buildRing` takes for granted. */
function sound(members: readonly RingMember[]): boolean {
  const names = new Set<NodeId>(members.map(({ id }) => id))
  return names.size === members.length && members.every(({ weight }) => Number.isFinite(weight) && weight > 0)
}
