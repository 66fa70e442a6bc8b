/**
 * One try to change the voter list, as Paxos does it: first the voters promise to accept nothing of a lower round and
 * say what they accepted; then the one list of the highest round among those must be proposed again, and only if there
 * is none may the wish be. So two operators, or two nodes that carry on for a dead one, cannot both have their way.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Now } from '../base/time.ts'
import type { Ballot, VoterList } from './messages.ts'
import { baseOf, compareBallots, isMajority, namesOf, rootOf } from './voter-list.ts'

/** The voters are asked again this often, in ms. */
const ASK_MS = 300
/** A round that has no quorum by then is given up, in ms. */
export const ROUND_MS_MAX = 10_000

export class VoterRound {
  readonly ballot: Ballot
  /** The joint list that is proposed when nothing else was accepted before. */
  readonly wish: VoterList
  readonly #carried: boolean
  readonly #begunAt: Now['mono']
  #askedAt: Now['mono'] | undefined
  /** What those who promised had accepted. */
  readonly #accepted = new Map<NodeId, VoterList | undefined>()

  /** @param carried the wish is on somebody's disk already: it must be brought to its end, whoever is there */
  constructor(ballot: Ballot, wish: VoterList, now: Now, carried: boolean) {
    this.#carried = carried
    this.ballot = ballot
    this.wish = wish
    this.#begunAt = now.mono
  }

  get version(): number {
    return baseOf(this.wish).version
  }

  get root(): string {
    return rootOf(this.wish)
  }

  isOver(now: Now): boolean {
    return elapsedMs(this.#begunAt, now.mono) >= ROUND_MS_MAX
  }

  /** Whom to ask now. */
  due(now: Now): readonly NodeId[] {
    if (this.#askedAt !== undefined && elapsedMs(this.#askedAt, now.mono) < ASK_MS) return []
    this.#askedAt = now.mono
    return namesOf(this.wish).filter(name => !this.#accepted.has(name))
  }

  promised(by: NodeId, accepted: VoterList | undefined): void {
    this.#accepted.set(by, accepted)
  }

  /** The list to propose, once enough have promised. */
  proposal(): VoterList | undefined {
    const there = new Set(this.#accepted.keys())
    const { names, fixed } = this.wish
    if (!isMajority(baseOf(this.wish).names, there, fixed)) return undefined
    const [bound] = [...this.#accepted.values()]
      .filter(list => list !== undefined)
      .sort((a, b) => compareBallots(b.ballot, a.ballot))
    // A list that the new voters would not carry leaves the cluster without a quorum: it is not even begun.
    const carries = this.#carried || isMajority(names, there, fixed)
    const value = bound ?? (carries ? this.wish : undefined)
    return value === undefined ? undefined : { ...value, ballot: this.ballot }
  }
}
