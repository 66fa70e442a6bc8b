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

import { BelievedTerms } from '../base/believed-terms.ts'
import type { NodeId, PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { type Instant, NEVER, type Now } from '../base/time.ts'
import type { Ring, RingMember } from '../ring/ring.ts'
import type { GrantsConfig } from './config.ts'
import { diskName } from './disk-name.ts'
import type { GrantsEffect } from './effects.ts'
import type { Holding } from './leases.ts'
import type { Basis, GrantedLeave } from './leave.ts'
import type { Ledger } from './ledger.ts'
import { Member, type MemberParts } from './member.ts'
import {
  type Grant,
  type GrantRefused,
  type GrantsLinkMessage,
  NO_RING,
  type StoredNotes,
  type StoredVoters,
} from './messages.ts'
import { Notes } from './notes.ts'
import { Rings } from './rings.ts'
import { type GrantsStanding, standingOf } from './standing.ts'
import { highestTold } from './told-terms.ts'
import { Top } from './top.ts'
import { VoterBook } from './voter-book.ts'
import type { VoterAnswer } from './voter-rules.ts'
import { type Asker, Voting } from './voting.ts'

/** What a voter finds on its disk at boot. */
export interface StoredVoter {
  readonly top: number | undefined
  readonly voters: StoredVoters | undefined
  /** The longest W, in ms, that it ever promised for. */
  readonly promiseMs?: number | undefined
  /** Under which rings anybody may have written, and on which disks. */
  readonly notes?: StoredNotes | undefined
  /** The name that this disk got when the store was made. */
  readonly disk?: string | undefined
}

export interface GrantsParts {
  readonly self: NodeId
  readonly peer: PeerId
  /** Boot number. */
  readonly session: number
  readonly config: GrantsConfig
  readonly stored: StoredVoter
  readonly buildRing: (members: readonly RingMember[]) => Ring
  readonly random: Random
}

export class Grants {
  /** The name of this node's disk; made with it, so a disk that was lost never comes back under its name. */
  readonly disk: string
  readonly #parts: GrantsParts
  readonly #rings: Rings
  readonly #book: VoterBook
  readonly #top: Top
  readonly #voting: Voting
  readonly #notes: Notes
  readonly #member: Member
  readonly #believed = new BelievedTerms()
  #effects: GrantsEffect[] = []
  #now: Now
  #live: ReadonlySet<NodeId> = new Set()
  #marks = 0
  #names: readonly NodeId[] = []
  /** Questions for the members of each noted ring that is wanted. */
  readonly #asked = new Map<string, number>()

  constructor(parts: GrantsParts, now: Now) {
    this.#parts = parts
    this.#now = now
    const { self, session, config, stored, random } = parts
    const out = { push: (effect: GrantsEffect) => this.#effects.push(effect) }
    this.disk = stored.disk ?? diskName(random)
    const writes = [{ table: 'grants', key: 'disk', value: this.disk }] as const
    if (stored.disk === undefined) out.push({ kind: 'persist', writes, then: [] })
    const nextMark = (): number => ++this.#marks
    const rings = new Rings(parts.buildRing)
    const [topOf, promiseMs] = [() => this.#top, () => this.#voting.promiseMsMax]
    const life = { self, session, disk: this.disk, config, nextMark, out }
    const voters = new VoterBook({ ...life, stored: stored.voters, top: topOf, promiseMs })
    const top = new Top({ self, stored: stored.top, voters, rounds: voters.rounds, out })
    const log: MemberParts['log'] = (event, fields) => this.#log(event, fields)
    const reply = ({ node, peer }: Asker, answer: Grant | GrantRefused, at: Now): void => {
      if (node === self) this.#answered(self, answer, at)
      else out.push({ kind: 'send', to: node, peer, message: answer })
    }
    this.#rings = rings
    this.#book = voters
    this.#top = top
    this.#member = new Member({ self, session, disk: this.disk, config, random, rings, voters, log })
    // The list may be on the disk, and the term that it forbids to fall below not yet.
    top.raise(stored.voters?.floor ?? 0)
    const notes = new Notes({ self, stored: stored.notes, rings, voters, nextMark, out }, now)
    this.#notes = notes
    this.#voting = new Voting({ self, config, rings, voters, top, notes, nextMark, reply, out }, stored, now)
  }

  /** Before every input: what ran out is gone before anything else happens. A pause never moves these clocks. */
  awake(now: Now): void {
    this.#now = now
    this.#voting.expire(now)
    this.#member.expire(now)
  }

  /** @param live all that one can talk to, this node included */
  viewChanged(ring: Ring, live: readonly NodeId[], leaving: boolean, now: Now): void {
    this.#member.viewChanged(ring, leaving)
    if (this.#rings.own(ring)) this.#member.learned(ring.checksum, now)
    this.#voting.viewChanged(ring)
    for (const node of live) if (!this.#live.has(node)) this.#member.hasten(node, now)
    this.#live = new Set(live)
    this.#book.viewChanged(this.#live, now)
    this.#listChanged(now)
  }

  message(from: NodeId, peer: PeerId, message: GrantsLinkMessage, now: Now): void {
    if (!this.#believes(from, highestTold(message))) return
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
        if (this.#rings.told(message)) this.#member.learned(message.checksum, now)
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

  /** This node itself saw the node's process close its link and refuse a new one. @param since when it was first heard of */
  refused(node: NodeId, peer: PeerId, since?: Instant): void {
    if (this.#parts.config.trustRefused && this.#voting.refused(node, peer, since))
      this.#log('promise-dropped', { node })
  }

  /** A link leads to this node now: what was sent to it before was lost. */
  linked(node: NodeId, now: Now): void {
    this.#member.hasten(node, now)
  }

  /**
   * @param nodes all that no link leads to any more. When fewer than a quorum of voters are linked (this node counts as
   * linked to itself), no renewal can succeed: every grant is given up at once instead of at its end.
   */
  unreachable(nodes: ReadonlySet<NodeId>, now: Now): void {
    const linked = this.#book.names.filter(name => name === this.#parts.self || !nodes.has(name))
    this.#member.linked(linked, now)
  }

  /**
   * The keys that are not this node's under the present ring and whose work still drains. To be set before `effects()`
   * is taken in a step that changed the view. With more than `KEEPS_MAX` the last scope goes on being claimed until
   * enough of them have ended; voters that moved on refuse it, and after L all of it is fenced.
   */
  keep(keys: readonly string[]): void {
    this.#member.keep(keys)
  }

  /** May this node act for the key, until when unless renewed, and under which term? */
  leaveFor(key: string): GrantedLeave | undefined {
    return this.#member.leaveFor(key)
  }

  /** What `leaveFor` goes by at the moment, to be asked again later. */
  get basis(): Basis {
    return this.#member.basis
  }

  /** Changes whenever `leaveFor` may say another thing for some key, but for how long. */
  get turns(): number {
    return this.#member.turns
  }

  /** Live grants, the one that counts longest first. */
  get holdings(): readonly Holding[] {
    return this.#member.holdings
  }

  /** What voters noted of rings and disks. */
  get ledger(): Ledger {
    return this.#member.ledger
  }

  /** The terms under which this node may act for keys. */
  get terms(): Member['terms'] {
    return this.#member.terms
  }

  /** Keys that this node asks to keep though its ring gives them to others. */
  get keeps(): readonly string[] {
    return this.#member.keeps
  }

  /** All that this node owns under the ring is complete and lies on its holders: the voters are told soon. Undefined: not so. */
  done(ring: string | undefined): void {
    this.#member.done(ring, this.#now)
  }

  /** Another node acted under this term for a key that this one believes to be its own. */
  outranked(term: number): void {
    if (this.#believes('a holder of copies', term)) this.#member.outranked(term, this.#now)
  }

  /** Changes whenever some key may have become one to act for. */
  get version(): number {
    return this.#member.version
  }

  /** Changes whenever a grant came, went or ran out: leaves may have ended, or end at another time. */
  get moves(): number {
    return this.#member.moves
  }

  /** The term under which keys were gained last; 0 when there is none. */
  get term(): number {
    return this.#member.terms.last
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
    return this.#member.leaseUntil
  }

  /** How long this voter grants nothing after its start, in ms. */
  get silenceMs(): number {
    return this.#voting.silenceMs
  }

  changeVoters(kind: 'add' | 'remove', node: NodeId, now: Now): VoterAnswer {
    return this.#book.change(kind, node, now)
  }

  resetVoters(names: readonly NodeId[], heard: ReadonlySet<NodeId>, now: Now): VoterAnswer {
    return this.#book.reset(names, heard, now)
  }

  /** @param joined see `VoterBook.tick` */
  tick(now: Now, joined = true): void {
    this.#now = now
    this.#book.tick(now, joined)
    this.#top.tick(now)
    this.#listChanged(now)
    for (const [node, ring] of this.#voting.unknownRings()) this.#askFor(node, ring, now)
    this.#askForNoted(now)
    this.#voting.tick(now)
    this.#member.tick(now)
  }

  nextWake(): Instant {
    const next = this.#member.nextWake ?? NEVER
    const { silentUntil } = this.#voting
    return silentUntil > this.#now.mono && silentUntil < next ? silentUntil : next
  }

  /** Sends the requests that are due, then hands over everything that has to happen outside. */
  effects(): readonly GrantsEffect[] {
    this.#request(this.#now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  status(now: Now): GrantsStanding {
    const granting = this.#voting.granting(now)
    return standingOf(this.#parts, this.#book, { granting, top: this.#top }, this.#member, now)
  }

  /** Since boot, and how much of what is limited is in use. */
  counters(): Readonly<Record<string, number>> {
    return {
      ...this.#member.counts,
      ...this.#voting.counts,
      ...this.#voting.refusals,
      promises: this.#voting.promises,
      rings: this.#rings.size,
      ringsRefused: this.#rings.refused,
      tenures: this.#member.terms.size,
      termsChosen: this.#member.terms.chosen,
      termsRefused: this.#believed.refused,
      voterConflicts: this.#book.conflicts,
      ...this.#notes.counts,
      notes: this.#notes.size,
      notesLost: Number(this.#notes.lost),
    }
  }

  /** The ring of this checksum, while it is known. */
  ring(checksum: string): Ring | undefined {
    return this.#rings.get(checksum)
  }

  /** What is not believed counts as not said. */
  #believes(from: string, term: number): boolean {
    if (this.#believed.takes(term, this.#top.value)) return true
    if (this.#believed.isFirstOf(from)) this.#log('term-refused', { from, term })
    return false
  }

  #request(now: Now): void {
    const { self, peer } = this.#parts
    this.#member.request(this.#names, now, (voter, renew) => {
      if (voter === self && this.#believes(self, renew.term)) this.#voting.receive(self, peer, renew, now)
      else if (voter !== self) this.#send(voter, renew)
    })
  }

  #answered(from: NodeId, answer: Grant | GrantRefused, now: Now): void {
    if (answer.type === 'grant' && answer.disk !== undefined && answer.disk !== this.disk) return
    this.#member.answered(from, answer, now)
    if (answer.type !== 'grant') return
    for (const { scopes } of answer.exceptions) for (const { ring } of scopes) this.#askFor(from, ring, now)
  }

  #listChanged(now: Now): void {
    if (this.#names === this.#book.names) return
    this.#names = this.#book.names
    this.#member.listChanged(this.#names, now)
    this.#notes.listChanged()
  }

  /** Of each ring another voter each time: any of them may be gone. */
  #askForNoted(now: Now): void {
    // Nobody need look for it between two ticks: whom was asked is remembered until its members are known, or it is settled.
    for (const ring of this.#asked.keys())
      if (this.ring(ring) !== undefined || !this.ledger.checksums.has(ring)) this.#asked.delete(ring)
    for (const [ring, voters] of this.ledger.wanted) {
      const others = voters.filter(voter => voter !== this.#parts.self)
      const asked = this.#asked.get(ring) ?? 0
      const one = others[asked % others.length]
      if (one !== undefined && this.#askFor(one, ring, now)) this.#asked.set(ring, asked + 1)
    }
    this.ledger.wanted.clear()
  }

  /** True when it is asked now. */
  #askFor(node: NodeId, ring: string, now: Now): boolean {
    if (node === this.#parts.self || ring === NO_RING) return false
    const ask = this.#rings.ask(ring, now)
    if (ask) this.#send(node, ask)
    return ask !== undefined
  }

  #send(to: NodeId, message: GrantsLinkMessage): void {
    this.#effects.push({ kind: 'send', to, message })
  }

  #log(event: string, fields: Extract<GrantsEffect, { kind: 'log' }>['fields']): void {
    this.#effects.push({ kind: 'log', level: 'info', event, fields })
  }
}
