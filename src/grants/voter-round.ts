/**
 * One try to change the voter list, as Paxos does it: first the voters promise to accept nothing of a lower round and
 * say what they accepted; then the one list of the highest round among those must be proposed again, and only if there
 * is none may the wish be. So two operators, or two nodes that carry on for a dead one, cannot both have their way. The
 * promises must have stood at one moment (`Moment`): who lost its disk has forgotten its own, and learns from the others
 * that such a round was promised to (`TopTell`).
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Now } from '../base/time.ts'
import type { Ballot, VoterList, VotersPrepare, VotersPromise } from './messages.ts'
import { Moment } from './moment.ts'
import { baseOf, compareBallots, isMajority, namesOf, rootOf } from './voter-list.ts'

/** The voters are asked again this often, in ms. */
const ASK_MS = 300
/** A round that has no quorum by then is given up, in ms. */
export const ROUND_MS_MAX = 10_000

export interface VoterRoundParts {
  readonly self: NodeId
  readonly ballot: Ballot
  /** The joint list that is proposed when nothing else was accepted before. */
  readonly wish: VoterList
  /** The wish is on somebody's disk already: it must be brought to its end, whoever is there. */
  readonly carried: boolean
  /** Text that no question of any node ever was. */
  readonly nextAsk: () => string
}

/** What a voter said when it promised. */
type Promised = Pick<VotersPromise, 'disk' | 'accepted' | 'answer'>

export class VoterRound {
  readonly #parts: VoterRoundParts
  readonly #begunAt: Now['mono']
  #askedAt: Now['mono'] | undefined
  readonly #promised = new Map<NodeId, Promised>()
  /** When a quorum had promised; they are asked whether all had at once. */
  #moment: Moment | undefined
  /** What those had accepted who had. */
  readonly #accepted = new Map<NodeId, VoterList | undefined>()

  constructor(parts: VoterRoundParts, now: Now) {
    this.#parts = parts
    this.#begunAt = now.mono
  }

  get ballot(): Ballot {
    return this.#parts.ballot
  }

  get wish(): VoterList {
    return this.#parts.wish
  }

  get version(): number {
    return baseOf(this.wish).version
  }

  get root(): string {
    return rootOf(this.wish)
  }

  /** What the question says besides. */
  get asking(): Pick<VotersPrepare, 'ask'> {
    return this.#moment === undefined ? {} : { ask: this.#moment.ask }
  }

  isOver(now: Now): boolean {
    return elapsedMs(this.#begunAt, now.mono) >= ROUND_MS_MAX
  }

  /** Whom to ask now. */
  due(now: Now): readonly NodeId[] {
    if (this.#askedAt !== undefined && elapsedMs(this.#askedAt, now.mono) < ASK_MS) return []
    this.#askedAt = now.mono
    const done = this.#moment?.confirmed ?? this.#promised
    return namesOf(this.wish).filter(name => name !== this.#parts.self && !done.has(name))
  }

  promised(by: NodeId, said: Promised): void {
    this.#promised.set(by, said)
    if (this.#moment?.heard(by, said.disk, said.answer) === true) this.#accepted.set(by, said.accepted)
  }

  /** The list to propose, once enough have promised. */
  proposal(now: Now): VoterList | undefined {
    const { fixed } = this.wish
    const enough = (nodes: ReadonlySet<NodeId>) => isMajority(baseOf(this.wish).names, nodes, fixed)
    const there = new Set(this.#promised.keys())
    if (this.#moment === undefined || !enough(this.#moment.confirmed)) {
      if (enough(there)) this.#look(now)
      if (this.#moment === undefined || !enough(this.#moment.confirmed)) return undefined
    }
    return this.#choose(there)
  }

  #look(now: Now): void {
    const { self, nextAsk } = this.#parts
    const disks = new Map([...this.#promised].map(([node, { disk }]) => [node, disk]))
    if (this.#moment !== undefined && !this.#moment.isOver(disks, now)) return
    this.#moment = new Moment(self, disks, nextAsk(), now.mono)
    this.#accepted.clear()
    this.#accepted.set(self, this.#promised.get(self)?.accepted)
    this.#askedAt = undefined
  }

  #choose(there: ReadonlySet<NodeId>): VoterList | undefined {
    const { names, fixed } = this.wish
    const [bound] = [...this.#accepted.values()]
      .filter(list => list !== undefined)
      .sort((a, b) => compareBallots(b.ballot, a.ballot))
    // A list that the new voters would not carry leaves the cluster without a quorum: it is not even begun.
    const carries = this.#parts.carried || isMajority(names, there, fixed)
    const value = bound ?? (carries ? this.wish : undefined)
    return value === undefined ? undefined : { ...value, ballot: this.ballot }
  }
}
