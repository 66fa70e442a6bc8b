/**
 * The one door through which claims about members enter: from a hello, a sync, a rumour, a verdict.
 *
 * What is new is logged, written into the why-ledger and, unless gossip brought it, told on. News about this node itself
 * is never taken: a claim that it is dead, gone or in a later incarnation is refuted with a higher one. A claim that a
 * member is dead, or speaks with another key now, is not believed while this node hears that member itself: the member
 * is told instead, and can refute it.
 *
 * A key is one process, so of two living names with one key one has left. Which? Whoever hears the process knows its name;
 * who has the key itself knows best, and outbids a later life; everybody else takes the later life. A renamed node would else
 * live under both names for ever, once those that saw it come back have dropped the tombstone of the old name.
 */
import type { NodeId } from '../base/ids.ts'
import { after, elapsedMs, type Instant, NEVER, type Now, type WallMs } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Ledger } from './ledger.ts'
import { isLaterLife, type MemberRecord, supersedes } from './member.ts'
import type { LogFields, Outbox } from './outbox.ts'
import { portions } from './portions.ts'
import type { Learned, Roster } from './roster.ts'

/** News wait this long for company, so that a join storm is a few messages and not hundreds. */
const BATCH_MS = 50
/** Records in one rumour, if they fit; the rest go into the next. */
const RUMOUR_RECORDS_MAX = 150

/** A node contests another holder of its name, or another name for its key, at most this often, in ms. */
const CONTEST_PAUSE_MS = 5_000

/**
 * Incarnations begin as wall clock milliseconds. One further ahead of this node's clock than 557 years is a fault, and is
 * not taken: somebody whose name it bears could have to outbid it, up to where numbers end. The limit moves with the
 * clock, so whatever is below it can be outbid a millisecond later.
 */
export const INCARNATION_AHEAD_MS = 2 ** 44
/** Sources of incarnations beyond that are named once each, up to so many. */
const FAULTY_SOURCES_MAX = 1_000

export type Source = 'hello' | 'sync' | 'gossip' | 'leave' | 'verdict' | 'self' | 'operator'

/** False for a claim of death, or of another key or name, about a member (`about`) that this node hears itself. */
type Believable = (
  record: MemberRecord,
  source: Source,
  from: NodeId | undefined,
  now: Now,
  about?: NodeId,
) => boolean

export class News {
  readonly #roster: Roster
  readonly #claims: ClaimBoard
  readonly #ledger: Ledger
  readonly #out: Outbox
  readonly #pending = new Map<NodeId, MemberRecord>()
  readonly #believable: Believable
  #flushAt: Instant = NEVER
  #contestedAt: Instant = -NEVER as Instant
  readonly #faultySources = new Set<NodeId | undefined>()
  refutations = 0
  implausible = 0
  rosterFull = 0

  constructor(
    parts: { roster: Roster; claims: ClaimBoard; ledger: Ledger; out: Outbox },
    believable: Believable,
  ) {
    this.#roster = parts.roster
    this.#claims = parts.claims
    this.#ledger = parts.ledger
    this.#out = parts.out
    this.#believable = believable
  }

  get flushAt(): Instant {
    return this.#flushAt
  }

  /**
   * Takes one claim about a member.
   * @param tellOn false for what everybody else knows already
   */
  take(said: MemberRecord, source: Source, from: NodeId | undefined, now: Now, tellOn = true): Learned {
    if (!isPlausible(said, now.wall)) return this.#refuseImplausible(said, from)
    if (said.id === this.#roster.self.id) return this.#aboutSelf(said, from, now)
    const judged = this.#judgeKey(said, source, from, now)
    if (judged === undefined) return 'stale'
    const news = judged.status === 'alive' ? judged : { ...judged, goneAt: goneAtOf(judged, now.wall) }
    const before = this.#roster.get(news.id)?.record
    const usurps = before?.status === 'alive' && before.peerId !== news.peerId && source !== 'hello'
    const buries = (news.status === 'dead' && source !== 'verdict') || news.forgotten === true
    const doubtful = buries || usurps
    if (doubtful && !this.#believable(news, source, from, now)) return 'stale'
    if (source === 'gossip') this.#heardAlready(said)
    const rival = this.#rivalOf(news)
    if (rival !== undefined && (source === 'hello' || before === undefined || supersedes(news, before)))
      this.take(departed(rival), source, from, now, tellOn)
    const learned = this.#roster.learn(news, now.mono, now.wall)
    if (learned === 'full') this.#refuseMore(news)
    if (learned === 'stale' || learned === 'full') return learned
    this.#announce(news, before, source, from, now)
    if (source !== 'gossip' && tellOn) this.spread(news, now.mono)
    return learned
  }

  /** This node says something new about itself, at once. */
  proclaim(change: Partial<MemberRecord>, event: string, fields: LogFields, now: Now): MemberRecord {
    const self = this.#roster.setSelf(change, now.mono, now.wall)
    this.record(self.id, 'info', event, `now incarnation ${self.incarnation}`, fields, now)
    this.#out.publish({ type: 'rumour', members: [self] })
    return self
  }

  /** Logs an event about a member and keeps it in the why-ledger. */
  record(
    member: NodeId,
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    text: string,
    fields: LogFields,
    now: Now,
  ): void {
    this.#ledger.note(member, { at: now.wall, event, text, fields })
    this.#out.log(level, event, { member, ...fields })
  }

  /** Publishes a record with the next batch. */
  spread(record: MemberRecord, now: Instant): void {
    this.#pending.set(record.id, record)
    if (this.#flushAt === NEVER) this.#flushAt = after(now, BATCH_MS)
  }

  flush(now: Instant): void {
    if (now < this.#flushAt) return
    const [members = []] = portions([...this.#pending.values()].slice(0, RUMOUR_RECORDS_MAX))
    for (const record of members) this.#pending.delete(record.id)
    if (members.length > 0) this.#out.publish({ type: 'rumour', members })
    this.#flushAt = this.#pending.size > 0 ? after(now, BATCH_MS) : NEVER
  }

  /** The other name that lives with the key of this one. A node takes no name from itself. */
  #rivalOf({ id, peerId, status }: MemberRecord): MemberRecord | undefined {
    const rival = status === 'alive' ? this.#roster.byPeer(peerId)?.record : undefined
    if (rival === undefined || rival.id === id || rival.id === this.#roster.self.id) return undefined
    return rival.status === 'alive' ? rival : undefined
  }

  /** The claim as its key tells it: as it is, of a name that has left, or (undefined) not to be taken. A hello proves itself. */
  #judgeKey(
    said: MemberRecord,
    source: Source,
    from: NodeId | undefined,
    now: Now,
  ): MemberRecord | undefined {
    const before = this.#roster.get(said.id)?.record
    if (source === 'hello' || said.status !== 'alive') return said
    if (before !== undefined && !supersedes(said, before)) return said
    if (said.peerId === this.#roster.self.peerId) return this.#judgeOwnKey(said, from, now)
    const rival = this.#rivalOf(said)
    if (rival === undefined) return said
    const believable = this.#believable(said, source, from, now, rival.id)
    if (isLaterLife(said, rival)) return believable ? said : undefined
    return believable ? undefined : departed(said)
  }

  /** Nobody but this node has its key, unless it gives way to another that has. */
  #judgeOwnKey(said: MemberRecord, from: NodeId | undefined, now: Now): MemberRecord | undefined {
    const { self } = this.#roster
    if (this.#out.muted || self.leaving || self.status === 'left') return said
    if (!isLaterLife(said, self)) return departed(said)
    if (!this.#mayOutbid(now)) return undefined
    const reason = `its key said to be that of ${said.id} in incarnation ${said.incarnation}`
    this.refute(said.incarnation, reason, from, now)
    return departed(said)
  }

  /** Whether the claim says that this node is gone, or that somebody later bears its name. */
  #aboutSelf(news: MemberRecord, from: NodeId | undefined, now: Now): Learned {
    const self = this.#roster.self
    if (this.#out.muted || self.status === 'left') return 'stale'
    const another = isAnother(news, self)
    const contradicts = news.incarnation === self.incarnation && (another || isOtherShare(news, self))
    if (!supersedes(news, self) && !contradicts) return 'stale'
    // Whoever goes has a successor there, and must not take its name away again.
    if (another && self.leaving) return 'stale'
    if (another && !this.#mayContest(news, from, now)) return 'stale'
    this.refute(news.incarnation, `said to be ${news.status} in incarnation ${news.incarnation}`, from, now)
    return 'changed'
  }

  /** Two live holders of one name would outbid each other without end: said aloud, and contested only now and then. */
  #mayContest(news: MemberRecord, from: NodeId | undefined, now: Now): boolean {
    if (!this.#mayOutbid(now)) return false
    const fields = { code: 'NODE_ID_TAKEN', peerId: news.peerId, addresses: news.addresses, from }
    this.record(news.id, 'error', 'node-id-conflict', 'another node bears the name of this one', fields, now)
    return true
  }

  #mayOutbid(now: Now): boolean {
    if (elapsedMs(this.#contestedAt, now.mono) < CONTEST_PAUSE_MS) return false
    this.#contestedAt = now.mono
    return true
  }

  /** Raises this node's incarnation above the one that was claimed. */
  refute(incarnation: number, reason: string, from: NodeId | undefined, now: Now): void {
    if (this.#out.muted) return
    this.refutations++
    const fields = { reason, by: from }
    this.proclaim({ incarnation: incarnation + 1, status: 'alive' }, 'refuted', fields, now)
  }

  #heardAlready(news: MemberRecord): void {
    const pending = this.#pending.get(news.id)
    if (pending !== undefined && !supersedes(pending, news)) this.#pending.delete(news.id)
  }

  #announce(
    news: MemberRecord,
    before: MemberRecord | undefined,
    source: Source,
    from: NodeId | undefined,
    now: Now,
  ): void {
    const accused = before === undefined ? 0 : this.#claims.against(before.id, before.incarnation).length
    if (before === undefined || before.incarnation !== news.incarnation) this.#claims.forget(news.id)
    const fields = {
      memberIncarnation: news.incarnation,
      before: before?.status,
      memberIncarnationBefore: before?.incarnation,
      /** Accusations that this ends. */
      accused,
      source,
      from,
      addresses: news.addresses,
      peerId: news.peerId,
    }
    const event = eventOf(news, before)
    const level = news.status === 'dead' ? 'warn' : 'info'
    const ends = accused === 0 || news.status !== 'alive' ? '' : `; ends ${accused} accusations`
    this.record(news.id, level, event, `known from ${source}${from ? ` of ${from}` : ''}${ends}`, fields, now)
  }

  #refuseImplausible(news: MemberRecord, from: NodeId | undefined): Learned {
    this.implausible++
    if (this.#faultySources.has(from) || this.#faultySources.size >= FAULTY_SOURCES_MAX) return 'stale'
    this.#faultySources.add(from)
    const fields = { member: news.id, memberIncarnation: news.incarnation, from }
    this.#out.log('error', 'incarnation-implausible', fields)
    return 'stale'
  }

  #refuseMore(news: MemberRecord): void {
    this.rosterFull++
    if (this.rosterFull === 1) this.#out.log('error', 'roster-full', { member: news.id })
  }
}

export const isPlausible = (record: MemberRecord, wall: WallMs): boolean =>
  record.incarnation <= wall + INCARNATION_AHEAD_MS

/**
 * Does somebody else live under this node's name? Whoever copies a data directory copies the key: then only the
 * addresses tell the two apart.
 */
export const isAnother = (news: MemberRecord, self: MemberRecord): boolean =>
  news.status === 'alive' &&
  (news.peerId !== self.peerId || !news.addresses.some(at => self.addresses.includes(at)))

/**
 * Would rings differ by which of the two is believed? Of one incarnation nobody takes the other, so two rings would stand side
 * by side until this node says another one.
 */
const isOtherShare = (news: MemberRecord, self: MemberRecord): boolean =>
  news.status === 'alive' &&
  (news.weight !== self.weight || (news.cordoned === true) !== (self.cordoned === true))

/**
 * When its end was found, and never after now: whoever hears of it from here counts from then, and the end that a clock far ahead
 * has written would be handed round for ever. Rosters are not compared by it.
 */
const goneAtOf = ({ goneAt }: MemberRecord, wall: WallMs): WallMs =>
  goneAt === undefined || goneAt > wall ? wall : goneAt

const departed = (record: MemberRecord): MemberRecord => ({ ...record, status: 'left', leaving: true })

function eventOf(news: MemberRecord, before: MemberRecord | undefined): string {
  if (news.forgotten) return 'member-forgotten'
  if (news.status === 'dead') return 'member-dead'
  if (news.status === 'left') return 'member-left'
  if (news.leaving) return 'member-leaving'
  if (before?.status === 'alive') return renewal(news, before)
  return 'member-alive'
}

function renewal(news: MemberRecord, before: MemberRecord): string {
  const [is, was] = [news.cordoned === true, before.cordoned === true]
  if (is !== was) return is ? 'member-cordoned' : 'member-uncordoned'
  if (news.onlyDisk !== undefined && news.onlyDisk !== before.onlyDisk) return 'member-former-disk-forgotten'
  return news.weight === before.weight ? 'member-renewed' : 'member-reweighted'
}
