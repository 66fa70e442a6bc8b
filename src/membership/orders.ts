import type { Failure } from '../base/errors.ts'
import { hash32 } from '../base/hash.ts'
import { asPeerId, type NodeId } from '../base/ids.ts'
import type { Instant, Now } from '../base/time.ts'
import type { Cordon, CordonReason } from './cordon.ts'
import type { Dialling } from './dialling.ts'
import type { MemberRecord } from './member.ts'
import type { News } from './news.ts'
import type { Roster } from './roster.ts'

/** What may be changed while a node runs: by its operator, its configuration, and the node itself as it joins. */
export class Orders {
  readonly #roster: Roster
  readonly #news: News
  readonly #cordon: Cordon
  readonly #dialling: Dialling
  readonly #isNamed: (id: NodeId) => boolean

  /** @param parts.isNamed does somebody wait for this member for as long as it is not forgotten? */
  constructor(parts: {
    roster: Roster
    news: News
    cordon: Cordon
    dialling: Dialling
    isNamed: (id: NodeId) => boolean
  }) {
    this.#isNamed = parts.isNamed
    this.#roster = parts.roster
    this.#news = parts.news
    this.#cordon = parts.cordon
    this.#dialling = parts.dialling
  }

  /** Own nothing from now on, or own things again when nothing else stands against it; what runs may end. */
  setCordoned(reason: Exclude<CordonReason, 'namesake'>, cordoned: boolean, now: Now): void {
    this.#cordon.set(reason, cordoned, now)
  }

  /** Why this node owns nothing; empty when it may. */
  get cordonedFor(): ReadonlySet<CordonReason> {
    return this.#cordon.reasons
  }

  /** @param weight share of the ring relative to the others, 0.01 to 100 */
  setWeight(weight: number, now: Now): void {
    const { self } = this.#roster
    if (weight === self.weight) return
    const change = { weight, incarnation: self.incarnation + 1 }
    this.#news.proclaim(change, 'weight-changed', { weight, before: self.weight }, now)
  }

  /** @param disk that this node has now: what it had before is gone for good, as is known everywhere until its next start */
  forgetFormerDisk(disk: string, now: Now): void {
    const { self } = this.#roster
    if (self.onlyDisk === disk) return
    const change = { onlyDisk: disk, incarnation: self.incarnation + 1 }
    this.#news.proclaim(change, 'former-disk-forgotten', { disk }, now)
  }

  /** These are the seeds now. What is known of those that stay is kept. */
  setSeeds(seeds: readonly string[], now: Instant): void {
    this.#dialling.setSeeds(seeds, now)
  }

  /**
   * Takes a dead or departed member out of sight, here and, as a rumour, everywhere; says why not, when it cannot. Its
   * tombstone stays for as long as others might still speak of it, counted anew from now, or somebody would wait for it
   * without; whoever comes back in a later incarnation is welcome. Rosters are in memory, what the voters noted is on disks:
   * after a power cut, or once its tombstone is gone, one may be waited for that no roster has.
   */
  forget(id: NodeId, now: Now): Failure | undefined {
    const known = this.#roster.get(id)?.record
    const record = known ?? (this.#isNamed(id) ? unseen(id) : undefined)
    if (record === undefined || record.forgotten) {
      return { code: 'MEMBER_UNKNOWN', detail: `no member is named ${id}` }
    }
    if (record.status === 'alive') {
      return {
        code: 'MEMBER_ALIVE',
        detail: `${id} is alive or only suspected: stop it, or let it leave, first. Of one that lost its disk only what it had before can be forgotten: say "forget ${id} --former-disk" to ${id}`,
      }
    }
    const forgotten = { ...record, status: 'left', forgotten: true, goneAt: now.wall } as const
    if (this.#news.take(forgotten, 'operator', undefined, now) !== 'full') return undefined
    const detail = `it knows ${this.#roster.size} members, as many as it may (membership.membersMax), and drops none of them for ${id}`
    return { code: 'MEMBERS_FULL', detail }
  }
}

/**
 * A member of which only the name is known. Any life that others know of supersedes this one: what lives is not forgotten
 * by it. Nobody speaks with its key; it has the form of one, or others would not read it.
 */
const unseen = (id: NodeId): MemberRecord => ({
  id,
  peerId: asPeerId(`UnknownKeyWhichNobodyHas${hash32(id).toString(16).replaceAll('0', 'g')}`),
  incarnation: 0,
  status: 'dead',
  leaving: true,
  addresses: [],
  weight: 1,
})
