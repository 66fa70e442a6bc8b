/**
 * The right to act: at most one node acts for a key, whatever anybody believes about who is alive.
 *
 * The intuition: a node asks every voter for leave, and a voter remembers whom it gave leave for what, a little longer
 * than the leave can be used. Two quorums share a voter, and that voter tells the later node what the earlier one may
 * still do. So membership may be wrong in any way; then fewer keys are acted for, never one key twice.
 *
 * The rule: a node acts for a key while a quorum of voters each has a live grant that covers it (`leases.ts`), free of
 * exceptions (`promises.ts`), under a term that a quorum has on disk (`terms.ts`). A request that claims less is sent
 * only after the node has stopped acting on the rest; that is why requests leave in `effects()`, when the caller has
 * said what still drains (`keep`).
 *
 * Road not taken: "I hear a majority". Two nodes then act in a third of all partitions and freezes, since hearing is
 * not agreeing, and nothing bounds for how long somebody else still believes otherwise.
 */
import type { NodeId, PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { Ring, RingMember } from '../ring/ring.ts'
import { Conditions } from './conditions.ts'
import type { GrantsConfig } from './config.ts'
import type { GrantsEffect } from './effects.ts'
import { exceptionsOf, quorumUntil, singleOf } from './holdings.ts'
import { type Holding, Leases } from './leases.ts'
import {
  type Grant,
  type GrantRefused,
  type GrantsLinkMessage,
  KEEPS_MAX,
  type Scope,
  type StoredVoters,
  type VoterList,
} from './messages.ts'
import { Renewals } from './renewals.ts'
import { Rings } from './rings.ts'
import type { GrantsStanding } from './standing.ts'
import { Terms } from './terms.ts'
import { timesFor } from './times.ts'
import { Top } from './top.ts'
import { type VoterAnswer, VoterBook } from './voter-book.ts'
import { Voting } from './voting.ts'

/** Asked again after exceptions that matter, after a refused ring, and while a voter is not ready, in ms. */
const AGAIN_MS = {
  exceptions: 100,
  ring: 60,
  silent: 100,
  session: 100,
  voters: 250,
  'not-a-voter': 500,
} as const
/** A grant of this node to itself may call for another request; so often at most in one step. */
const ROUNDS_MAX = 4

export interface GrantsParts {
  readonly self: NodeId
  readonly peer: PeerId
  /** Boot number. */
  readonly session: number
  readonly config: GrantsConfig
  readonly stored: { readonly top: number | undefined; readonly voters: StoredVoters | undefined }
  readonly buildRing: (members: readonly RingMember[]) => Ring
  readonly random: Random
}

interface Lease {
  readonly holdings: readonly Holding[]
  readonly list: VoterList | undefined
  readonly until: Instant | undefined
}

export class Grants {
  readonly #parts: GrantsParts
  readonly #rings: Rings
  readonly #conditions: Conditions
  readonly #book: VoterBook
  readonly #top: Top
  readonly #voting: Voting
  readonly #leases: Leases
  readonly #terms: Terms
  readonly #renewals = new Renewals()
  #effects: GrantsEffect[] = []
  #now: Now
  #ring: Ring | undefined
  #live: ReadonlySet<NodeId> = new Set()
  #leaving = false
  #keeps: readonly string[] = []
  #claimed: Scope | undefined
  #marks = 0
  #names: readonly NodeId[] = []
  #version = 0
  #moves = 0
  #signature = ''
  #held = false
  /** The latest answer to `leaseUntil`, which is asked for after every step, and what it was found from. */
  #lease: Lease | undefined
  #single: { readonly holding: Holding; readonly until: Instant } | undefined
  readonly #counts = { requests: 0, grantsLate: 0, fenced: 0, overflows: 0 }

  constructor(parts: GrantsParts, now: Now) {
    this.#parts = parts
    this.#now = now
    const { self, config, stored } = parts
    const out = { push: (effect: GrantsEffect) => this.#effects.push(effect) }
    const nextMark = (): number => ++this.#marks
    this.#rings = new Rings(parts.buildRing)
    this.#conditions = new Conditions(self, this.#rings)
    this.#leases = new Leases(this.#conditions)
    this.#terms = new Terms(this.#conditions, parts.random.fork())
    this.#book = new VoterBook({ self, config, stored: stored.voters, top: () => this.#top, nextMark, out })
    this.#top = new Top({ self, stored: stored.top, voters: this.#book, out })
    const reply = (to: NodeId, answer: Grant | GrantRefused, at: Now): void => {
      if (to === self) this.#answered(self, answer, at)
      else this.#send(to, answer)
    }
    const voting = { self, config, rings: this.#rings, voters: this.#book, top: this.#top, nextMark, reply }
    this.#voting = new Voting(voting, stored.top, now)
  }

  /** Before every input: what ran out is gone before anything else happens. A pause never moves these clocks. */
  awake(now: Now): void {
    this.#now = now
    this.#voting.expire(now)
    if (this.#leases.expire(now)) this.#settle(now)
  }

  /** @param live all that one can talk to, this node included */
  viewChanged(ring: Ring, live: readonly NodeId[], leaving: boolean, now: Now): void {
    this.#ring = ring
    this.#leaving = leaving
    this.#rings.add(ring)
    this.#voting.viewChanged(ring)
    for (const node of live) if (!this.#live.has(node)) this.#renewals.hasten(node, 0, now)
    this.#live = new Set(live)
    this.#book.viewChanged(this.#live, now)
    this.#listChanged(now)
  }

  message(from: NodeId, peer: PeerId, message: GrantsLinkMessage, now: Now): void {
    switch (message.type) {
      case 'renew':
        this.#askFor(from, message.scope.ring, now)
        this.#voting.receive(from, peer, message, now)
        break
      case 'grant':
      case 'grant-refused':
        this.#answered(from, message, now)
        break
      case 'ring-ask': {
        const tell = this.#rings.answer(message.checksum)
        if (tell) this.#send(from, tell)
        break
      }
      case 'ring-tell':
        if (this.#rings.told(message)) this.#version++
        break
      case 'top-ask':
      case 'top-tell':
        this.#top.message(from, message, now)
        break
      default:
        this.#book.message(from, message, now)
        this.#listChanged(now)
    }
  }

  /** Everything that was asked to be written before this mark is on disk. */
  persisted(mark: number, now: Now): void {
    if (this.#book.persisted(mark, now)) this.#listChanged(now)
    else this.#voting.persisted(mark, now)
  }

  /** This node itself saw the node's process close its link and refuse a new one. */
  refused(node: NodeId, _now: Now): void {
    if (this.#parts.config.trustRefused && this.#voting.refused(node)) this.#log('promise-dropped', { node })
  }

  /** A link leads to this node now: what was sent to it before was lost. */
  linked(node: NodeId, now: Now): void {
    this.#renewals.hasten(node, 0, now)
  }

  /**
   * @param nodes all that no link leads to any more. When fewer than a quorum of voters are linked (this node counts as
   * linked to itself), no renewal can succeed: every grant is given up at once instead of at its end.
   */
  unreachable(nodes: ReadonlySet<NodeId>, now: Now): void {
    const linked = this.#book.names.filter(name => name === this.#parts.self || !nodes.has(name))
    if (this.#book.isQuorum(new Set(linked)) || this.#leases.holdings.length === 0) return
    this.#leases.drop()
    this.#counts.fenced++
    this.#log('fenced', { linked })
    this.#settle(now)
  }

  /**
   * The keys that are not this node's under the present ring and whose work still drains. To be set before `effects()`
   * is taken in a step that changed the view. With more than `KEEPS_MAX` the last scope goes on being claimed until
   * enough of them have ended; voters that moved on refuse it, and after L all of it is fenced.
   */
  keep(keys: readonly string[]): void {
    if (keys.length > KEEPS_MAX && this.#keeps.length <= KEEPS_MAX) this.#counts.overflows++
    this.#keeps = [...keys].sort()
  }

  /** May this node act for the key, until when unless renewed, and under which term? */
  leaveFor(key: string): { readonly until: Instant; readonly term: number } | undefined {
    const until = this.#grantedUntil(key)
    if (until === undefined) return undefined
    const term = this.#terms.termFor(key)
    return term === undefined ? undefined : { until, term }
  }

  /** Changes whenever some key may have become one to act for. */
  get version(): number {
    return this.#version
  }

  /** Changes whenever a grant came, went or ran out: leaves may have ended, or end at another time. */
  get moves(): number {
    return this.#moves
  }

  /** The term under which keys were gained last; 0 when there is none. */
  get term(): number {
    return this.#terms.last
  }

  get voters(): VoterBook {
    return this.#book
  }

  /** A quorum of live grants, whatever keys they cover. */
  hasLease(now: Now): boolean {
    const until = this.leaseUntil
    return until !== undefined && until > now.mono
  }

  get leaseUntil(): Instant | undefined {
    const holdings = this.#holdings
    const { list } = this.#book
    if (this.#lease === undefined || this.#lease.holdings !== holdings || this.#lease.list !== list)
      this.#lease = { holdings, list, until: quorumUntil(holdings, this.#book) }
    return this.#lease.until
  }

  changeVoters(kind: 'add' | 'remove', node: NodeId, now: Now): VoterAnswer {
    return this.#book.change(kind, node, now)
  }

  resetVoters(names: readonly NodeId[], now: Now): VoterAnswer {
    return this.#book.reset(names, now)
  }

  tick(now: Now): void {
    this.#now = now
    this.#book.tick(now)
    this.#top.tick(now)
    this.#listChanged(now)
    for (const [node, ring] of this.#voting.unknownRings()) this.#askFor(node, ring, now)
    if (this.#terms.choose(this.#holdings, this.#book, now)) this.#sign()
  }

  nextWake(): Instant {
    const times = [this.#renewals.next, this.#leases.nextEnd].filter(time => time !== undefined)
    if (this.#voting.silentUntil > this.#now.mono) times.push(this.#voting.silentUntil)
    return Math.min(...times, Number.POSITIVE_INFINITY) as Instant
  }

  /** Sends the requests that are due, then hands over everything that has to happen outside. */
  effects(): readonly GrantsEffect[] {
    this.#request(this.#now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  status(now: Now): GrantsStanding {
    const until = this.leaseUntil
    return {
      enabled: true,
      session: this.#parts.session,
      voters: this.#book.list,
      voter: this.#book.includes(this.#parts.self),
      granting: this.#voting.granting(now),
      grantedBy: this.#holdings.map(({ voter }) => voter).sort(),
      ...(until === undefined ? {} : { leaseForMs: Math.max(0, elapsedMs(now.mono, until)) }),
      term: this.#terms.last,
      top: this.#top.value,
      exceptions: exceptionsOf(this.#holdings),
      keeps: this.#keeps,
    }
  }

  /** Since boot, and how much of what is limited is in use. */
  counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counts,
      ...this.#voting.counts,
      ...this.#voting.refusals,
      promises: this.#voting.promises,
      rings: this.#rings.size,
      ringsRefused: this.#rings.refused,
      tenures: this.#terms.size,
      termsChosen: this.#terms.chosen,
      voterConflicts: this.#book.conflicts,
    }
  }

  /** The ring of this checksum, while it is known. */
  ring(checksum: string): Ring | undefined {
    return this.#rings.get(checksum)
  }

  // ---- asking

  #request(now: Now): void {
    const scope = this.#scope()
    const { name } = this.#book
    if (scope === undefined || name === undefined) return
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const due = this.#renewals.due(this.#names, scope, name, this.#terms.asked, now)
      if (due.length === 0) return
      const asked = due.map(voter => [voter, this.#ask(voter, scope, now)] as const)
      this.#settle(now)
      for (const [voter, renew] of asked) {
        if (voter === this.#parts.self) this.#voting.receive(voter, this.#parts.peer, renew, now)
        else this.#send(voter, renew)
      }
    }
  }

  #ask(voter: NodeId, scope: Scope, now: Now) {
    const members = this.#rings.get(scope.ring)?.members.length ?? 0
    const { renewMs, leaseMs } = timesFor(members, this.#parts.config)
    const { seq, term } = this.#leases.asked(voter, scope, this.#terms.asked, leaseMs, now)
    const voters = this.#book.name ?? { version: 0, hash: '' }
    const renew = { type: 'renew', session: this.#parts.session, seq, scope, voters, term } as const
    this.#renewals.asked(voter, renew, renewMs, now)
    this.#counts.requests++
    return renew
  }

  #scope(): Scope | undefined {
    if (this.#ring === undefined) return undefined
    if (this.#keeps.length > KEEPS_MAX) return this.#claimed
    const { checksum: ring } = this.#ring
    const { ring: before, leaving, keeps } = this.#claimed ?? {}
    if (ring !== before || this.#leaving !== leaving || this.#keeps !== keeps)
      this.#claimed = { ring, leaving: this.#leaving, keeps: this.#keeps }
    return this.#claimed
  }

  // ---- being answered

  #answered(from: NodeId, answer: Grant | GrantRefused, now: Now): void {
    if (answer.session !== this.#parts.session || !this.#book.includes(from)) return
    if (answer.type === 'grant-refused') {
      if (this.#leases.isLast(from, answer.seq)) this.#renewals.hasten(from, AGAIN_MS[answer.reason], now)
      return
    }
    const request = this.#leases.granted(from, answer, now)
    if (request === undefined) {
      this.#counts.grantsLate++
      return
    }
    for (const { scopes } of answer.exceptions) for (const { ring } of scopes) this.#askFor(from, ring, now)
    if (answer.exceptions.length > 0) this.#renewals.hasten(from, AGAIN_MS.exceptions, now)
    const live = { holdings: this.#holdings, voters: this.#book }
    if (request.term === 0) this.#settle(now)
    else if (!answer.termTaken) {
      this.#settle(now)
      this.#terms.passedOver(from, { term: request.term, at: answer.top }, now, live)
    } else {
      if (this.#terms.took(from, request.term, this.#book)) this.#log('term-taken', { term: request.term })
      this.#settle(now)
    }
  }

  #listChanged(now: Now): void {
    if (this.#names === this.#book.names) return
    this.#names = this.#book.names
    this.#leases.keepOnly(this.#names)
    this.#renewals.keepOnly(this.#names)
    this.#settle(now)
  }

  /** After every change of the grants, and before more of them come: what was lost in between must not look unbroken. */
  #settle(now: Now): void {
    this.#terms.settle(this.#holdings, this.#book)
    this.#terms.choose(this.#holdings, this.#book, now)
    this.#sign()
  }

  #sign(): void {
    const holdings = this.#holdings
    const texts = holdings.map(({ voter, conditions }) => `${voter} ${JSON.stringify(conditions)}`).sort()
    const signature = `${this.#terms.last} ${texts.join('\n')}`
    this.#moves++
    if (signature !== this.#signature) this.#version++
    this.#signature = signature
    const until = this.leaseUntil
    this.#single = singleOf(holdings, until)
    if ((until !== undefined) === this.#held) return
    this.#held = until !== undefined
    this.#log(this.#held ? 'lease-gained' : 'lease-lost', { grantedBy: holdings.map(({ voter }) => voter) })
  }

  get #holdings(): readonly Holding[] {
    return this.#leases.holdings
  }

  #grantedUntil(key: string): Instant | undefined {
    const single = this.#single
    if (single) return this.#conditions.hold(single.holding.conditions, key) ? single.until : undefined
    return quorumUntil(
      this.#holdings.filter(each => this.#conditions.hold(each.conditions, key)),
      this.#book,
    )
  }

  #askFor(node: NodeId, ring: string, now: Now): void {
    if (node === this.#parts.self) return
    const ask = this.#rings.ask(ring, now)
    if (ask) this.#send(node, ask)
  }

  #send(to: NodeId, message: GrantsLinkMessage): void {
    this.#effects.push({ kind: 'send', to, message })
  }

  #log(event: string, fields: Extract<GrantsEffect, { kind: 'log' }>['fields']): void {
    this.#effects.push({ kind: 'log', level: 'info', event, fields })
  }
}
