/**
 * Who there is: the newest claim about every member that this node has heard of, itself included.
 *
 * A record is replaced only by one that supersedes it, whatever order news arrive in, so all rosters that have heard
 * the same news are equal. Dead and departed members stay as tombstones, or old news would bring them back.
 */
import { assert } from '../base/assert.ts'
import { hash32 } from '../base/hash.ts'
import type { NodeId, PeerId } from '../base/ids.ts'
import { elapsedMs, type Instant, type WallMs } from '../base/time.ts'
import { isLaterLife, type MemberRecord, supersedes } from './member.ts'

export interface Entry {
  readonly record: MemberRecord
  /** When this incarnation was first seen alive here: silence counts from then at the earliest. */
  readonly since: Instant
  /** When the member itself was first seen alive without a gap: observers count only after a while. */
  readonly observerSince: Instant
  /** Since when this key has borne the name without a gap. */
  readonly holderSince: Instant
  /** When the record last changed. */
  readonly changedAt: Instant
  readonly changedAtWall: WallMs
  /** For how long, in ms, it had been gone already when this node first heard of it. */
  readonly goneMs: number
  /** Its place on the circle of observers; also says which part of a summary it belongs to. */
  readonly point: number
  /** Hash of what the record claims; equal claims, equal hashes. */
  readonly mark: number
}

export type Learned = 'new' | 'changed' | 'stale' | 'full'

/** A roster as others may see it. */
export type RosterView = Omit<Roster, 'learn' | 'setSelf' | 'shift' | 'restartSilence' | 'reap'>

export class Roster {
  readonly #entries = new Map<NodeId, Entry>()
  /** The names that were heard of with each key, the one that has it first; nearly always one. */
  readonly #byPeer = new Map<PeerId, readonly NodeId[]>()
  readonly #selfId: NodeId
  readonly #membersMax: number
  readonly #tombstoneMs: number
  readonly #isNamed: (id: NodeId) => boolean
  /** Dropped since the last reaping. */
  #dropped: MemberRecord[] = []
  #version = 0
  #living: readonly Entry[] | undefined
  #livingCount = 0
  #digest = 0

  /**
   * @param tombstoneMs the dead and departed are remembered this long; for ever, when not given
   * @param isNamed does somebody wait for this member for as long as it is not forgotten?
   */
  constructor(
    self: MemberRecord,
    membersMax: number,
    now: Instant,
    wall: WallMs,
    tombstoneMs = Number.POSITIVE_INFINITY,
    isNamed: (id: NodeId) => boolean = () => false,
  ) {
    this.#selfId = self.id
    this.#membersMax = membersMax
    this.#tombstoneMs = tombstoneMs
    this.#isNamed = isNamed
    this.#put(self, undefined, now, wall)
  }

  /** Rises with every change. */
  get version(): number {
    return this.#version
  }

  get self(): MemberRecord {
    const entry = this.#entries.get(this.#selfId)
    assert(entry, 'a node knows itself')
    return entry.record
  }

  get(id: NodeId): Entry | undefined {
    return this.#entries.get(id)
  }

  /** The member that speaks with this key now: the living before the gone, then the later life, in whatever order news came. */
  byPeer(peer: PeerId): Entry | undefined {
    const id = this.#byPeer.get(peer)?.[0]
    return id === undefined ? undefined : this.#entries.get(id)
  }

  /** All but the forgotten. */
  *entries(): Generator<Entry, undefined> {
    for (const entry of this.#entries.values()) if (!entry.record.forgotten) yield entry
  }

  /** The forgotten too. */
  all(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** All of it, the forgotten too: what others must know. */
  records(): MemberRecord[] {
    return [...this.#entries.values()].map(entry => entry.record)
  }

  /** Members that count as living, this node included. */
  living(): readonly Entry[] {
    this.#living ??= [...this.#entries.values()].filter(entry => entry.record.status === 'alive')
    return this.#living
  }

  get livingCount(): number {
    return this.#livingCount
  }

  /** All members known, tombstones included. */
  get size(): number {
    return this.#entries.size
  }

  isLiving(id: NodeId): boolean {
    return this.#entries.get(id)?.record.status === 'alive'
  }

  /**
   * Takes the news if it supersedes what is known. A tombstone past its time is not taken from somebody who has not
   * dropped it yet: handed round like that it would last for ever.
   */
  learn(news: MemberRecord, now: Instant, wall: WallMs): Learned {
    const known = this.#entries.get(news.id)
    const isPast = goneMsOf(news, wall) > this.#tombstoneMs
    if (known === undefined && isPast && !this.#isNeeded(news)) return 'stale'
    if (known === undefined && this.#entries.size >= this.#membersMax && !this.#makeRoom(news)) return 'full'
    if (known !== undefined && !supersedes(news, known.record)) return 'stale'
    this.#put(news, known, now, wall)
    return known === undefined ? 'new' : 'changed'
  }

  /** This node changes its own record: a new incarnation, leaving, left, other addresses. */
  setSelf(change: Partial<MemberRecord>, now: Instant, wall: WallMs): MemberRecord {
    const known = this.#entries.get(this.#selfId)
    assert(known, 'a node knows itself')
    this.#put({ ...known.record, ...change }, known, now, wall)
    return this.self
  }

  /** Every instant moves forward by the time that this node stood still. */
  shift(lateMs: number): void {
    for (const [id, entry] of this.#entries) {
      this.#entries.set(id, { ...entry, since: (entry.since + lateMs) as Instant })
    }
    this.#living = undefined
  }

  /** Everybody's silence counts from now. */
  restartSilence(now: Instant): void {
    for (const [id, entry] of this.#entries) this.#entries.set(id, { ...entry, since: now })
    this.#living = undefined
  }

  /** Drops tombstones older than `tombstoneMs` that nobody needs. Returns what was dropped since the last call, for this or for room. */
  reap(tombstoneMs: number, now: Instant): MemberRecord[] {
    if (this.#livingCount < this.#entries.size) {
      for (const { record, changedAt, goneMs } of [...this.#entries.values()]) {
        const isPast = record.status !== 'alive' && goneMs + elapsedMs(changedAt, now) > tombstoneMs
        if (isPast && !this.#isNeeded(record)) this.#drop(record)
      }
    }
    return this.#dropped.splice(0)
  }

  /** Equal digests mean equal living members in equal incarnations. A sum, so that a change costs one member, not all. */
  digest(): number {
    return this.#digest
  }

  /** Without it everybody would wait again for the one that an operator has given up. */
  #isNeeded({ id, forgotten }: MemberRecord): boolean {
    return forgotten === true && this.#isNamed(id)
  }

  /**
   * Room for the living, and for whom somebody would wait: the tombstone that has stood longest goes before its time. Not for
   * another tombstone: whoever still has the one that went would tell of it, and push out the next, without end.
   */
  #makeRoom(news: MemberRecord): boolean {
    if (news.status !== 'alive' && !this.#isNeeded(news)) return false
    let oldest: Entry | undefined
    for (const entry of this.#entries.values()) {
      const { record } = entry
      if (record.status === 'alive' || record.id === this.#selfId || this.#isNeeded(record)) continue
      if (oldest === undefined || entry.changedAt < oldest.changedAt) oldest = entry
    }
    if (oldest !== undefined) this.#drop(oldest.record)
    return oldest !== undefined
  }

  #drop(record: MemberRecord): void {
    this.#entries.delete(record.id)
    this.#setNames(record.peerId, this.#namesBut(record))
    this.#dropped.push(record)
    this.#version++
  }

  #put(record: MemberRecord, known: Entry | undefined, now: Instant, wall: WallMs): void {
    const wasAlive = known?.record.status === 'alive'
    const sameLife = wasAlive && known.record.incarnation === record.incarnation
    if (known !== undefined) this.#setNames(known.record.peerId, this.#namesBut(known.record))
    const mark = markOf(record)
    this.#count(known, -1)
    this.#entries.set(record.id, {
      record,
      since: sameLife ? known.since : now,
      observerSince: wasAlive ? known.observerSince : now,
      holderSince: wasAlive && known.record.peerId === record.peerId ? known.holderSince : now,
      changedAt: now,
      changedAtWall: wall,
      goneMs: known === undefined ? goneMsOf(record, wall) : 0,
      point: known?.point ?? hash32(record.id),
      mark,
    })
    this.#setNames(record.peerId, [...this.#namesBut(record), record.id])
    this.#count(this.#entries.get(record.id), 1)
    this.#version++
  }

  #namesBut({ id, peerId }: MemberRecord): NodeId[] {
    return (this.#byPeer.get(peerId) ?? []).filter(name => name !== id)
  }

  #setNames(peer: PeerId, names: NodeId[]): void {
    const entries = names.map(name => this.#entries.get(name)).filter(entry => entry !== undefined)
    entries.sort((a, b) => (hasKeyBefore(a.record, b.record) ? -1 : 1))
    if (entries.length === 0) this.#byPeer.delete(peer)
    else
      this.#byPeer.set(
        peer,
        entries.map(({ record }) => record.id),
      )
  }

  /** Takes an entry into the sums over the living, or out of them. */
  #count(entry: Entry | undefined, sign: 1 | -1): void {
    if (entry?.record.status !== 'alive') return
    this.#living = undefined
    this.#livingCount += sign
    this.#digest = (this.#digest + sign * entry.mark) >>> 0
  }
}

const markOf = ({ id, incarnation, status, leaving, forgotten = false }: MemberRecord): number =>
  hash32(`${id} ${incarnation} ${status} ${leaving} ${forgotten}`)

/** A late word about an old name must not take the key from the name that lives with it. */
const hasKeyBefore = (one: MemberRecord, other: MemberRecord): boolean =>
  (one.status === 'alive') === (other.status === 'alive') ? isLaterLife(one, other) : one.status === 'alive'

/** For how long it has been gone, as far as clocks can tell. */
const goneMsOf = ({ goneAt }: MemberRecord, wall: WallMs): number =>
  goneAt === undefined ? 0 : Math.max(0, wall - goneAt)
