/**
 * `claim`: clients of this node carry out its tasks. This is the shell around `ClaimBook`: it has the clocks, the one
 * timer, the answers that are waited for, and tells the core who waits.
 *
 * What this node cannot do is stop a client. One that obeys `actingUntilMs` has stopped before anybody else may start;
 * one that does not may still be at work: hence the fencing token.
 */
import { randomUUID } from 'node:crypto'
import { unreachable } from '../../../base/assert.ts'
import type { Failure } from '../../../base/errors.ts'
import { after, elapsedMs, type Instant, instantOf, type Now, wallOf } from '../../../base/time.ts'
import type { AttemptOrder } from '../../../node/machine.ts'
import type { Metric } from '../../../node/status.ts'
import {
  CLAIMS_SHOWN_MAX,
  type Claim,
  type ClaimEnding,
  type ClaimName,
  type ClaimQuery,
  type ClaimStanding,
  type Claims,
  type ClaimsReply,
  type ClaimsView,
  type ClaimView,
  type EndingReply,
  type Renewal,
  type RenewalReply,
} from '../../../runtime/claims.ts'
import type { Enqueue, Logger } from '../../../runtime/ports.ts'
import type { Outcome } from '../../../tasks/task.ts'
import type { AttemptDesk } from '../attempt-desk.ts'
import type { ClaimConfig } from '../config.ts'
import { type Executor, cancelled as stopped } from '../executor.ts'
import type { Limit } from '../limit.ts'
import { timerMs } from '../timer.ts'
import { type BookEffect, ClaimBook, type Held, nameOf, type Verdict } from './book.ts'
import { Refusals } from './refusals.ts'

/** A waiting renewal is answered after this share of what the client has left, so that it hears of more in time. */
const SHARE_WAITED = 1 / 3

export interface ClaimExecutorInit {
  readonly config: ClaimConfig
  readonly logger: Logger
}

export class ClaimExecutor implements Executor, Claims {
  readonly #config: ClaimConfig
  readonly #logger: Logger
  readonly #book: ClaimBook
  readonly #refusals: Refusals
  /** By number of the client that waits. */
  readonly #answers = new Map<number, (claims: readonly Held[]) => void>()
  /** By name of the attempt. */
  readonly #ends = new Map<string, (outcome: Outcome) => void>()
  readonly #attempts = new WeakMap<Limit, string>()
  /** Where the progress of an attempt is shown, by its name. */
  readonly #desks = new Map<string, AttemptDesk>()
  /** Renewals that wait for news of a claim. */
  readonly #waits = new Map<string, Set<() => void>>()
  #enqueue: Enqueue | undefined
  #timer: NodeJS.Timeout | undefined
  #timerDue = Number.POSITIVE_INFINITY
  #flushing = false
  #dismissed = false
  #taken = 0
  #undelivered = 0
  #renewalsWaiting = 0

  constructor({ config, logger }: ClaimExecutorInit) {
    this.#config = config
    this.#logger = logger
    this.#book = new ClaimBook(config, randomUUID)
    this.#refusals = new Refusals(config)
  }

  /** Where the core hears who waits. Once, before any client is served. */
  connect(enqueue: Enqueue): void {
    this.#enqueue = enqueue
  }

  /** The node leaves: who waits is answered, nobody may wait any more, and claims go on. */
  dismiss(): void {
    this.#dismissed = true
    this.#run(this.#book.dismiss(now()))
  }

  /** Any payload will do: what it means is between those who hand it in and those who claim it. */
  check(): undefined {
    return undefined
  }

  execute(order: AttemptOrder, signal: AbortSignal, limit: Limit, desk: AttemptDesk): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    if (signal.aborted) return Promise.resolve(stopped())
    const attempt = nameOf(order)
    this.#ends.set(attempt, resolve)
    this.#attempts.set(limit, attempt)
    this.#desks.set(attempt, desk)
    signal.addEventListener('abort', () => this.#run(this.#book.abort(attempt)), { once: true })
    this.#book.ordered(order, limit.until, now())
    this.#flushSoon()
    this.#arm()
    return promise
  }

  extend(limits: readonly Limit[], until: Instant): void {
    for (const limit of limits) {
      const attempt = this.#attempts.get(limit)
      if (attempt !== undefined) this.#book.extend(attempt, until)
    }
  }

  async claim(query: ClaimQuery, gone: AbortSignal): Promise<ClaimsReply> {
    const failure = this.#dismissed ? LEAVING : this.#refusals.ofQuery(query, this.#book.full())
    if (failure !== undefined) return { ok: false, failure }
    const at = now()
    const { promise, resolve } = Promise.withResolvers<readonly Held[]>()
    const { types, max, client, waitMs } = query
    const { number, effects } = this.#book.wait({ types, max, client, until: after(at.mono, waitMs) }, at)
    this.#answers.set(number, resolve)
    const leave = (): void => {
      this.#answers.delete(number)
      this.#run(this.#book.gone(number, now()))
      resolve([])
    }
    gone.addEventListener('abort', leave, { once: true })
    this.#run(effects)
    const claims = await promise
    gone.removeEventListener('abort', leave)
    // Nothing came, and nothing will: whoever asks again should ask another node.
    if (this.#dismissed && claims.length === 0) return { ok: false, failure: LEAVING }
    return { ok: true, claims: claims.map(claim => this.#shown(claim)) }
  }

  undelivered(claims: readonly string[]): void {
    if (claims.length === 0) return
    this.#undelivered += claims.length
    this.#run(this.#book.undelivered(claims, now()))
  }

  async renew(renewal: Renewal, gone: AbortSignal): Promise<RenewalReply> {
    const { verdict, effects } = this.#book.renew(renewal, renewal.progress, now())
    this.#run(effects)
    if (verdict.kind === 'held' && renewal.progress !== undefined)
      this.#desks.get(nameOf(verdict.claim.order))?.report(renewal.progress)
    if (verdict.kind !== 'held' || renewal.waitMs === 0) return this.#standing(renewal, verdict)
    const leftMs = elapsedMs(now().mono, this.#book.actingUntil(verdict.claim))
    await this.#news(renewal.claim, Math.min(renewal.waitMs, leftMs * SHARE_WAITED), gone)
    return this.#standing(renewal, this.#book.look(renewal))
  }

  end(name: ClaimName, ending: ClaimEnding): EndingReply {
    const { verdict, effects } = this.#book.finish(name, ending, now())
    this.#run(effects)
    if (verdict.kind === 'held' || verdict.kind === 'cancelled')
      return { ok: true, task: verdict.claim.order.task, repeated: false }
    if (verdict.kind === 'ended' && verdict.how === ending.kind)
      return { ok: true, task: verdict.task, repeated: true }
    return { ok: false, failure: this.#refusals.ofVerdict(name, verdict) }
  }

  view(): ClaimsView {
    const { held, waiting } = this.#book
    const { types } = this.#config
    const shown = [...held.values()].slice(0, CLAIMS_SHOWN_MAX)
    return { types, waiting, held: held.size, claims: shown.map(claim => this.#viewOf(claim)) }
  }

  metrics(): readonly Metric[] {
    const { held, waiting, unclaimed, ended } = this.#book
    const single = (name: string, type: Metric['type'], help: string, value: number): Metric => ({
      ...{ name, type, help },
      samples: [{ value }],
    })
    return [
      single('task_claims_held', 'gauge', 'Tasks that clients of this node hold.', held.size),
      single('task_claims_max', 'gauge', 'Tasks that they may hold or wait for.', this.#config.claimsMax),
      single('task_claims_unclaimed', 'gauge', 'Attempts begun for a client that has gone.', unclaimed),
      single('task_claim_clients_waiting', 'gauge', 'Clients that wait for tasks.', waiting),
      single('task_claim_clients_max', 'gauge', 'Clients that may wait.', this.#config.waitersMax),
      single('task_claim_renewals_waiting', 'gauge', 'Renewals that wait for news.', this.#renewalsWaiting),
      single('task_claims_total', 'counter', 'Tasks handed to clients.', this.#taken),
      single(
        'task_claims_undelivered_total',
        'counter',
        'Of these, tasks whose client had gone.',
        this.#undelivered,
      ),
      {
        name: 'task_claims_ended_total',
        type: 'counter',
        help: 'Claims that ended, by how.',
        samples: [...ended.counts].map(([how, value]) => ({ labels: { how }, value })),
      },
      this.#refusals.metric(),
    ]
  }

  /** Ends all claims. Idempotent. */
  async stop(): Promise<void> {
    this.#dismissed = true
    this.#run(this.#book.close(now()))
    clearTimeout(this.#timer)
  }

  #viewOf(held: Held): ClaimView {
    const { task, key, type, attempt } = held.order
    const { id: claim, client, cancelled, since, progress } = held
    return {
      ...{ claim, task, key, type, attempt, client },
      state: cancelled ? 'cancelled' : 'held',
      claimedAtMs: since.wall,
      actingUntilMs: this.#acting(held).actingUntilMs,
      ...(progress !== undefined && { progress }),
    }
  }

  #standing(name: ClaimName, verdict: Verdict): RenewalReply {
    const { claim } = name
    switch (verdict.kind) {
      case 'held':
        return { ok: true, standing: { claim, state: 'held', ...this.#acting(verdict.claim) } }
      case 'cancelled':
        return { ok: true, standing: cancelledStanding(claim, this.#acting(verdict.claim)) }
      case 'ended':
        return { ok: true, standing: { claim, state: 'lost', reason: verdict.how } }
      default:
        return { ok: false, failure: this.#refusals.ofVerdict(name, verdict) }
    }
  }

  #shown(held: Held): Claim {
    const { task, key, type, payload, attempt, node, token } = held.order
    const at = now()
    const { leaseMs } = this.#config
    const deadlineMs = Math.floor(at.wall + elapsedMs(at.mono, held.deadline))
    const own = { claim: held.id, task, key, type, payload, attempt, node, token, leaseMs, deadlineMs }
    return { ...own, ...this.#acting(held) }
  }

  #acting(held: Held): { readonly actingUntilMs: number; readonly actingForMs: number } {
    const at = now()
    const actingForMs = Math.max(0, Math.floor(elapsedMs(at.mono, this.#book.actingUntil(held))))
    return { actingUntilMs: Math.floor(at.wall) + actingForMs, actingForMs }
  }

  /** Until something happens to the claim, the time is up, or nobody waits any more. */
  async #news(claim: string, ms: number, gone: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waits = this.#waits.get(claim) ?? new Set()
    this.#waits.set(claim, waits.add(resolve))
    const timer = setTimeout(resolve, timerMs(ms))
    gone.addEventListener('abort', () => resolve(), { once: true })
    this.#renewalsWaiting++
    await promise
    this.#renewalsWaiting--
    clearTimeout(timer)
    waits.delete(resolve)
    if (waits.size === 0 && this.#waits.get(claim) === waits) this.#waits.delete(claim)
  }

  /** Orders come several in one turn; a client that waits for several gets them in one answer. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      this.#run(this.#book.flush(now()))
    })
  }

  #run(effects: readonly BookEffect[]): void {
    for (const effect of effects) this.#perform(effect)
    this.#arm()
  }

  #perform(effect: BookEffect): void {
    switch (effect.kind) {
      case 'offer':
        this.#tell(effect)
        break
      case 'withdraw':
        this.#tell({ kind: 'offer-withdrawn', offer: effect.offer })
        break
      case 'hand':
        this.#taken += effect.claims.length
        this.#answers.get(effect.waiter)?.(effect.claims)
        this.#answers.delete(effect.waiter)
        break
      case 'end':
        this.#ends.get(effect.attempt)?.(effect.outcome)
        this.#ends.delete(effect.attempt)
        this.#desks.delete(effect.attempt)
        break
      case 'news':
        for (const resolve of this.#waits.get(effect.claim) ?? []) resolve()
        break
      case 'expired': {
        const { order, client } = effect.claim
        const { task, key, attempt } = order
        const { leaseMs } = this.#config
        this.#logger.log('warn', 'task-claim-expired', { task, key, attempt, client, leaseMs })
        break
      }
      default:
        unreachable(effect)
    }
  }

  #tell(input: Parameters<Enqueue>[0]): void {
    this.#enqueue?.(input)
  }

  #arm(): void {
    const due = this.#book.nextWake
    if (this.#timer !== undefined && this.#timerDue <= due) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDue = due
    if (!Number.isFinite(due)) return
    const wait = Math.ceil(elapsedMs(now().mono, due))
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#run(this.#book.tick(now()))
    }, timerMs(wait))
  }
}

const now = (): Now => ({ mono: instantOf(performance.now()), wall: wallOf(Date.now()) })

const LEAVING: Failure = { code: 'LEAVING', detail: 'its tasks go to other nodes', retryAfterS: 1 }

const cancelledStanding = (
  claim: string,
  acting: Pick<ClaimStanding, 'actingUntilMs' | 'actingForMs'>,
): ClaimStanding => ({ claim, state: 'cancelled', reason: 'the node wants it stopped', ...acting })
