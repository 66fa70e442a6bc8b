/**
 * Who votes: the one list on which everything else in this room rests, since any two quorums must share a voter.
 *
 * How a list comes about. Named voters are version 1. Without names, the lowest living name that sees `expectedNodes`
 * nodes proposes them all (version 0); each node takes one proposal for good; when `expectedNodes` have the same on
 * disk the lowest living name makes it version 1 (`FirstList`). So two halves of a cluster that was split
 * before it had a list cannot both make one, unless it has twice as many nodes as expected. Where no proposal has so many,
 * an operator has to decide (`reset`).
 *
 * How it changes, one voter at a time:
 *   1. `VoterRound` asks the voters for a promise, then proposes a joint list: the old names and the new.
 *   2. Whoever has the joint list on disk refuses requests under the old one, and says so to all voters. While it holds,
 *      acting needs more than half of both. It is settled when a quorum of the old list and one of the new have it at one
 *      moment (`Moment`): then nobody gets a quorum under the old list any more.
 *   3. As long later as any of those may have promised, nobody acts under the old list either, and the new list stands alone.
 * Any two of {old, joint} share a voter, and any two of {joint, new} do; old and new never are in force together. A
 * promise once given is kept, and named as an exception, whatever list it was given under.
 *
 * Terms pass over: the new list carries as its floor the highest term on the disks of those who settled the joint one.
 * Without it, removing the voters that took a term would leave a quorum that never heard of it, and tokens could fall.
 *
 * Road not taken: changing from old to new in one step, as any two majorities of lists that differ by one name overlap.
 * Exactly half with the lowest name is a quorum here, and it does not overlap with a majority of one more.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'
import { type GrantsConfig, VOTERS_MAX } from './config.ts'
import type { GrantsEffect } from './effects.ts'
import { FirstList } from './first-list.ts'
import type { StoredVoters, VoterList, VotersMessage, VotersName, VotersTell } from './messages.ts'
import type { Rounds, Top } from './top.ts'
import { VoterChange, type VoterDesk } from './voter-change.ts'
import { VoterConflicts } from './voter-conflicts.ts'
import {
  higherBallot,
  isActingQuorum,
  isJoint,
  isNewer,
  isSame,
  isSound,
  jointOf,
  listOf,
  nameOf,
  namesOf,
  promising,
  sorted,
} from './voter-list.ts'
import type { VoterAnswer } from './voter-rules.ts'
import { acceptance, refusalOfChange, refusalOfReset, refused, resetOf } from './voter-rules.ts'
import { type Proposal, VoterStatements } from './voter-statements.ts'
import type { Voters } from './voters.ts'

/** The view must have been still for this long before a first list is proposed, so that there are not two, in ms. */
const STILL_MS = 500
/** How often the others are told, or asked, while the list is not settled; a settled one is told to one of them, in ms. */
const TELL_MS = 500
/** Asked for a list at a time, by a node that has none. */
const ASKED_MAX = 16

export interface VoterBookParts {
  readonly self: NodeId
  /** Name of this node's disk, and the number of its boot on it: together no other life of any node has them. */
  readonly disk: string
  readonly session: number
  readonly config: GrantsConfig
  /** What the disk held at boot. */
  readonly stored: StoredVoters | undefined
  /** Made after the book, as it reads it. */
  readonly top: () => Pick<Top, 'known' | 'value' | 'raise'>
  /** The longest promise that this node may have given as a voter, in ms. */
  readonly promiseMs: () => number
  /** A number that no other `persisted` effect of this node has. */
  readonly nextMark: () => number
  readonly out: { push(effect: GrantsEffect): unknown }
}

export class VoterBook implements Voters {
  readonly #parts: VoterBookParts
  readonly #statements = new VoterStatements()
  readonly #first: FirstList
  readonly #change: VoterChange
  readonly #conflicts: VoterConflicts
  /** What this node decided last; it may still be on its way to the disk. */
  #row: StoredVoters | undefined
  /** What is on the disk: the only thing it acts and speaks by. */
  #disk: StoredVoters | undefined
  #name: VotersName | undefined
  #names: readonly NodeId[] = []
  /** Made when it is asked for. */
  #linked: readonly NodeId[] | undefined
  readonly #writes = new Map<number, { readonly row: StoredVoters; readonly then: (now: Now) => void }>()
  /** The list came from one whose word counts. */
  #vouched: boolean
  #live: ReadonlySet<NodeId>
  #liveSince: Instant | undefined
  #joined = false
  #toldAt: Instant | undefined
  #tells = 0
  /** Questions asked in this life. */
  #asks = 0

  constructor(parts: VoterBookParts) {
    this.#parts = parts
    this.#conflicts = new VoterConflicts(parts.out)
    this.#row = parts.stored
    this.#vouched = parts.stored !== undefined
    this.#live = new Set([parts.self])
    this.#take(parts.stored)
    const desk = this.#desk()
    this.#change = new VoterChange(desk)
    this.#first = new FirstList(desk, parts.config)
    const { voters } = parts.config
    if (
      voters.length > 0 &&
      parts.stored !== undefined &&
      String(sorted(voters)) !== String(parts.stored.names)
    ) {
      this.#log('warn', 'voters-config-differs', { configured: sorted(voters), names: parts.stored.names })
    }
  }

  get list(): VoterList | undefined {
    return this.#name === undefined ? undefined : this.#disk
  }

  get name(): VotersName | undefined {
    return this.#name
  }

  get names(): readonly NodeId[] {
    return this.#names
  }

  /**
   * Who must be linked: the voters; before there are any, those who are proposed, or would be. In a large cluster few
   * pairs are linked, and whoever makes the first list must hear from everybody.
   */
  get linked(): readonly NodeId[] {
    if (this.#names.length > 0) return this.#names
    this.#linked ??= this.#disk?.names ?? sorted(this.#live).slice(0, VOTERS_MAX)
    return this.#linked
  }

  includes(node: NodeId): boolean {
    return this.#names.includes(node)
  }

  isQuorum(nodes: ReadonlySet<NodeId>): boolean {
    return this.list !== undefined && isActingQuorum(this.list, nodes)
  }

  /** Lists that others have and that do not descend from this one, nor this one from them. */
  get conflicts(): number {
    return this.#conflicts.size
  }

  /** The first lists that the living have taken, each for good, until one of them is in force; this node's own is the first. */
  get proposals(): readonly Proposal[] {
    if (this.#disk?.version !== 0) return []
    const { self: node, disk } = this.#parts
    return this.#statements.proposals({ node, list: listOf(this.#disk), disk })
  }

  /** What it promised to, as a voter, of changes of the list. */
  get rounds(): Rounds {
    return this.#change
  }

  /** @param live the living members, this node included */
  viewChanged(live: ReadonlySet<NodeId>, now: Now): void {
    const newcomers = [...live].filter(node => !this.#live.has(node))
    const same = newcomers.length === 0 && live.size === this.#live.size
    this.#live = live
    if (same && this.#liveSince !== undefined) return
    this.#linked = undefined
    this.#liveSince = now.mono
    this.#statements.keepOnly(new Set([...live, ...this.#names]))
    this.#tell(newcomers)
    this.tick(now)
  }

  /** @param joined some seed has shared what it knows, or there is none: else there may be a list already */
  tick(now: Now, joined = this.#joined): void {
    this.#joined = joined
    this.#form(now)
    this.#change.tick(now)
    if (this.#toldAt !== undefined && elapsedMs(this.#toldAt, now.mono) < TELL_MS) return
    this.#toldAt = now.mono
    this.#tell(this.#audience())
  }

  message(from: NodeId, message: VotersMessage, now: Now): void {
    if (message.type === 'voters') this.#heard(from, message, now)
    else if (message.type === 'voters-prepare') this.#change.prepare(from, message)
    else this.#change.promised(from, message, now)
  }

  /** A write is on disk. True when it was one of the book's. */
  persisted(mark: number, now: Now): boolean {
    const write = this.#writes.get(mark)
    if (write === undefined) return false
    this.#writes.delete(mark)
    const before = this.#disk
    this.#take(write.row)
    if (before === undefined || !isSame(before, write.row)) this.#turned(now)
    write.then(now)
    return true
  }

  /** Begins a change; it goes on in the background and may yet fail, which is logged. */
  change(kind: 'add' | 'remove', node: NodeId, now: Now): VoterAnswer {
    const row = this.#row
    const ready = !this.#change.busy && this.#isFirm()
    const refusal = refusalOfChange(row, kind, node, this.#live, ready)
    if (refusal !== undefined || row === undefined) return refused(refusal ?? '')
    const names = kind === 'add' ? sorted([...row.names, node]) : row.names.filter(name => name !== node)
    this.#change.begin(jointOf(row, names), now)
    return { ok: true, detail: `Under way: ${kind} ${node}. GET /v1/voters shows when it is done.` }
  }

  /** Not safe: whoever of the old voters still runs may let another node act. Only who is `heard`, not silent, can vote. */
  reset(names: readonly NodeId[], heard: ReadonlySet<NodeId>, now: Now): VoterAnswer {
    const before = this.#row
    const known = new Set([...this.#live, ...(before?.names ?? []), ...(before?.previous ?? [])])
    const refusal = refusalOfReset(names, known, heard)
    if (refusal !== undefined) return refused(refusal)
    const list = resetOf(before, sorted(names), Math.max(this.#parts.top().value, Math.floor(now.wall)))
    this.#log('error', 'voters-reset', {
      names: list.names,
      version: list.version,
      before: before?.names,
      versionBefore: before?.version,
    })
    this.#change.giveUp()
    this.#adopt(list, true)
    return { ok: true, detail: `These are the voters now: ${list.names.join(', ')}.` }
  }

  // ---- the first list

  #form(now: Now): void {
    const { config } = this.#parts
    if (this.#row === undefined && config.voters.length > 0) {
      // Of several none votes before others told what they know; an only one would act at once, beside those of a later list.
      if (config.voters.length === 1 && !this.#mayPropose(now)) return
      this.#write({ version: 1, names: sorted(config.voters), previous: undefined, fixed: true })
    }
    if (this.#row === undefined && this.#mayPropose(now)) this.#first.propose()
    else this.#first.decide(this.proposals, now)
  }

  #mayPropose(now: Now): boolean {
    return this.#joined && this.#liveSince !== undefined && elapsedMs(this.#liveSince, now.mono) >= STILL_MS
  }

  // ---- hearing of lists

  #heard(from: NodeId, tell: VotersTell, now: Now): void {
    const { list } = tell
    if (list !== undefined && !isSound(list)) {
      this.#conflicts.note('voters-malformed', from, list, this.#row)
      return
    }
    this.#statements.note(from, tell)
    this.#change.heard(from, tell)
    this.#first.heard(from, tell)
    if (tell.ask !== undefined) this.#tell([from], tell.ask)
    if (list === undefined) {
      if (this.#disk !== undefined && tell.answer === undefined) this.#tell([from])
      return
    }
    this.#change.heardOf(list.ballot)
    this.#consider(from, tell, list, now)
    const mine = this.#disk
    if (mine !== undefined && isNewer(mine, list) && tell.answer === undefined) this.#tell([from])
    this.#form(now)
    this.#change.tick(now)
  }

  #consider(from: NodeId, { firm }: VotersTell, told: VoterList, now: Now): void {
    const verdict = acceptance(this.#row, told)
    if (verdict === 'keep') {
      if (firm && this.#row !== undefined && isSame(this.#row, told)) this.#vouched = true
    } else if (verdict === 'adopt') {
      if (this.#row === undefined && told.version === 0 && this.#parts.config.voters.length > 0) return
      this.#adopt(told, firm)
    } else if (verdict === 'refuse') {
      this.#change.refused(told, now)
    } else if (firm && !this.#isFirm() && told.version > 0) {
      this.#log('warn', 'voters-overruled', { by: from, names: told.names, mine: this.#row?.names })
      this.#adopt(told, firm)
    } else this.#conflicts.note('voters-conflict', from, told, this.#row)
  }

  #adopt(told: VoterList, firm: boolean): void {
    this.#vouched = firm
    if (told.floor !== undefined) this.#parts.top().raise(told.floor)
    this.#write(promising(listOf(told), higherBallot(this.#row?.promised, told.ballot)))
  }

  #desk(): VoterDesk {
    const book = this
    return {
      self: this.#parts.self,
      disk: this.#parts.disk,
      nextAsk: () => `${this.#parts.disk} ${this.#parts.session} ${++this.#asks}`,
      statements: this.#statements,
      get row() {
        return book.#row
      },
      get stored() {
        return book.#disk
      },
      get live() {
        return book.#live
      },
      get promiseMs() {
        return book.#parts.promiseMs()
      },
      get top() {
        return book.#parts.top().value
      },
      isFirm: () => this.#isFirm(),
      write: (row, then) => this.#write(row, then),
      adopt: list => this.#adopt(list, true),
      tell: to => this.#tell(to),
      send: (to, message) => this.#send(to, message),
      log: (level, event, fields) => this.#log(level, event, fields),
    }
  }

  // ---- disk and wire

  #write(row: StoredVoters, then: (now: Now) => void = () => {}): void {
    this.#row = row
    const mark = this.#parts.nextMark()
    this.#writes.set(mark, { row, then })
    const writes = [{ table: 'grants', key: 'voters', value: row }] as const
    this.#parts.out.push({ kind: 'persist', writes, then: [{ kind: 'persisted', mark }] })
  }

  #take(row: StoredVoters | undefined): void {
    this.#disk = row
    this.#linked = undefined
    const counts = row !== undefined && row.version > 0
    this.#name = counts ? nameOf(row) : undefined
    this.#names = counts ? namesOf(row) : []
  }

  /** Another list is on the disk than before. */
  #turned(now: Now): void {
    const list = this.#disk
    if (list === undefined) return
    this.#change.turned(now)
    this.#first.turned()
    this.#log('info', 'voters', { version: list.version, names: list.names, previous: list.previous })
    this.#tell([...new Set([...this.#names, ...this.#live])])
    this.tick(now)
  }

  /** May this node's word decide about lists? */
  #isFirm(): boolean {
    return this.includes(this.#parts.self) ? this.#parts.top().known : this.#vouched
  }

  /** All voters while something is under way; else one member after the other. */
  #audience(): readonly NodeId[] {
    const living = sorted(this.#live)
    if (this.#disk === undefined || this.#disk.version === 0)
      return [...new Set([...living.slice(0, ASKED_MAX), ...this.#first.silent])]
    if (isJoint(this.#disk)) return this.#names
    this.#tells = (this.#tells + 1) % Math.max(1, living.length)
    return living.slice(this.#tells, this.#tells + 1)
  }

  /** @param answer the question that this answers */
  #tell(to: readonly NodeId[], answer?: string): void {
    const list = this.#disk === undefined ? undefined : listOf(this.#disk)
    const [firm, top, promiseMs] = [this.#isFirm(), this.#parts.top().value, this.#parts.promiseMs()]
    const said = { type: 'voters', list, firm, top, promiseMs, disk: this.#parts.disk } as const
    // An answer asks nothing: two that ask each other would never end.
    const ask = this.#first.ask ?? this.#change.ask
    const asked = ask === undefined ? {} : { ask }
    const message: VotersTell = { ...said, ...(answer === undefined ? asked : { answer }) }
    for (const node of to) this.#send(node, message)
  }

  #send(to: NodeId, message: VotersMessage): void {
    if (to !== this.#parts.self) this.#parts.out.push({ kind: 'send', to, message })
  }

  #log(
    level: 'info' | 'warn' | 'error',
    event: string,
    fields: Extract<GrantsEffect, { kind: 'log' }>['fields'],
  ) {
    this.#parts.out.push({ kind: 'log', level, event, fields })
  }
}
