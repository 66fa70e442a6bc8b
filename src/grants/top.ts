/**
 * The highest term this voter has ever voted for, which it may never forget: tokens would fall.
 *
 * A voter without one on its disk either starts for the first time or lost its disk, and cannot tell which. So it asks
 * the other voters, and votes for nothing before it knows. It knows once no quorum can have voted of which nobody told
 * it: each quorum there may have been then holds one that knew its top, or two that know of none, and two voters do not
 * lose their disks at once. On a first start that is nearly all of them (6 of 8, all of 3). Once all voters have
 * answered there is nothing more to learn. With their tops they tell to which round of a change of the list they promised,
 * for the same reason: any quorum that promised, this voter among them, holds another who tells of it.
 *
 * Road not taken: "a quorum that knows of none is a first start". Of voters a, b and c let a and b vote while c was
 * never started. Then a loses its disk while b is away: a and c are a quorum, neither knows of anything, and the term
 * of a and b would be forgotten, and every change of the voter list with it.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { GrantsEffect } from './effects.ts'
import type { Ballot, TopMessage, TopTell } from './messages.ts'
import { baseOf, isMajority } from './voter-list.ts'
import type { Voters } from './voters.ts'

/** How often the other voters are asked, in ms. */
const ASK_MS = 250
/** What takes longer than this, in ms, is no first start any more: an operator has to know for whom this voter waits. */
const LONG_MS = 10_000

/** The highest round of a change of the voter list that this voter promised to: as easily lost with the disk as the top. */
export interface Rounds {
  /** As it is on the disk. */
  readonly promisedTo: Ballot | undefined
  /** Another voter promised to this one, so this one may have as well. */
  mayHavePromised(ballot: Ballot): void
}

export interface TopParts {
  readonly self: NodeId
  /** What the disk held at boot; undefined where it held none. */
  readonly stored: number | undefined
  readonly voters: Voters
  readonly rounds: Rounds
  readonly out: { push(effect: GrantsEffect): unknown }
}

export class Top {
  readonly #self: NodeId
  readonly #voters: Voters
  readonly #rounds: Rounds
  readonly #out: TopParts['out']
  #value: number
  #known: boolean
  #askedAt: Instant | undefined
  #askedSince: Instant | undefined
  /** Whom it was said to wait for. */
  #saidToLack = ''
  /** What voters answered under the present list: their top, or undefined where they know of none themselves. */
  #answers = new Map<NodeId, number | undefined>()
  /** The list under which they answered. */
  #under = ''

  constructor({ self, stored, voters, rounds, out }: TopParts) {
    this.#rounds = rounds
    this.#self = self
    this.#voters = voters
    this.#out = out
    this.#value = stored ?? 0
    this.#known = stored !== undefined
  }

  /** Never falls. 0 while nothing was voted for. */
  get value(): number {
    return this.#value
  }

  /** While it is not known: the other voters that have not told theirs under the present list. */
  get unheard(): readonly NodeId[] {
    return this.#known ? [] : this.#others.filter(name => !this.#answers.has(name))
  }

  /** False: this voter may vote for nothing yet. */
  get known(): boolean {
    return this.#known
  }

  /**
   * Nothing at or below this term will be voted for again. `then` runs once the disk holds it. A term that is not higher
   * changes nothing, and `then` still waits for what was raised before. While the top is not known nothing is written:
   * after a restart it would pass for known.
   */
  raise(term: number, then: readonly GrantsEffect[] = []): void {
    const higher = term > this.#value
    if (higher) this.#value = term
    if (higher && this.#known) this.#persist(then)
    else if (then.length > 0) this.#out.push({ kind: 'persist', writes: [], then })
  }

  /** Asks again, while it does not know. */
  tick(now: Now): void {
    if (this.#known || !this.#voters.includes(this.#self)) return
    this.#turnTo(this.#listName())
    this.#conclude()
    if (this.#known) return
    if (this.#askedAt !== undefined && elapsedMs(this.#askedAt, now.mono) < ASK_MS) return
    this.#askedAt = now.mono
    for (const to of this.#others) this.#out.push({ kind: 'send', to, message: { type: 'top-ask' } })
    this.#tellLack(now)
  }

  /** Said once of each set of voters that are waited for. */
  #tellLack({ mono }: Now): void {
    this.#askedSince ??= mono
    if (elapsedMs(this.#askedSince, mono) < LONG_MS) return
    const fields = { unheard: [...this.unheard].sort(), knowOfNone: this.#forgetful().sort() }
    const lack = `${fields.unheard.join()} ${fields.knowOfNone.join()}`
    if (lack === this.#saidToLack) return
    this.#saidToLack = lack
    this.#out.push({ kind: 'log', level: 'warn', event: 'top-unknown', fields })
  }

  message(from: NodeId, message: TopMessage, now: Now): void {
    if (message.type === 'top-ask') this.#answer(from)
    else this.#take(from, message)
    this.tick(now)
  }

  #answer(to: NodeId): void {
    const voters = this.#voters.name
    const promised = this.#rounds.promisedTo
    const round = promised === undefined ? {} : { promised }
    const message = { type: 'top-tell', top: this.#value, known: this.#known, voters, ...round } as const
    this.#out.push({ kind: 'send', to, message })
  }

  #take(from: NodeId, { top, known, voters, promised }: TopTell): void {
    if (this.#known || voters === undefined || !this.#voters.includes(from)) return
    const name = this.#listName()
    if (name === undefined || `${voters.version} ${voters.hash}` !== name) return
    this.#turnTo(name)
    this.#answers.set(from, known ? top : undefined)
    if (promised !== undefined) this.#rounds.mayHavePromised(promised)
    this.#conclude()
  }

  /** Answers under another list say nothing of the quorums of this one. */
  #turnTo(name: string | undefined): void {
    if (name === undefined || name === this.#under) return
    this.#under = name
    this.#answers = new Map()
  }

  #listName(): string | undefined {
    const name = this.#voters.name
    return name === undefined ? undefined : `${name.version} ${name.hash}`
  }

  #conclude(): void {
    if (!this.#coversEveryQuorum()) return
    const tops = [...this.#answers.values()].filter(top => top !== undefined)
    this.#value = Math.max(this.#value, ...tops)
    this.#known = true
    const fields = { top: this.#value, askedOf: [...this.#answers.keys()].sort(), knew: tops.length }
    this.#out.push({ kind: 'log', level: 'info', event: 'top-learned', fields })
    this.#persist([])
  }

  /** Could a quorum have voted whose votes nobody has told? */
  #coversEveryQuorum(): boolean {
    const { list } = this.#voters
    if (list === undefined || !this.#voters.includes(this.#self)) return false
    // While the list changes, quorums of the old one may have voted before: the joint list asks for more, and knows less. Elsewhere the
    // new one may stand by now, with votes of its own. Not so for the one that is added: it would wait for the dead that it replaces.
    const { names: old } = baseOf(list)
    const lists = old.includes(this.#self) ? [old, list.names] : [old]
    const silent = this.unheard
    if (silent.length === 0) return true
    const forgetful = this.#forgetful()
    const mayHaveVoted = (one: NodeId): boolean =>
      lists.some(names => isMajority(names, new Set([...silent, one]), list.fixed))
    return ![this.#self, ...forgetful].some(mayHaveVoted)
  }

  get #others(): NodeId[] {
    return this.#voters.names.filter(name => name !== this.#self)
  }

  /** Those that have said that they do not know either. */
  #forgetful(): NodeId[] {
    return this.#others.filter(name => this.#answers.has(name) && this.#answers.get(name) === undefined)
  }

  #persist(then: readonly GrantsEffect[]): void {
    const writes = [{ table: 'grants', key: 'top', value: this.#value }] as const
    this.#out.push({ kind: 'persist', writes, then })
  }
}
