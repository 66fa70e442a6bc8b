/**
 * Who waits for tasks, who holds which, and until when: a machine that is told what happens and says what must follow.
 *
 * Intuition: a claim is a loan of a loan. The node has the right to run an attempt until some time, and lends it on to a
 * client under a lease of its own. Three ends are kept apart, and the first of them counts: the lease (the client is
 * silent), the time limit of the attempt, and the right to act for the key. The client is told one number, the earliest of
 * the three; who obeys it has stopped before anybody else can start.
 * Rule: a claim is ended by its client's word, by one of the three ends, or by the core's; whoever comes later finds it
 * ended. The word must name the attempt and the token: what a client of an attempt before says is refused.
 * A cancelled claim is told of and waited for, until its client confirms or it would have ended anyway: so the key stays
 * busy while somebody may still work on it.
 * Not taken: to let an open connection stand for life. It outlives a frozen client, and a proxy holds it for a dead one.
 */
import type { TaskId } from '../../../base/ids.ts'
import { after, type Instant, later, NEVER, type Now } from '../../../base/time.ts'
import type { AttemptOrder } from '../../../node/machine.ts'
import type { ClaimEnding, ClaimName } from '../../../runtime/claims.ts'
import type { ProgressReport } from '../../../tasks/progress.ts'
import type { Outcome } from '../../../tasks/task.ts'
import { cancelled, fenced, timedOut } from '../executor.ts'
import { EndedClaims, type HowEnded } from './ended-claims.ts'
import { expired, outcomeOf, UNCLAIMED } from './outcomes.ts'
import { hearOnce, stoodStill } from './standstill.ts'

/** An order whose client went away waits so long for another one, in ms: for one that comes back at once. */
export const HOLD_MS = 1_000
/** A claim ends so long before the right to act does, in ms: a client's timer is late, too. */
export const RIGHT_LEAD_MS = 100

export interface BookLimits {
  /** A claim that was not renewed for this long is lost, in ms. */
  readonly leaseMs: number
  /** Clients that wait at one time. */
  readonly waitersMax: number
  /** Claims held, and places that waiting clients offer, together. */
  readonly claimsMax: number
}

/** A client that waits. */
export interface Waiter {
  readonly types: readonly string[]
  readonly max: number
  readonly until: Instant
  readonly client: string
}

interface Waiting extends Waiter {
  readonly number: number
  readonly places: number
  /** Orders for it that are not handed over yet. */
  readonly got: Order[]
}

/** An attempt that was begun here. */
interface Order {
  readonly order: AttemptOrder
  readonly deadline: Instant
  /** End of the right to act. */
  until: Instant
  /** Where it is: with nobody, with a client that waits, or handed over. */
  at: 'nobody' | 'waiter' | 'client'
  /** With nobody: how long it stays so. */
  holdUntil: Instant
}

export interface Held extends Order {
  readonly id: string
  readonly client: string
  readonly since: Now
  leaseUntil: Instant
  /** Its end was put off by a standstill, since it was renewed last. */
  putOff: boolean
  cancelled: boolean
  progress: ProgressReport | undefined
}

export type BookEffect =
  /** To the core: so many tasks of these types would be taken. */
  | {
      readonly kind: 'offer'
      readonly offer: number
      readonly types: readonly string[]
      readonly places: number
    }
  | { readonly kind: 'withdraw'; readonly offer: number }
  /** The answer to a client that waits; it waits no more. */
  | { readonly kind: 'hand'; readonly waiter: number; readonly claims: readonly Held[] }
  /** The attempt is over. */
  | { readonly kind: 'end'; readonly attempt: string; readonly outcome: Outcome }
  /** Something happened to a claim that its client should know of. */
  | { readonly kind: 'news'; readonly claim: string }
  | { readonly kind: 'expired'; readonly claim: Held }

/** What becomes of a word of a client. */
export type Verdict =
  | { readonly kind: 'held' | 'cancelled'; readonly claim: Held }
  | { readonly kind: 'ended'; readonly how: HowEnded; readonly task: TaskId }
  | { readonly kind: 'unknown' }
  /** There is such a claim, and it is of another attempt or token. */
  | { readonly kind: 'stale' }

/** The verdict on a word of a client, and what follows from it and from the time that it came. */
export interface Heard {
  readonly verdict: Verdict
  readonly effects: readonly BookEffect[]
}

export class ClaimBook {
  readonly ended = new EndedClaims()
  readonly #limits: BookLimits
  readonly #newId: () => string
  readonly #waiting = new Map<number, Waiting>()
  readonly #orders = new Map<string, Order>()
  readonly #held = new Map<string, Held>()
  #numbers = 0
  #nextWake: Instant = NEVER

  /** @param newId a name that nobody can guess and no other claim has */
  constructor(limits: BookLimits, newId: () => string) {
    this.#limits = limits
    this.#newId = newId
  }

  /** When `tick` is wanted at the latest. May be early. */
  get nextWake(): Instant {
    return this.#nextWake
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get held(): ReadonlyMap<string, Held> {
    return this.#held
  }

  /** Orders that nobody has. */
  get unclaimed(): number {
    return [...this.#orders.values()].filter(order => order.at === 'nobody').length
  }

  /** Why no further client may wait; undefined when one may. */
  full(): 'waiters' | 'claims' | undefined {
    if (this.#waiting.size >= this.#limits.waitersMax) return 'waiters'
    return this.#room() < 1 ? 'claims' : undefined
  }

  /** A client waits from now on, where `full` says that it may. Its number, and what follows. */
  wait(waiter: Waiter, now: Now): { readonly number: number; readonly effects: readonly BookEffect[] } {
    const number = ++this.#numbers
    const places = Math.min(waiter.max, this.#room())
    const waiting: Waiting = { ...waiter, number, places, got: [] }
    this.#waiting.set(number, waiting)
    for (const order of this.#orders.values()) {
      if (waiting.got.length < places && order.at === 'nobody' && fits(waiting, order)) give(order, waiting)
    }
    if (waiting.got.length > 0) return { number, effects: this.#hand(waiting, now) }
    this.#expect(waiter.until)
    return { number, effects: [{ kind: 'offer', offer: number, types: waiter.types, places }] }
  }

  /** Nobody waits for this answer any more. */
  gone(number: number, now: Now): readonly BookEffect[] {
    const waiting = this.#waiting.get(number)
    if (waiting === undefined) return []
    this.#waiting.delete(number)
    const got = waiting.got.filter(order => this.#knows(order))
    for (const order of got) this.#keep(order, now)
    this.#passOn(got)
    return [{ kind: 'withdraw', offer: number }, ...this.flush(now)]
  }

  /** The core has begun an attempt. What clients get by it is handed over by `flush`. */
  ordered(order: AttemptOrder, until: Instant, now: Now): void {
    const deadline = after(now.mono, order.timeoutMs)
    const begun: Order = { order, deadline, until, at: 'nobody', holdUntil: NEVER }
    this.#orders.set(nameOf(order), begun)
    this.#keep(begun, now)
    this.#passOn([begun])
  }

  /** Hands over what has come for those who wait. */
  flush(now: Now): readonly BookEffect[] {
    const served = [...this.#waiting.values()].filter(({ got }) => got.length > 0)
    return served.flatMap(waiting => this.#dismiss(waiting, now))
  }

  /** The answer with these claims did not get out. */
  undelivered(ids: readonly string[], now: Now): readonly BookEffect[] {
    const ended: BookEffect[] = []
    for (const id of ids) {
      const held = this.#held.get(id)
      if (held?.cancelled === true) ended.push(...this.#end(held, cancelled(), 'cancelled'))
      if (held === undefined || held.cancelled) continue
      this.#held.delete(id)
      const { order, deadline, until } = held
      const back: Order = { order, deadline, until, at: 'nobody', holdUntil: NEVER }
      this.#orders.set(nameOf(order), back)
      this.#keep(back, now)
      this.#passOn([back])
    }
    return [...ended, ...this.flush(now)]
  }

  /** The right to run it lasts until then. */
  extend(attempt: string, until: Instant): void {
    const order = this.#orders.get(attempt)
    if (order !== undefined) order.until = later(order.until, until)
  }

  /** The core wants it ended. */
  abort(attempt: string): readonly BookEffect[] {
    const order = this.#orders.get(attempt)
    if (order === undefined) return []
    if (!isHeld(order)) return this.#end(order, cancelled())
    if (order.cancelled) return []
    order.cancelled = true
    return [{ kind: 'news', claim: order.id }]
  }

  /** The client lives and works on. */
  renew(name: ClaimName, progress: ProgressReport | undefined, now: Now): Heard {
    const effects = this.tick(now)
    const verdict = this.look(name)
    if (verdict.kind !== 'held') return { verdict, effects }
    const { claim } = verdict
    claim.leaseUntil = after(now.mono, this.#limits.leaseMs)
    claim.putOff = false
    if (progress !== undefined) claim.progress = progress
    this.#expect(claim.leaseUntil)
    return { verdict, effects }
  }

  /** Where the claim stands. */
  look({ claim, attempt, token }: ClaimName): Verdict {
    const held = this.#held.get(claim)
    if (held !== undefined) {
      const { order } = held
      if (order.attempt !== attempt || order.token.value !== token) return { kind: 'stale' }
      return { kind: held.cancelled ? 'cancelled' : 'held', claim: held }
    }
    const ended = this.ended.get(claim)
    if (ended === undefined) return { kind: 'unknown' }
    if (ended.attempt !== attempt || ended.token !== token) return { kind: 'stale' }
    return { kind: 'ended', how: ended.how, task: ended.task }
  }

  /** The client says how it ended. The verdict is that of the moment before. */
  finish(name: ClaimName, ending: ClaimEnding, now: Now): Heard {
    const overdue = this.tick(now)
    const verdict = this.look(name)
    if (verdict.kind !== 'held' && verdict.kind !== 'cancelled') return { verdict, effects: overdue }
    const { claim } = verdict
    const outcome = claim.cancelled && ending.kind !== 'complete' ? cancelled() : outcomeOf(ending)
    return { verdict, effects: [...overdue, ...this.#end(claim, outcome, ending.kind)] }
  }

  /** Ends whatever has run out by now. */
  tick(now: Now): readonly BookEffect[] {
    if (now.mono < this.#nextWake) return []
    if (stoodStill(this.#nextWake, now.mono)) for (const held of this.#held.values()) hearOnce(held, now.mono)
    const effects: BookEffect[] = []
    this.#nextWake = NEVER
    for (const waiting of this.#waiting.values()) {
      if (waiting.until > now.mono) this.#expect(waiting.until)
      else effects.push(...this.#dismiss(waiting, now))
    }
    for (const order of this.#orders.values()) {
      const due = dueOf(order)
      if (due > now.mono) this.#expect(due)
      else effects.push(...this.#runOut(order, now.mono))
    }
    return effects
  }

  /** Those who wait are answered: nothing more is begun here. */
  dismiss(now: Now): readonly BookEffect[] {
    return [...this.#waiting.values()].flatMap(waiting => this.#dismiss(waiting, now))
  }

  /** This process ends. */
  close(now: Now): readonly BookEffect[] {
    const dismissed = this.dismiss(now)
    const ended = [...this.#orders.values()].flatMap(order => this.#end(order, cancelled(), 'stopped'))
    return [...dismissed, ...ended]
  }

  /** When the client must have stopped: the earliest of the three ends. */
  actingUntil({ leaseUntil, deadline, until }: Held): Instant {
    return Math.min(leaseUntil, deadline, after(until, -RIGHT_LEAD_MS)) as Instant
  }

  /** Claims that may still come into being. */
  #room(): number {
    let offered = 0
    for (const { places } of this.#waiting.values()) offered += places
    return this.#limits.claimsMax - offered - this.#held.size
  }

  /** One that was aborted is not in the book any more, though a client that waits may still have it among what it got. */
  #knows(order: Order): boolean {
    return this.#orders.get(nameOf(order.order)) === order
  }

  #expect(at: Instant): void {
    this.#nextWake = Math.min(this.#nextWake, at) as Instant
  }

  /** Nobody has it for now. */
  #keep(order: Order, now: Now): void {
    order.at = 'nobody'
    order.holdUntil = after(now.mono, HOLD_MS)
    this.#expect(dueOf(order))
  }

  /** To the one that it was begun for, or to any other that waits for its type. */
  #passOn(orders: readonly Order[]): void {
    for (const order of orders) {
      const meant = this.#waiting.get(order.order.offer ?? 0)
      const open = (each: Waiting | undefined): each is Waiting =>
        each !== undefined && each.got.length < each.places && fits(each, order)
      const waiting = open(meant) ? meant : [...this.#waiting.values()].find(open)
      if (waiting !== undefined) give(order, waiting)
    }
  }

  /** Answers one that the core was told of. */
  #dismiss(waiting: Waiting, now: Now): readonly BookEffect[] {
    return [{ kind: 'withdraw', offer: waiting.number }, ...this.#hand(waiting, now)]
  }

  #hand(waiting: Waiting, now: Now): readonly BookEffect[] {
    this.#waiting.delete(waiting.number)
    const got = waiting.got.filter(order => this.#knows(order))
    const claims = got.map((order): Held => {
      const leaseUntil = after(now.mono, this.#limits.leaseMs)
      const { client } = waiting
      const id = this.#newId()
      const loan = {
        id,
        client,
        since: now,
        leaseUntil,
        putOff: false,
        cancelled: false,
        progress: undefined,
      }
      return { ...order, ...loan, at: 'client' }
    })
    for (const claim of claims) {
      this.#held.set(claim.id, claim)
      this.#orders.set(nameOf(claim.order), claim)
      this.#expect(dueOf(claim))
    }
    return [{ kind: 'hand', waiter: waiting.number, claims }]
  }

  #runOut(order: Order, now: Instant): readonly BookEffect[] {
    if (after(order.until, -RIGHT_LEAD_MS) <= now) return this.#end(order, fenced('was stopped'), 'fenced')
    if (isHeld(order) && order.cancelled) return this.#end(order, cancelled(), 'cancelled')
    if (order.deadline <= now) return this.#end(order, timedOut(order.order.timeoutMs), 'timed-out')
    if (!isHeld(order)) return this.#end(order, UNCLAIMED)
    const outcome = expired(order.client, this.#limits.leaseMs)
    return [{ kind: 'expired', claim: order }, ...this.#end(order, outcome, 'expired')]
  }

  #end(order: Order, outcome: Outcome, how: HowEnded = 'stopped'): readonly BookEffect[] {
    const attempt = nameOf(order.order)
    this.#orders.delete(attempt)
    const end = { kind: 'end', attempt, outcome } as const
    if (!isHeld(order)) return [end]
    this.#held.delete(order.id)
    const { task, attempt: number, token } = order.order
    this.ended.add(order.id, { how, task, attempt: number, token: token.value })
    return [end, { kind: 'news', claim: order.id }]
  }
}

/** How an attempt is called here. */
export const nameOf = ({ task, attempt }: { readonly task: TaskId; readonly attempt: number }): string =>
  `${attempt} ${task}`

const isHeld = (order: Order): order is Held => order.at === 'client'

const fits = ({ types }: Waiting, { order }: Order): boolean => types.includes(order.type)

function give(order: Order, waiting: Waiting): void {
  order.at = 'waiter'
  order.holdUntil = NEVER
  waiting.got.push(order)
}

/** The first of its ends. */
const dueOf = (order: Order): Instant =>
  Math.min(
    isHeld(order) ? order.leaseUntil : order.holdUntil,
    order.deadline,
    after(order.until, -RIGHT_LEAD_MS),
  ) as Instant
