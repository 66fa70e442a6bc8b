import { hash32 } from '../base/hash.ts'
import type { MemberRecord } from './member.ts'
import { SUMMARY_BUCKETS } from './messages.ts'
import type { Entry, Roster } from './roster.ts'
import { FULL_MESH_MAX } from './topology.ts'

/**
 * What a roster holds, as one sum a bucket of members. Two large rosters are compared by it, and only the buckets that
 * differ are sent: everything on every new link would be a million records when a thousand nodes start.
 */
export class Summaries {
  readonly #roster: Roster
  #madeFor = -1
  #sums: readonly number[] = []

  constructor(roster: Roster) {
    this.#roster = roster
  }

  /** Is the roster large enough? A small one is sent whole: that is one frame less. */
  get worthwhile(): boolean {
    return this.#roster.size > FULL_MESH_MAX
  }

  sums(): readonly number[] {
    if (this.#madeFor !== this.#roster.version) {
      this.#madeFor = this.#roster.version
      this.#sums = this.#make()
    }
    return this.#sums
  }

  /** The buckets that differ from another roster's. */
  differing(theirs: readonly number[]): number[] {
    return this.sums().flatMap((sum, bucket) => (sum === theirs[bucket] ? [] : [bucket]))
  }

  records(buckets: readonly number[]): MemberRecord[] {
    const wanted = new Set(buckets)
    const records: MemberRecord[] = []
    for (const entry of this.#roster.all()) {
      if (wanted.has(entry.point % SUMMARY_BUCKETS)) records.push(entry.record)
    }
    return records
  }

  #make(): readonly number[] {
    const sums = new Uint32Array(SUMMARY_BUCKETS)
    for (const entry of this.#roster.all()) {
      const bucket = entry.point % SUMMARY_BUCKETS
      sums[bucket] = (sums[bucket] ?? 0) + sumOf(entry)
    }
    return [...sums]
  }
}

/**
 * Of one incarnation nobody takes one share of the ring for another; only its owner can end that, and hears of it only if it is
 * a difference. The digest of the view leaves it out: by that nodes read each other's counts of life, which must not stop while
 * an owner cannot be heard. Who is gone has none; its end may have been seen with either.
 */
function sumOf({ mark, record: { status, weight, cordoned = false } }: Entry): number {
  const isUsual = weight === 1 && !cordoned
  return status !== 'alive' || isUsual ? mark : hash32(`${mark} ${weight} ${cordoned}`)
}
