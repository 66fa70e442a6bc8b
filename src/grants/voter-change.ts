/**
 * How the voter list changes. A round (`VoterRound`) finds the joint list to propose; whoever takes it says so to all
 * voters; each counts who has it, and when it is settled, each may end the change after a promise's length. So it needs
 * nobody in particular: when a change does not come to its end, a voter carries it on with a round of its own, the lower
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
} from './messages.ts'
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

/** What a change needs of the book. */
export interface VoterDesk {
  readonly self: NodeId
  /** The longest promise that this node may have given as a voter, in ms. */
  readonly promiseMs: number
  readonly statements: VoterStatements
  /** What was decided last, perhaps still on its way to the disk. */
  readonly row: StoredVoters | undefined
  readonly disk: StoredVoters | undefined
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

export class VoterChange {
  readonly #desk: VoterDesk
  #round: VoterRound | undefined
  /** The highest round heard of. */
  #roundSeen: number
  /** When the joint list came to this disk, or was tried again last. */
  #jointSince: Instant | undefined
  #settledAt: Instant | undefined
  /** The longest promise of any of those who have settled it, also of one that has lost its disk since: it promised it, in ms. */
  #settledPromiseMs = 0
  /** A joint list that this node was told of and could not take, and since when. */
  #refused: { readonly list: VoterList; since: Instant } | undefined

  constructor(desk: VoterDesk) {
    this.#desk = desk
    this.#roundSeen = desk.disk?.promised?.round ?? 0
  }

  /** Is a round of this node's own under way? */
  get busy(): boolean {
    return this.#round !== undefined
  }

  /** Another list is on the disk than before. */
  turned(now: Now): void {
    this.#settledAt = undefined
    this.#jointSince = this.#joint() === undefined ? undefined : now.mono
    this.#refused = undefined
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
    this.#round = new VoterRound(ballot, wish, now, carried)
    desk.log('info', 'voters-change-begun', { names: wish.names, before: wish.previous, round: ballot.round })
    desk.write({ ...desk.row, promised: ballot }, later => {
      if (this.#round?.ballot !== ballot) return
      this.#round.promised(desk.self, acceptedOf(desk.disk))
      this.#propose()
      this.tick(later)
    })
  }

  tick(now: Now): void {
    this.#ask(now)
    this.#settle(now)
    this.#carryOn(now)
  }

  /** Asked to promise. Nothing is promised that is not on the disk. */
  prepare(from: NodeId, { version, root, ballot }: VotersPrepare): void {
    this.heardOf(ballot)
    const { row } = this.#desk
    const fits =
      row !== undefined && row.version > 0 && rootOf(row) === root && baseOf(row).version === version
    if (!fits) this.#desk.tell([from])
    else if (!this.#desk.isFirm()) return
    else if (compareBallots(ballot, row.promised) <= 0) this.answer(from, ballot)
    else this.#desk.write({ ...row, promised: ballot }, () => this.answer(from, ballot))
  }

  /** Yes or no to a round. */
  answer(to: NodeId, ballot: Ballot): void {
    const { disk } = this.#desk
    if (disk?.promised === undefined || !this.#desk.isFirm()) return
    const { promised } = disk
    this.#desk.send(to, { type: 'voters-promise', ballot, promised, accepted: acceptedOf(disk) })
  }

  promised(from: NodeId, { ballot, promised, accepted }: VotersPromise, now: Now): void {
    this.heardOf(promised)
    const round = this.#round
    if (round === undefined || compareBallots(round.ballot, ballot) !== 0) return
    if (compareBallots(promised, ballot) > 0) this.#outbid(round, promised, now)
    if (compareBallots(promised, ballot) !== 0) return
    if (accepted !== undefined && !fits(round, accepted)) return
    round.promised(from, accepted)
    this.#propose()
  }

  #ask(now: Now): void {
    const round = this.#round
    const { row, disk } = this.#desk
    if (round === undefined) return
    if (round.isOver(now) || row === undefined || baseOf(row).version !== round.version) {
      const fields = { names: round.wish.names, afterMs: ROUND_MS_MAX }
      this.#desk.log('warn', 'voters-change-abandoned', fields)
      this.#round = undefined
      return
    }
    const { ballot, version, root } = round
    if (compareBallots(disk?.promised, ballot) < 0) return
    if (compareBallots(row.promised, ballot) > 0) this.#outbid(round, row.promised, now)
    else
      for (const to of round.due(now)) this.#desk.send(to, { type: 'voters-prepare', version, root, ballot })
  }

  #outbid(round: VoterRound, by: Ballot | undefined, now: Now): void {
    this.#round = undefined
    this.#jointSince = now.mono
    this.#desk.log('warn', 'voters-change-outbid', { names: round.wish.names, by: by?.by })
  }

  #propose(): void {
    const { row } = this.#desk
    const list = this.#round?.proposal()
    if (row === undefined || list?.ballot === undefined) return
    this.#round = undefined
    if (baseOf(row).version !== baseOf(list).version || compareBallots(list.ballot, row.promised) < 0) return
    this.#desk.write({ ...list, promised: list.ballot })
  }

  /** A joint list that quorums of both lists have is settled; a promise's length later the change is made. */
  #settle(now: Now): void {
    const joint = this.#joint()
    if (joint?.previous === undefined) return
    const holders = new Set(this.#desk.statements.holders(joint, true))
    if (this.#desk.isFirm() && namesOf(joint).includes(this.#desk.self)) holders.add(this.#desk.self)
    if (!isChangeQuorum(joint.previous, joint.names, joint.fixed, holders)) return
    if (this.#settledAt === undefined) {
      this.#settledAt = now.mono
      this.#settledPromiseMs = 0
      const fields = { names: joint.names, before: joint.previous, by: [...holders].sort() }
      this.#desk.log('info', 'voters-change-settled', fields)
    }
    // Each may promise for another time: the configuration is its own, and large rings stretch it.
    const promiseMs = Math.max(this.#desk.promiseMs, this.#desk.statements.promiseMsOf(holders))
    this.#settledPromiseMs = Math.max(this.#settledPromiseMs, promiseMs)
    if (elapsedMs(this.#settledAt, now.mono) < this.#settledPromiseMs) return
    const floor = Math.max(this.#desk.top, this.#desk.statements.topOf(holders))
    this.#desk.adopt({ ...settledOf(joint), floor })
  }

  #carryOn(now: Now): void {
    const joint = this.#joint()
    if (this.#round !== undefined || this.#settledAt !== undefined || !this.#desk.isFirm()) return
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
    const { row, disk } = this.#desk
    const stands = row !== undefined && disk !== undefined && isJoint(disk) && isSame(row, disk)
    return stands ? disk : undefined
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
