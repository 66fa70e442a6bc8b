import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { Epochs, NotedRing, RingsBefore } from '../../src/tasks/right.ts'

/** What voters would know, as a test says it. All keys are in quorum mode, unless the test says otherwise. */
export class KnownEpochs implements Epochs {
  changes = 0
  only = true
  tenure: Epochs['tenure'] = undefined
  held: readonly number[] = []
  /** Keys that a term does not have; all others it has. */
  readonly notUnder = new Map<number, ReadonlySet<string>>()
  disk = 'disk'
  inTouch = true
  enrolled = true
  isNoted = true
  rings: readonly NotedRing[] | 'lost' | 'unknown' = []
  /** Where `rings` are lost. */
  stillNoted: readonly Ring[] = []
  readonly replaced = new Set<NodeId>()
  readonly outrankedBy: number[] = []
  readonly gone = new Set<string>()
  members: readonly NodeId[] = []
  done: string | undefined

  /** All answers count. */
  note(...rings: Ring[]): void {
    this.rings = rings.map(ring => ({ ring, counts: () => true }))
    this.changes++
  }

  /** A term is taken and held, beside those of before. */
  take(term: number, without: readonly string[] | undefined = []): void {
    this.tenure = { term, rings: [...this.checksums], without }
    this.held = [...this.held, term]
    this.changes++
  }

  isQuorum = (_key: string): boolean => true

  /** Rings of a term that is clear. */
  readonly claims = new Map<number, readonly string[]>()

  claimedUnder(term: number): readonly string[] | undefined {
    return this.claims.get(term)
  }

  keeps: readonly string[] = []
  /** Rings under which no term was claimed yet. */
  readonly unclaimed = new Set<string>()

  isWithin(_term: number, ring: string): boolean {
    return !this.unclaimed.has(ring)
  }

  hasUnder(key: string, terms: ReadonlySet<number>): boolean {
    return this.held.some(term => terms.has(term) && this.notUnder.get(term)?.has(key) !== true)
  }

  noted(): boolean {
    return this.isNoted
  }

  ringsBefore(): RingsBefore | 'unknown' {
    if (this.rings === 'unknown') return this.rings
    const counts = () => true
    if (this.rings === 'lost') return { rings: this.stillNoted.map(ring => ({ ring, counts })), lost: true }
    return { rings: this.rings, lost: false }
  }

  get checksums(): ReadonlySet<string> {
    return new Set(typeof this.rings === 'string' ? [] : this.rings.map(({ ring }) => ring.checksum))
  }

  takeReplaced(): ReadonlySet<NodeId> {
    const replaced = new Set(this.replaced)
    this.replaced.clear()
    return replaced
  }

  isDiskOf = (_node: NodeId, _disk: string): boolean => true

  ring(checksum: string): Ring | undefined {
    if (typeof this.rings === 'string') return undefined
    return this.rings.find(({ ring }) => ring.checksum === checksum)?.ring
  }

  names(): boolean {
    return false
  }

  outranked(term: number): void {
    this.outrankedBy.push(term)
  }

  setDone(ring: string | undefined): void {
    this.done = ring
  }

  gap = 0

  hadGap(term: number): void {
    this.gap = Math.max(this.gap, term)
  }

  forgotten(node: NodeId): boolean {
    return this.gone.has(node)
  }

  /** Nodes of which only the present disk counts. */
  readonly onlyDisks = new Map<NodeId, string>()

  isOnlyDisk(node: NodeId, disk: string): boolean {
    return this.onlyDisks.get(node) === disk
  }

  known(): readonly NodeId[] {
    return this.members
  }
}

export const nodesOf = (...names: string[]): NodeId[] => names.map(asNodeId)
