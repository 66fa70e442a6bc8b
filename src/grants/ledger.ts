/**
 * The member's side of the voters' notes: which rings may have written what this node takes over, and whose answers count.
 *
 * Why it may rest on what a quorum tells: somebody counted a copy under a ring only once a quorum had noted it (`noted`).
 * This node chose its term after that one's right had ended, and reads only what voters said to requests that asked for
 * this term or a later one. The two quorums share a voter, so the ring is among what is read, unless it was settled since.
 * And so for any quorum of those that are read: a ring that one of them is without needs no answers, and of disks each tells enough.
 */
import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { DiskNote, NotesTell, Renew, RingNote, VoterList } from './messages.ts'
import type { Rings } from './rings.ts'
import { dropOldest, hasSettled, knowsNoOther, type Told } from './told.ts'
import type { Voters } from './voters.ts'

/** A ring that voters noted, and whose answers say something about it. */
export interface NotedRing {
  readonly ring: Ring
  /** Does an answer of this node, from this disk, tell what the node held when the ring was noted? */
  counts(node: NodeId, disk: string): boolean
}

/**
 * `lost`: no quorum knows of every ring, or they are more than can be known here, so there may have been others; then all known
 * members must be asked. `unknown`: not told yet, or the members of a ring are still asked for.
 */
export type NotedRings = { readonly rings: readonly NotedRing[]; readonly lost: boolean } | 'unknown'

interface Found {
  readonly rings: NotedRings
  /** Those whose members nobody has said here, with the voters that noted them. */
  readonly unknown: ReadonlyMap<string, readonly NodeId[]>
}

interface Noted {
  readonly changes: number
  readonly list: VoterList | undefined
  enrolled?: boolean
  ring?: { readonly ring: string; readonly noted: boolean }
}

const NOBODY: ReadonlySet<NodeId> = new Set()
/** Remembered of each node: the last, and the one before, of which a voter that is behind may tell still. */
const DISKS_SEEN_MAX = 2

export interface LedgerParts {
  readonly self: NodeId
  /** Name of this node's disk. */
  readonly disk: string | undefined
  readonly rings: Rings
  readonly voters: Voters
}

export class Ledger {
  readonly #parts: LedgerParts
  readonly #told = new Map<NodeId, Told>()
  /** The last disks that were told of each node, until all is settled without it: nobody counts on its copies then. */
  readonly #seen = new Map<NodeId, Set<string>>()
  #replaced = new Set<NodeId>()
  /** The ring under which all is done, as of everything told by now. */
  #done: string | undefined
  #gap = 0
  /** Rises whenever something is told that was not known. */
  changes = 0
  /** Rings that were looked for lately and are unknown here, with the voters to ask: those that have a note of them. */
  readonly wanted = new Map<string, readonly NodeId[]>()
  /** What a quorum of these voters is known to have noted, as of what was told by then. Asked for in every step. */
  #noted: Noted = { changes: -1, list: undefined }
  /** By term, as of so many changes. */
  readonly #found = new Map<number, Found>()
  #foundOf = -1

  constructor(parts: LedgerParts) {
    this.#parts = parts
  }

  /** The highest term known whose takeover went on without forgotten members that may have had what nobody else had; 0: none. */
  get gap(): number {
    return this.#gap
  }

  /** There was one. All voters are told with the next requests to them. */
  hadGap(term: number): void {
    this.#gap = Math.max(this.#gap, term)
  }

  knownOf(voter: NodeId): number | undefined {
    return this.#told.get(voter)?.seq
  }

  /** What the request that goes to this voter now says of it. */
  say(voter: NodeId, ring: string): Pick<Renew, 'disk' | 'known' | 'done' | 'gap'> {
    const told = this.#told.get(voter)
    const known = told?.seq
    const { disk } = this.#parts
    if (told !== undefined && told.under !== ring) this.#forgetUnder(told)
    if (told !== undefined && this.#done === ring) told.doneUnder = ring
    return {
      ...(disk !== undefined && { disk }),
      ...(known !== undefined && { known }),
      ...(known !== undefined && this.#done === ring && { done: known }),
      ...(this.#gap > (told?.gap ?? 0) && { gap: this.#gap }),
    }
  }

  /** A request for this term, under this ring, was granted. */
  heard(voter: NodeId, notes: NotesTell | undefined, ring: string, term: number): void {
    const before = this.#told.get(voter)
    // Told whole, they are those of a voter that was not asked before, or that has lost its disk and counts from elsewhere.
    if (notes !== undefined && (notes.since === undefined || notes.seq > (before?.seq ?? 0))) {
      const { since } = notes
      // A part of the disks is of use only beside the rest.
      if (since !== undefined && (before === undefined || before.seq < since)) return
      const disks = since === undefined || before === undefined ? new Map<NodeId, DiskNote>() : before.disks
      for (const note of notes.disks) {
        disks.delete(note.node)
        disks.set(note.node, note)
        this.#see(note)
      }
      dropOldest(disks)
      const { seq, lost, gap = 0, rings } = notes
      this.hadGap(gap)
      if (since !== undefined && hasSettled(before, notes)) this.#keepNeeded(disks, notes)
      this.#told.set(voter, { seq, lost, gap, rings, disks, under: ring, term })
      this.#changed()
      return
    }
    if (before === undefined) return
    if (before.under !== ring || before.term < term) this.changes++
    before.under = ring
    before.term = Math.max(before.term, term)
  }

  keepOnly(voters: readonly NodeId[]): void {
    for (const voter of this.#told.keys()) if (!voters.includes(voter)) this.#told.delete(voter)
    this.#changed()
  }

  /** A ring that was unknown has its members. */
  learned(): void {
    this.#found.clear()
    this.changes++
  }

  /**
   * All that this node owns under the ring is complete and lies on its new holders; undefined: not (any more). True when
   * that was not so before.
   */
  setDone(ring: string | undefined): boolean {
    const changed = this.#done !== ring
    this.#done = ring
    return changed
  }

  /**
   * The right to act has ended. Voters may settle without this node now, and drop what they noted of it; back under a ring that it
   * never knew to be over, it asks for that again before anything counts.
   */
  lapsed(): void {
    for (const told of this.#told.values()) this.#forgetUnder(told)
  }

  /** What it says to another request may never come, and it may have settled by that. */
  #forgetUnder(told: Told): void {
    if (told.under === undefined) return
    told.under = undefined
    this.changes++
  }

  /** Has a quorum noted the ring, in answer to requests of this node under it, without a break since? */
  noted(ring: string): boolean {
    const known = this.#notedNow()
    if (known.ring?.ring !== ring) {
      const has = (told: Told) => told.under === ring && told.rings.some(note => note.ring === ring)
      known.ring = { ring, noted: this.#quorumOf(has) }
    }
    return known.ring.noted
  }

  /** Has a quorum noted this node's disk? */
  get enrolled(): boolean {
    const { self, disk } = this.#parts
    const known = this.#notedNow()
    known.enrolled ??= disk !== undefined && this.#quorumOf(told => told.disks.get(self)?.disk === disk)
    return known.enrolled
  }

  /**
   * Would whoever takes over still look for records on this node? While no quorum of voters that have forgotten nothing is known to have
   * notes only of rings without it: where notes are lost all known members are asked, and who is without a ring may have had a note of
   * it. One voter that is gone for good must not hold back everybody who leaves: what it told last stays as it was. Where no quorum
   * tells of notes at all, nobody reads them either.
   */
  names(node: NodeId): boolean {
    if (!this.#parts.voters.isQuorum(new Set(this.#told.keys()))) return false
    const isWithout = ({ ring }: RingNote): boolean => this.#parts.rings.get(ring)?.has(node) === false
    return !this.#quorumOf(({ lost, rings }) => !lost && rings.every(isWithout))
  }

  /** Does some voter have a note of this node, or of a ring with it? Then it is waited for, unless it is forgotten. */
  waitsFor(node: NodeId): boolean {
    const { rings } = this.#parts
    for (const told of this.#told.values())
      if (told.disks.has(node) || told.rings.some(({ ring }) => rings.get(ring)?.has(node))) return true
    return false
  }

  /** Every ring that some voter has a note of. */
  get checksums(): ReadonlySet<string> {
    const all = new Set<string>()
    for (const { rings } of this.#told.values()) for (const { ring } of rings) all.add(ring)
    return all
  }

  /** Nodes that came back with another disk, as told since this was asked last. */
  takeReplaced(): ReadonlySet<NodeId> {
    if (this.#replaced.size === 0) return NOBODY
    const replaced = this.#replaced
    this.#replaced = new Set()
    return replaced
  }

  /**
   * Does the node, on this disk, have all that it ever held, as far as any voter knows? Not where one knows it by another
   * disk, nor where one saw this one replace another, or has forgotten nothing and knows that there was one before. (A voter
   * that has forgotten calls every disk not born; what it saw itself it does not forget for a list that changed.)
   */
  isDiskOf(node: NodeId, disk: string): boolean {
    for (const { disks, lost } of this.#told.values()) {
      const known = disks.get(node)
      if (known !== undefined && (known.disk !== disk || known.replaced || !(known.born || lost)))
        return false
    }
    return true
  }

  /** Nodes that a voter has known by a disk, and that may hold what nobody else does. */
  get enlisted(): ReadonlySet<NodeId> {
    const all = new Set<NodeId>()
    for (const { disks } of this.#told.values()) for (const node of disks.keys()) all.add(node)
    return all
  }

  /** Voters that wait for members to be done, and were not told yet that this one is. */
  get waiting(): NodeId[] {
    const waiting: NodeId[] = []
    if (this.#done !== undefined)
      for (const [voter, { rings, lost, doneUnder }] of this.#told)
        if ((lost || rings.length > 1) && doneUnder !== this.#done) waiting.push(voter)
    return waiting
  }

  /** Under which rings may anybody have written before this term was chosen? */
  ringsBefore(term: number): NotedRings {
    if (this.#foundOf !== this.changes) this.#found.clear()
    this.#foundOf = this.changes
    const { rings, unknown } = this.#found.get(term) ?? this.#find(term)
    // A question or its answer may get lost, and who asks for the members is told what is wanted once only.
    for (const [ring, voters] of unknown) this.wanted.set(ring, voters)
    return rings
  }

  #find(term: number): Found {
    const unknown = new Map<string, NodeId[]>()
    const found = { rings: this.#ringsBefore(term, unknown), unknown }
    this.#found.set(term, found)
    return found
  }

  /** @param unknown is given the rings that are */
  #ringsBefore(term: number, unknown: Map<string, NodeId[]>): NotedRings {
    const asked = [...this.#told].filter(([, told]) => told.term >= term)
    const { voters } = this.#parts
    if (!voters.isQuorum(new Set(asked.map(([voter]) => voter)))) return 'unknown'
    const sure = asked.filter(([, { lost }]) => !lost)
    const crowded = this.checksums.size > this.#parts.rings.pinnedMax
    const lost = crowded || !voters.isQuorum(new Set(sure.map(([voter]) => voter)))
    const tellers = lost ? asked : sure
    for (const [voter, told] of crowded ? [] : tellers)
      for (const { ring } of told.rings)
        if (this.#parts.rings.get(ring) === undefined)
          unknown.set(ring, [...(unknown.get(ring) ?? []), voter])
    // One that died before it said what its rings are must not stop everybody: a quorum of the others is enough. Where notes are
    // lost it may be the only one that has its note still.
    const explained = tellers.filter(([, told]) => told.rings.every(({ ring }) => !unknown.has(ring)))
    const isEnough = lost
      ? explained.length === tellers.length
      : voters.isQuorum(new Set(explained.map(([voter]) => voter)))
    if (!isEnough) return 'unknown'
    const found: NotedRing[] = []
    for (const checksum of this.#needed(explained, lost)) {
      const ring = this.#parts.rings.get(checksum)
      if (ring !== undefined) found.push({ ring, counts: this.#testOf(checksum, explained) })
    }
    return { rings: found, lost }
  }

  /**
   * Whatever a node was counted for under the ring, a quorum had noted of it both the ring and the disk (`noted`, `enrolled`). So where
   * a quorum knows of no other disk from then, there was none, or what it had lies elsewhere by now. A voter that was away sees new
   * disks come whose former ones the others have settled since, one after the other: its word alone is not waited for.
   */
  #testOf(ring: string, tellers: readonly (readonly [NodeId, Told])[]): NotedRing['counts'] {
    const known = new Map<string, boolean>()
    return (node, disk) => {
      const name = `${node} ${disk}`
      const before = known.get(name)
      if (before !== undefined) return before
      const agreeing = tellers.filter(([, told]) => knowsNoOther(node, disk, ring, told))
      const counts = this.#parts.voters.isQuorum(new Set(agreeing.map(([voter]) => voter)))
      known.set(name, counts)
      return counts
    }
  }

  /**
   * The rings that no quorum of these voters is without. A voter that was away while the others settled has a note of rings that are
   * long over, and would have everybody wait for members that have left since. But where notes are lost all are: who is without a ring
   * may have forgotten it, or have come to the list after it.
   */
  #needed(tellers: readonly (readonly [NodeId, Told])[], lost: boolean): ReadonlySet<string> {
    const noted = new Set(tellers.flatMap(([, { rings }]) => rings.map(({ ring }) => ring)))
    for (const checksum of lost ? [] : noted) {
      const without = tellers.filter(([, { rings }]) => rings.every(({ ring }) => ring !== checksum))
      if (this.#parts.voters.isQuorum(new Set(without.map(([voter]) => voter)))) noted.delete(checksum)
    }
    return noted
  }

  /**
   * A voter that settles drops the disks of those who are no members (any more), and tells only what is new. Whoever comes
   * to it after that, as one that is cordoned does, is noted again: that it tells.
   */
  #keepNeeded(disks: Map<NodeId, DiskNote>, { rings, disks: told }: NotesTell): void {
    const [only] = rings
    const ring = only && this.#parts.rings.get(only.ring)
    if (ring === undefined) return
    const noted = new Set(told.map(({ node }) => node))
    for (const node of disks.keys()) if (!ring.has(node) && !noted.has(node)) disks.delete(node)
    const { enlisted } = this
    for (const node of this.#seen.keys()) if (!ring.has(node) && !enlisted.has(node)) this.#seen.delete(node)
  }

  #see({ node, disk }: DiskNote): void {
    const seen = this.#seen.get(node)
    if (seen === undefined) this.#seen.set(node, new Set([disk]))
    else if (!seen.has(disk)) {
      seen.add(disk)
      this.#replaced.add(node)
      if (seen.size > DISKS_SEEN_MAX) seen.delete(seen.values().next().value as string)
    }
  }

  #notedNow(): Noted {
    const { list } = this.#parts.voters
    if (this.#noted.changes !== this.changes || this.#noted.list !== list)
      this.#noted = { changes: this.changes, list }
    return this.#noted
  }

  #quorumOf(fits: (told: Told) => boolean): boolean {
    const fitting = new Set<NodeId>()
    for (const [voter, told] of this.#told) if (fits(told)) fitting.add(voter)
    return this.#parts.voters.isQuorum(fitting)
  }

  #changed(): void {
    this.changes++
    this.#found.clear()
    // What was told since may call for work; whoever does it says when it is done.
    this.#done = undefined
    this.#parts.rings.pin(this.checksums)
  }
}
