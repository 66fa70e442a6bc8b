/**
 * How the voter list changes. A round (`VoterRound`) finds the joint list to propose; whoever takes it says so to all
 * voters; each counts who has it, all at one moment (`Moment`), and when it is settled, each may end the change after a
 * promise's length. So it needs nobody in particular: when a change does not come to its end, a voter carries it on with a round of its own, the lower
 * names sooner. So does a voter that had to refuse the joint list, because it had promised to a later round that came to
 * nothing: the list is on the disks of others, and without the voters who promised they would be alone with it.
 */
import { asNodeId, type NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import type { GrantsEffect } from './effects.ts'
import type {
  Ballot,
  StoredVoters,
  VoterList,
  VotersMessage,
  VotersPrepare,
  VotersPromise,
  VotersTell,
} from './messages.ts'
import { Moment } from './moment.ts'
import type { Rounds } from './top.ts'
import {
  baseOf,
  compareBallots,
  isChangeQuorum,
  isJoint,
  isSame,
  isSound,
  listOf,
  namesOf,
  rootOf,
  settledOf,
} from './voter-list.ts'
import { ROUND_MS_MAX, VoterRound } from './voter-round.ts'
import { acceptance } from './voter-rules.ts'
import type { VoterStatements } from './voter-statements.ts'

/** A joint list that is not settled by then is carried on; by each further voter so much later, in ms. */
const CARRY_ON_MS = 2_000

/** Asked before there is a moment to ask for. */
const ANY = 'any'

/** What a change needs of the book. */
export interface VoterDesk {
  readonly self: NodeId
  /** Name of this node's disk. */
  readonly disk: string
  /** Text that no question of any node ever was. */
  readonly nextAsk: () => string
  /** The longest promise that this node may have given as a voter, in ms. */
  readonly promiseMs: number
  readonly statements: VoterStatements
  /** What was decided last, perhaps still on its way to the disk. */
  readonly row: StoredVoters | undefined
  readonly stored: StoredVoters | undefined
  readonly live: ReadonlySet<NodeId>
  /** The highest term this node has voted for. */
  readonly top: number
  /** May this node's word decide about lists? */
  isFirm(): boolean
  write(row: StoredVoters, then?: (now: Now) => void): void
  /** Takes a list whose word counts. */
  adopt(list: VoterList): void
  /** Says what is on the disk. */
  tell(to: readonly NodeId[]): void
  send(to: NodeId, message: VotersMessage): void
  log(level: 'info' | 'warn', event: string, fields: Extract<GrantsEffect, { kind: 'log' }>['fields']): void
}

export class VoterChange implements Rounds {
  readonly #desk: VoterDesk
  #round: VoterRound | undefined
  /** The highest round heard of. */
  #roundSeen: number
  /** When the joint list came to this disk, or was tried again last. */
  #jointSince: Instant | undefined
  /** When those who have said that they have the joint list are asked whether all of them had it at once. */
  #moment: Moment | undefined
  /** They had: nobody gets a quorum under the old list any more. */
  #settled = false
  /** The longest promise of any of those who had it, also of one that has lost its disk since: it promised it, in ms. */
  #promiseMs = 0
  /** The highest term that any of them had voted for. */
  #top = 0
  /** A joint list that this node was told of and could not take, and since when. */
  #refused: { readonly list: VoterList; since: Instant } | undefined

  constructor(desk: VoterDesk) {
    this.#desk = desk
    this.#roundSeen = desk.stored?.promised?.round ?? 0
  }

  /** See `Rounds`. */
  get promisedTo(): Ballot | undefined {
    return this.#desk.stored?.promised
  }

  /** Is a round of this node's own under way? */
  get busy(): boolean {
    return this.#round !== undefined
  }

  /** Another list is on the disk than before. */
  turned(now: Now): void {
    this.#moment = undefined
    this.#settled = false
    this.#jointSince = this.#joint() === undefined ? undefined : now.mono
    this.#refused = undefined
  }

  /** The question for all that have the joint list: who is no voter is told of it only in answer. */
  get ask(): string | undefined {
    if (this.#settled || this.#joint() === undefined) return undefined
    return this.#moment?.ask ?? ANY
  }

  /** Somebody says what it has. */
  heard(from: NodeId, { list, firm, disk, answer, top, promiseMs }: VotersTell): void {
    const joint = this.#joint()
    if (joint === undefined || list === undefined || !firm || !isSame(list, joint)) return
    if (this.#moment?.heard(from, disk, answer) !== true) return
    this.#promiseMs = Math.max(this.#promiseMs, promiseMs)
    this.#top = Math.max(this.#top, top)
  }

  /** It promised to a higher round than that of this list. */
  refused(list: VoterList, now: Now): void {
    if (list.ballot === undefined) return
    this.answer(list.ballot.by, list.ballot)
    if (this.#refused === undefined || !isSame(this.#refused.list, list))
      this.#refused = { list, since: now.mono }
  }

  heardOf(ballot: Ballot | undefined): void {
    this.#roundSeen = Math.max(this.#roundSeen, ballot?.round ?? 0)
  }

  mayHavePromised(ballot: Ballot): void {
    const { row } = this.#desk
    this.heardOf(ballot)
    if (row !== undefined && compareBallots(ballot, row.promised) > 0)
      this.#desk.write({ ...row, promised: ballot })
  }

  giveUp(): void {
    this.#round = undefined
  }

  /** @param carried somebody has taken this list already */
  begin(wish: VoterList, now: Now, carried = false): void {
    const desk = this.#desk
    if (desk.row === undefined) return
    // The clock's part is for a node that lost its disk: a round that was once its own is never another one.
    const ballot = { round: Math.max(this.#roundSeen + 1, Math.floor(now.wall)), by: desk.self }
    this.#roundSeen = ballot.round
    this.#round = new VoterRound({ ballot, wish, carried, self: desk.self, nextAsk: desk.nextAsk }, now)
    desk.log('info', 'voters-change-begun', { names: wish.names, before: wish.previous, round: ballot.round })
    desk.write({ ...desk.row, promised: ballot }, later => {
      if (this.#round?.ballot !== ballot) return
      this.#round.promised(desk.self, { disk: desk.disk, accepted: acceptedOf(desk.stored) })
      this.#propose(later)
      this.tick(later)
    })
  }

  tick(now: Now): void {
    this.#ask(now)
    this.#settle(now)
    this.#carryOn(now)
  }

  /** Asked to promise. Nothing is promised that is not on the disk. */
  prepare(from: NodeId, { version, root, ballot, ask }: VotersPrepare): void {
    this.heardOf(ballot)
    const { row } = this.#desk
    const fits =
      row !== undefined && row.version > 0 && rootOf(row) === root && baseOf(row).version === version
    if (!fits) this.#desk.tell([from])
    else if (!this.#desk.isFirm()) return
    else if (compareBallots(ballot, row.promised) <= 0) this.answer(from, ballot, ask)
    else this.#desk.write({ ...row, promised: ballot }, () => this.answer(from, ballot, ask))
  }

  /** Yes or no to a round. */
  answer(to: NodeId, ballot: Ballot, ask?: string): void {
    const { stored, disk } = this.#desk
    if (stored?.promised === undefined || !this.#desk.isFirm()) return
    const { promised } = stored
    const answer = ask === undefined ? {} : { answer: ask }
    const accepted = acceptedOf(stored)
    this.#desk.send(to, { type: 'voters-promise', ballot, promised, accepted, disk, ...answer })
  }

  promised(from: NodeId, message: VotersPromise, now: Now): void {
    const { ballot, promised, accepted } = message
    this.heardOf(promised)
    const round = this.#round
    if (round === undefined || compareBallots(round.ballot, ballot) !== 0) return
    if (compareBallots(promised, ballot) > 0) this.#outbid(round, promised, now)
    if (compareBallots(promised, ballot) !== 0) return
    if (accepted !== undefined && !fits(round, accepted)) return
    round.promised(from, message)
    this.#propose(now)
    this.#ask(now)
  }

  #ask(now: Now): void {
    const round = this.#round
    const { row, stored } = this.#desk
    if (round === undefined) return
    if (round.isOver(now) || row === undefined || baseOf(row).version !== round.version) {
      const fields = { names: round.wish.names, afterMs: ROUND_MS_MAX }
      this.#desk.log('warn', 'voters-change-abandoned', fields)
      this.#round = undefined
      return
    }
    const { ballot, version, root } = round
    if (compareBallots(stored?.promised, ballot) < 0) return
    if (compareBallots(row.promised, ballot) > 0) this.#outbid(round, row.promised, now)
    else
      for (const to of round.due(now))
        this.#desk.send(to, { type: 'voters-prepare', version, root, ballot, ...round.asking })
  }

  #outbid(round: VoterRound, by: Ballot | undefined, now: Now): void {
    this.#round = undefined
    this.#jointSince = now.mono
    this.#desk.log('warn', 'voters-change-outbid', { names: round.wish.names, by: by?.by })
  }

  #propose(now: Now): void {
    const { row } = this.#desk
    const list = this.#round?.proposal(now)
    if (row === undefined || list?.ballot === undefined) return
    this.#round = undefined
    if (baseOf(row).version !== baseOf(list).version || compareBallots(list.ballot, row.promised) < 0) return
    this.#desk.write({ ...list, promised: list.ballot })
  }

  /** A joint list that quorums of both lists have at one moment is settled; a promise's length later the change is made. */
  #settle(now: Now): void {
    const joint = this.#joint()
    if (joint?.previous === undefined) return
    const { previous, names, fixed } = joint
    const enough = (nodes: ReadonlySet<NodeId>) => isChangeQuorum(previous, names, fixed, nodes)
    if (this.#moment === undefined || !enough(this.#moment.confirmed)) this.#look(joint, enough, now)
    if (this.#moment === undefined || !enough(this.#moment.confirmed)) return
    if (!this.#settled) {
      this.#settled = true
      const fields = { names, before: previous, by: [...this.#moment.confirmed].sort() }
      this.#desk.log('info', 'voters-change-settled', fields)
    }
    // Each may promise for another time: the configuration is its own, and large rings stretch it.
    this.#promiseMs = Math.max(this.#promiseMs, this.#desk.promiseMs)
    if (elapsedMs(this.#moment.at, now.mono) < this.#promiseMs) return
    this.#desk.adopt({ ...settledOf(joint), floor: Math.max(this.#desk.top, this.#top) })
  }

  /** Takes a moment, when enough have said that they have the joint list. */
  #look(joint: VoterList, enough: (nodes: ReadonlySet<NodeId>) => boolean, now: Now): void {
    const desk = this.#desk
    const holders = desk.statements.holders(joint)
    if (desk.isFirm() && namesOf(joint).includes(desk.self)) holders.set(desk.self, desk.disk)
    if (this.#moment?.isOver(holders, now) === false || !enough(new Set(holders.keys()))) return
    this.#promiseMs = 0
    this.#top = 0
    this.#moment = new Moment(desk.self, holders, desk.nextAsk(), now.mono)
    desk.tell(namesOf(joint))
  }

  #carryOn(now: Now): void {
    const joint = this.#joint()
    if (this.#round !== undefined || this.#settled || !this.#desk.isFirm()) return
    if (joint !== undefined && this.#jointSince !== undefined) {
      if (!this.#isDue(joint, this.#jointSince, now)) return
      this.#jointSince = now.mono
      this.begin(listOf(joint), now, true)
    } else if (this.#refused !== undefined && this.#desk.row !== undefined) {
      const { list, since } = this.#refused
      if (!this.#isDue(list, since, now)) return
      this.#refused.since = now.mono
      if (acceptance({ ...this.#desk.row, promised: NO_BALLOT }, list) === 'adopt')
        this.begin(list, now, true)
    }
  }

  /** Whoever began the round first, then the voters by name. */
  #isDue(joint: VoterList, since: Instant, now: Now): boolean {
    const { live, self } = this.#desk
    const voters = baseOf(joint).names.filter(name => live.has(name))
    const begun = joint.ballot !== undefined && live.has(joint.ballot.by) ? [joint.ballot.by] : []
    const place = [...begun, ...voters].indexOf(self)
    return place >= 0 && elapsedMs(since, now.mono) >= CARRY_ON_MS * (place + 1)
  }

  /** The joint list on the disk, unless something newer is on its way there. */
  #joint(): VoterList | undefined {
    const { row, stored } = this.#desk
    const stands = row !== undefined && stored !== undefined && isJoint(stored) && isSame(row, stored)
    return stands ? stored : undefined
  }
}

/** Below every round. */
const NO_BALLOT: Ballot = { round: -1, by: asNodeId('') }

const acceptedOf = (row: StoredVoters | undefined): VoterList | undefined =>
  row !== undefined && isJoint(row) ? listOf(row) : undefined

/** Could it have been accepted in place of the wish? Another node is another program. */
function fits({ root, version, wish }: VoterRound, accepted: VoterList): boolean {
  const base = baseOf(accepted)
  const same = base.version === version && String(base.names) === String(wish.previous)
  return same && isSound(accepted) && rootOf(accepted) === root
}
