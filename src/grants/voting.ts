/** A voter's answers: silence after boot, refusals, promises, and terms that are on disk before anybody acts on them. */
import type { NodeId, PeerId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { GrantsConfig } from './config.ts'
import type { GrantsEffect } from './effects.ts'
import type { Grant, GrantRefused, Renew } from './messages.ts'
import type { Notes } from './notes.ts'
import { PROMISES_MAX, Promises } from './promises.ts'
import type { Rings } from './rings.ts'
import { timesFor } from './times.ts'
import type { Voters } from './voters.ts'

/** Writes that answers wait for. Beyond it the oldest goes, with its answers: who waits for one asks again. */
export const WAITING_MAX = 1_024

/** A longer promise is written down in steps of so many ms, so that not every member above 200 costs a write. */
const PROMISE_STEP_MS = 500

/** The face of a voter's top, as voting needs it. */
export interface VotedTop {
  readonly value: number
  readonly known: boolean
  raise(term: number, then: readonly GrantsEffect[]): void
}

export interface VotingParts {
  readonly self: NodeId
  readonly config: GrantsConfig
  readonly rings: Rings
  readonly voters: Voters
  readonly top: VotedTop
  readonly notes: Notes
  /** A number that no other `persisted` effect of this node has. */
  readonly nextMark: () => number
  readonly reply: (to: Asker, message: Grant | GrantRefused, now: Now) => void
  readonly out: { push(effect: GrantsEffect): unknown }
}

/** Who asked, by name and key: another process may have come to bear the name before the answer goes out. */
export interface Asker {
  readonly node: NodeId
  readonly peer: PeerId
}

interface Taken {
  readonly session: number
  readonly term: number
}

/** A grant that goes out once more when the disk has what it is to say. */
interface Waiting {
  readonly to: Asker
  readonly renew: Renew
  readonly grant: Grant
  /** The term that is on its way to the disk, if one is. */
  readonly term: number | undefined
}

export class Voting {
  readonly #parts: VotingParts
  readonly #promises: Promises
  readonly #bootAt: Instant
  /** How long it says nothing after boot: what it may have promised before. */
  #silenceMs: number
  /** The disk told it how long; else it takes what the rings that it sees now would have had it promise. */
  readonly #remembers: boolean
  /** The longest W this boot has a use for; promises are made for no more than `#promiseOnDisk`. */
  #promiseMs = 0
  /** What the next boot will find as the longest promise of this one, at the least. */
  #promiseOnDisk: number
  #promiseWritten: number
  readonly #promiseMarks = new Map<number, number>()
  /** The term that each node's session has here. */
  readonly #terms = new Map<NodeId, Taken>()
  /** By the mark of the write that they wait for; of each asker the newest, so a disk that hangs costs no more with time. */
  readonly #waiting = new Map<number, Map<NodeId, Waiting>>()
  /** The last of these writes, and what it was the last of. */
  #lastWrite: { readonly mark: number; readonly notes: number; readonly top: number } | undefined
  /** The highest term that is surely on disk. */
  #onDisk: number
  #ring: Ring | undefined
  readonly counts = { granted: 0, refused: 0, stale: 0, dropped: 0 }
  readonly refusals: Record<GrantRefused['reason'], number> = {
    ring: 0,
    voters: 0,
    session: 0,
    silent: 0,
    'not-a-voter': 0,
  }

  /** @param stored what the disk held at boot */
  constructor(
    parts: VotingParts,
    stored: { top: number | undefined; promiseMs?: number | undefined },
    now: Now,
  ) {
    this.#parts = parts
    this.#promises = new Promises(parts.rings, parts.config.trustRefused)
    this.#bootAt = now.mono
    this.#remembers = stored.promiseMs !== undefined
    this.#promiseOnDisk = stored.promiseMs ?? 0
    this.#promiseWritten = this.#promiseOnDisk
    this.#silenceMs = Math.max(parts.config.promiseMs, this.#promiseOnDisk)
    this.#onDisk = stored.top ?? 0
    this.#lengthen(parts.config.promiseMs)
  }

  /** The longest promise of this boot, or of an earlier one that may still stand, in ms. */
  get promiseMsMax(): number {
    return Math.max(this.#promiseMs, this.#promiseOnDisk, this.#silenceMs)
  }

  get promises(): number {
    return this.#promises.size
  }

  viewChanged(ring: Ring): void {
    this.#ring = ring
    this.#parts.notes.viewChanged(ring)
    const { promiseMs } = timesFor(ring.members.length, this.#parts.config)
    if (!this.#remembers) this.#silenceMs = Math.max(this.#silenceMs, promiseMs)
    this.#lengthen(promiseMs)
  }

  /** Before it makes a longer promise than ever, the next boot must be sure to find that it may have. */
  #lengthen(promiseMs: number): void {
    this.#promiseMs = Math.max(this.#promiseMs, promiseMs)
    if (promiseMs > this.#promiseWritten)
      this.#write(Math.ceil(promiseMs / PROMISE_STEP_MS) * PROMISE_STEP_MS)
  }

  /** Once the silence is over, the promises of earlier boots are too: what is longer than this boot's may be forgotten. */
  tick(now: Now): void {
    const needed = Math.ceil(this.#promiseMs / PROMISE_STEP_MS) * PROMISE_STEP_MS
    if (this.#promiseWritten > needed && this.silentUntil <= now.mono) this.#write(needed)
  }

  #write(promiseMs: number): void {
    const mark = this.#parts.nextMark()
    this.#promiseWritten = promiseMs
    this.#promiseMarks.set(mark, promiseMs)
    // A shorter one may be all that the next boot finds, whatever is written after it.
    this.#promiseOnDisk = Math.min(this.#promiseOnDisk, promiseMs)
    const writes = [{ table: 'grants', key: 'promiseMs', value: promiseMs }] as const
    this.#parts.out.push({ kind: 'persist', writes, then: [{ kind: 'persisted', mark }] })
  }

  expire(now: Now): void {
    this.#promises.expire(now)
  }

  granting(now: Now): boolean {
    const { voters, top, self } = this.#parts
    return voters.includes(self) && top.known && this.#promiseOnDisk > 0 && this.silentUntil <= now.mono
  }

  /** How long it grants nothing after boot, in ms. */
  get silenceMs(): number {
    return this.#silenceMs
  }

  get silentUntil(): Instant {
    return after(this.#bootAt, this.#silenceMs)
  }

  /** This node itself saw that the process is gone. @param since see `Promises.drop` */
  refused(node: NodeId, peer: PeerId, since?: Instant): boolean {
    const dropped = this.#promises.drop(node, peer, since)
    if (dropped) this.counts.dropped++
    return dropped
  }

  receive(from: NodeId, peer: PeerId, renew: Renew, now: Now): void {
    const ring = this.#ring
    const asker = { node: from, peer }
    const reason = this.#unfit(renew, now)
    if (reason !== undefined || ring === undefined) {
      this.#refuse(asker, renew, reason ?? 'silent', now)
      return
    }
    const wanted = timesFor(ring.members.length, this.#parts.config)
    const promiseMs = Math.min(wanted.promiseMs, this.#promiseOnDisk)
    const verdict = this.#promises.receive(from, peer, renew, ring.checksum, promiseMs, now)
    if (verdict.kind === 'stale') this.counts.stale++
    else if (verdict.kind === 'refused') this.#refuse(asker, renew, verdict.reason, now)
    else {
      const { session, seq } = renew
      const grant = { type: 'grant', session, seq, ...verdict.granted, promiseMs } as const
      this.#grant(asker, renew, grant, now)
    }
  }

  #unfit(renew: Renew, now: Now): GrantRefused['reason'] | undefined {
    const { voters, self } = this.#parts
    const { name } = voters
    if (name === undefined) return 'voters'
    if (name.version !== renew.voters.version || name.hash !== renew.voters.hash) return 'voters'
    if (!voters.includes(self)) return 'not-a-voter'
    return this.granting(now) ? undefined : 'silent'
  }

  #refuse(to: Asker, { session, seq }: Renew, reason: GrantRefused['reason'], now: Now): void {
    this.counts.refused++
    this.refusals[reason]++
    const ring = this.#ring?.checksum ?? ''
    this.#parts.reply(to, { type: 'grant-refused', session, seq, reason, ring }, now)
  }

  /** The lease must not wait for the disk; only term and notes do, and then the same grant goes out once more with them. */
  #grant(to: Asker, renew: Renew, given: Omit<Grant, 'top' | 'termTaken'>, now: Now): void {
    this.counts.granted++
    const { top, notes } = this.#parts
    notes.heard(to.node, renew)
    const fresh = renew.term > top.value
    if (fresh) this.#take(to.node, { session: renew.session, term: renew.term })
    const taken = this.#terms.get(to.node)
    const own = taken?.session === renew.session && taken.term === renew.term && renew.term > 0
    const onDisk = own && renew.term <= this.#onDisk
    // A term of its own that is under way to the disk must not look to the member like somebody else's.
    const known = own ? Math.min(top.value, renew.term - 1) : top.value
    const grant: Grant = { ...given, top: onDisk ? this.#onDisk : known, termTaken: onDisk }
    this.#parts.reply(to, { ...grant, ...notes.told(renew) }, now)
    const term = own && !onDisk ? renew.term : undefined
    if (term === undefined && !notes.pending) return
    this.#waitingFor(term ?? 0).set(to.node, { to, renew, grant, term })
  }

  /** Who waits for all that was written so far, and for this term. */
  #waitingFor(term: number): Map<NodeId, Waiting> {
    const { top, notes, nextMark } = this.#parts
    const last = this.#lastWrite
    if (last !== undefined && term <= top.value && last.top === top.value && last.notes === notes.seq) {
      const known = this.#waiting.get(last.mark)
      if (known !== undefined) return known
    }
    const mark = nextMark()
    const waiting = new Map<NodeId, Waiting>()
    this.#waiting.set(mark, waiting)
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value as number)
    top.raise(term, [{ kind: 'persisted', mark }])
    this.#lastWrite = { mark, notes: notes.seq, top: top.value }
    return waiting
  }

  #take(node: NodeId, taken: Taken): void {
    this.#terms.delete(node)
    this.#terms.set(node, taken)
    if (this.#terms.size > PROMISES_MAX) this.#terms.delete(this.#terms.keys().next().value as NodeId)
  }

  persisted(mark: number, now: Now): void {
    if (this.#parts.notes.persisted(mark)) return
    const promiseMs = this.#promiseMarks.get(mark)
    this.#promiseMarks.delete(mark)
    if (promiseMs !== undefined) this.#promiseOnDisk = Math.min(promiseMs, ...this.#promiseMarks.values())
    const waiting = this.#waiting.get(mark)
    if (!waiting) return
    this.#waiting.delete(mark)
    for (const { term } of waiting.values())
      if (term !== undefined) this.#onDisk = Math.max(this.#onDisk, term)
    for (const each of waiting.values()) this.#answerAgain(each, now)
  }

  #answerAgain({ to, renew, grant, term }: Waiting, now: Now): void {
    // Whoever has its name by now did not ask this, and may have asked another thing under that number.
    if (!this.#promises.standsFor(to.node, to.peer, renew)) return
    const taken = term === undefined ? {} : { top: this.#onDisk, termTaken: true }
    // Promised long since: this is no first grant.
    const asker = renew.disk === undefined ? {} : { disk: renew.disk }
    const told = this.#parts.notes.told(renew)
    this.#parts.reply(to, { ...grant, fresh: false, ...taken, ...told, ...asker }, now)
  }

  /** Rings that stand in promises and are unknown here. */
  unknownRings(): Iterable<readonly [NodeId, string]> {
    return this.#promises.unknownRings()
  }
}
