import type { NodeId } from '../base/ids.ts'
import type { Grants } from '../grants/grants.ts'
import type { RosterView } from '../membership/roster.ts'
import type { Ring } from '../ring/ring.ts'
import type { Epochs, RingsBefore } from '../tasks/right.ts'

/** What the voters know of rings, terms and disks, as the tasks use it; and which members an operator has given up. */
export class NodeEpochs implements Epochs {
  readonly only: boolean
  readonly #grants: Grants
  readonly #isQuorum: (key: string) => boolean
  #roster: RosterView | undefined

  /** @param only whether no key is in available mode */
  constructor(grants: Grants, only: boolean, isQuorum: (key: string) => boolean) {
    this.only = only
    this.#grants = grants
    this.#isQuorum = isQuorum
  }

  /** The roster is made later than the right to act. */
  setRoster(roster: RosterView): void {
    this.#roster = roster
  }

  get changes(): number {
    return this.#grants.ledger.changes
  }

  isQuorum(key: string): boolean {
    return this.#isQuorum(key)
  }

  get tenure(): Epochs['tenure'] {
    return this.#grants.terms.tenure
  }

  get held(): readonly number[] {
    return this.#grants.terms.held
  }

  claimedUnder(term: number): readonly string[] | undefined {
    return this.#grants.terms.claimedUnder(term)
  }

  get keeps(): readonly string[] {
    return this.#grants.keeps
  }

  isWithin(term: number, ring: string): boolean {
    return this.#grants.terms.isWithin(term, ring)
  }

  hasUnder(key: string, terms: ReadonlySet<number>): boolean {
    return terms.size > 0 && this.#grants.terms.hasUnder(key, terms)
  }

  get inTouch(): boolean {
    return this.#grants.leaseUntil !== undefined
  }

  get disk(): string {
    return this.#grants.disk
  }

  get enrolled(): boolean {
    return this.#grants.ledger.enrolled
  }

  noted(ring: string): boolean {
    return this.#grants.ledger.noted(ring)
  }

  ringsBefore(term: number): RingsBefore | 'unknown' {
    return this.#grants.ledger.ringsBefore(term)
  }

  get checksums(): ReadonlySet<string> {
    return this.#grants.ledger.checksums
  }

  takeReplaced(): ReadonlySet<NodeId> {
    return this.#grants.ledger.takeReplaced()
  }

  isDiskOf(node: NodeId, disk: string): boolean {
    return this.#grants.ledger.isDiskOf(node, disk)
  }

  ring(checksum: string): Ring | undefined {
    return this.#grants.ring(checksum)
  }

  names(node: NodeId): boolean {
    return this.#grants.ledger.names(node)
  }

  outranked(term: number): void {
    this.#grants.outranked(term)
  }

  setDone(ring: string | undefined): void {
    this.#grants.done(ring)
  }

  get gap(): number {
    return this.#grants.ledger.gap
  }

  hadGap(term: number): void {
    this.#grants.ledger.hadGap(term)
  }

  forgotten(node: NodeId): boolean {
    return this.#roster?.get(node)?.record.forgotten === true
  }

  isOnlyDisk(node: NodeId, disk: string): boolean {
    return this.#roster?.get(node)?.record.onlyDisk === disk
  }

  known(): readonly NodeId[] {
    const known = new Set<NodeId>()
    for (const { record } of this.#roster?.all() ?? [])
      if (record.status !== 'left' || record.forgotten) known.add(record.id)
    // Whoever has just begun has met few; and who left in a hurry may have taken something along.
    for (const node of this.#grants.ledger.enlisted) known.add(node)
    return [...known]
  }
}
