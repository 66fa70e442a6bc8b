/**
 * One claim in the hands of its client: the handler runs, the claim is renewed beside it, and a watch stops the handler
 * when the time to act is over, whether the node answers or not.
 *
 * That time is kept on two clocks, and the earlier counts: a span from the answer would be too long when this process
 * stood still between answer and reading; the wall clock may have been set back meanwhile.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError, type ErrorCode } from '../base/errors.ts'
import type { Claim, ClaimStanding } from '../runtime/claims.ts'
import { type ProgressReport, progressFault, readProgress } from '../tasks/progress.ts'
import type { Json } from '../tasks/task.ts'
import { mayPass, type NodeApi } from './node-api.ts'

/** Renewals wait for news this share of the lease; the node answers sooner when the time to act is shorter. */
const SHARE_WAITED = 1 / 3
/** A claim is as good as renewed when it comes; work that takes less than this, in ms, renews nothing. */
const FIRST_RENEWAL_MS = 250
/** Pause before a renewal, or the end, is said again, in ms. */
const AGAIN_MS = 200
/** What may come too late is said once, and not waited for longer than this, in ms. */
const LAST_WORD_MS = 2_000
/** Progress is told at most this often, in ms: a renewal that waits is given up for it. */
const PROGRESS_MS = 1_000

export interface ClaimContext {
  /** Aborts when the handler must stop: the task was cancelled, the time to act is over, or this program ends. */
  readonly signal: AbortSignal
  /**
   * Tells the node how far it is, once a second at most. The newest word counts; it may be called as often as one likes.
   * @throws TypeError when it is no progress
   */
  progress(report: ProgressReport): void
}

/** Returns the result of the task, any JSON; throws when the attempt failed (with `retryable: false` on it: for good). */
export type ClaimHandler = (
  task: Claim,
  context: ClaimContext,
) => Promise<Json | undefined> | Json | undefined

type Ending =
  | { readonly path: 'complete'; readonly result: Json }
  | { readonly path: 'fail'; readonly message: string; readonly retryable: boolean }
  | { readonly path: 'release' }

export class ClaimedTask {
  readonly #api: NodeApi
  readonly #claim: Claim
  readonly #onError: (error: CodedError) => void
  readonly #stop = new AbortController()
  /** The handler is done: nothing is renewed any more, but the end is still to be told in time. */
  readonly #handled = new AbortController()
  readonly #grace: AbortSignal
  /** The node has said that nothing counts any more that is said of it. */
  #lost = false
  /** The time to act is over, as far as this client knows. */
  #late = false
  /** Nothing is left to be said of it. */
  #over = false
  #progress: ProgressReport | undefined
  /** What the node has heard of it. */
  #told: ProgressReport | undefined
  #toldAtMs = Number.NEGATIVE_INFINITY
  /** Ends the wait of the renewal under way, and the timer that is to do so. */
  #hurry = new AbortController()
  #hurrying: NodeJS.Timeout | undefined
  #untilWallMs = 0
  #untilMs = 0
  #watch: NodeJS.Timeout | undefined

  /** @param grace aborts when the program cannot wait for handlers any longer */
  constructor(api: NodeApi, claim: Claim, grace: AbortSignal, onError: (error: CodedError) => void) {
    this.#api = api
    this.#claim = claim
    this.#grace = grace
    this.#onError = onError
    this.#mayActUntil(claim)
  }

  /** Resolves when the handler has returned and the node was told, or cannot be. Never rejects. */
  async run(handler: ClaimHandler): Promise<void> {
    const leave = (): void => this.#stop.abort(new CodedError('CLAIM_ENDED', 'This program ends.'))
    if (this.#grace.aborted) leave()
    else this.#grace.addEventListener('abort', leave, { once: true })
    const renewing = this.#renewAll()
    const ending = await this.#handle(handler)
    this.#handled.abort()
    await renewing
    await this.#finish(ending)
    this.#grace.removeEventListener('abort', leave)
  }

  /** Resolves when the node has its task back undone, or cannot be told. Never rejects. */
  giveBack(): Promise<void> {
    return this.#finish({ path: 'release' })
  }

  async #finish(ending: Ending): Promise<void> {
    await this.#tell(ending)
    this.#over = true
    clearTimeout(this.#watch)
    clearTimeout(this.#hurrying)
  }

  async #handle(handler: ClaimHandler): Promise<Ending> {
    const { signal } = this.#stop
    const context = {
      signal,
      progress: (report: ProgressReport) => this.#reports(report),
    }
    try {
      return completed((await handler(this.#claim, context)) ?? null)
    } catch (error) {
      if (signal.aborted) return { path: 'release' }
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      const retryable = !(
        typeof error === 'object' &&
        error !== null &&
        Reflect.get(error, 'retryable') === false
      )
      return { path: 'fail', message: message.slice(0, 4_000) || 'failed', retryable }
    }
  }

  #reports(value: ProgressReport): void {
    const read = readProgress(value)
    if (!read.ok) throw new TypeError(progressFault(read.problems))
    this.#progress = read.report
    if (this.#hurrying === undefined && !this.#handled.signal.aborted) this.#hurryIn(this.#paceMs)
  }

  /** Until progress may be told again. */
  get #paceMs(): number {
    return Math.max(0, this.#toldAtMs + PROGRESS_MS - performance.now())
  }

  #hurryIn(ms: number): void {
    this.#hurrying = setTimeout(() => this.#hurry.abort(), ms)
  }

  /** Until the handler is done, or nothing is left to renew. */
  async #renewAll(): Promise<void> {
    const { claim, attempt, token, leaseMs } = this.#claim
    const waitMs = Math.floor(leaseMs * SHARE_WAITED)
    const path = `/v1/claims/renew/${encodeURIComponent(claim)}`
    await this.#pauseWhileHeld(FIRST_RENEWAL_MS)
    while (!this.#handled.signal.aborted && !this.#stop.signal.aborted) {
      const progress = this.#news()
      const body = { attempt, token: token.value, waitMs, ...(progress !== undefined && { progress }) }
      const { signal } = this.#hurry
      try {
        const either = AbortSignal.any([signal, this.#handled.signal])
        this.#heard(await this.#api.post<ClaimStanding>(path, body, waitMs, either))
        this.#told = progress ?? this.#told
      } catch (error) {
        if (this.#handled.signal.aborted) return
        if (signal.aborted) continue
        this.#failed(error)
        await this.#pauseWhileHeld(AGAIN_MS)
      }
    }
  }

  /** What the node does not know yet of how far it is, and may be told now. The renewal that tells it may wait again. */
  #news(): ProgressReport | undefined {
    clearTimeout(this.#hurrying)
    this.#hurrying = undefined
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController()
    if (this.#progress === this.#told) return undefined
    if (this.#paceMs > 0) {
      this.#hurryIn(this.#paceMs)
      return undefined
    }
    this.#toldAtMs = performance.now()
    return this.#progress
  }

  async #pauseWhileHeld(ms: number): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, this.#handled.signal])
    // Whatever ends the handler ends the pause; then there is nothing to wait for.
    await pause(ms, undefined, { signal }).catch(() => undefined)
  }

  #heard(standing: ClaimStanding): void {
    if (standing.state === 'held') this.#mayActUntil(standing)
    else if (standing.state === 'cancelled') this.#stop.abort(ended('The task was cancelled.'))
    else this.#lose(ended(`The claim is lost: ${standing.reason}.`))
  }

  /** What passes is tried again, while the claim lasts. */
  #failed(error: unknown): void {
    const coded =
      error instanceof CodedError ? error : new CodedError('INTERNAL', String(error), { cause: error })
    if (mayPass(coded)) this.#onError(coded)
    else this.#lose(coded)
  }

  /**
   * Said again while it may count, and once after that: the node knows best whether the claim is over, and one that is
   * given back need not be waited for. What was refused is told to `onError`; a result that the node does not take is how
   * the attempt failed.
   */
  async #tell(ending: Ending): Promise<void> {
    const { claim, attempt, token } = this.#claim
    const { path, ...rest } = ending
    const url = `/v1/claims/${path}/${encodeURIComponent(claim)}`
    while (!this.#lost) {
      const isLast = this.#late
      try {
        const limit = isLast ? AbortSignal.timeout(LAST_WORD_MS) : undefined
        await this.#api.post(url, { attempt, token: token.value, ...rest }, 0, limit)
        return
      } catch (error) {
        if (path === 'complete' && isRefused(error))
          return await this.#tell(failedFor('the node refused the result', error))
        this.#failed(error)
        if (isLast) return
        if (!this.#lost) await pause(AGAIN_MS)
      }
    }
  }

  #lose(reason: CodedError): void {
    if (this.#lost) return
    this.#lost = true
    this.#end(reason)
  }

  #end(reason: CodedError): void {
    this.#onError(reason)
    this.#stop.abort(reason)
  }

  #mayActUntil({ actingUntilMs = 0, actingForMs = 0 }: Partial<Claim>): void {
    this.#untilWallMs = actingUntilMs
    this.#untilMs = performance.now() + actingForMs
    this.#look()
  }

  /** The one timer of the claim: looks at both clocks, and again as long as there is time left. */
  #look(): void {
    clearTimeout(this.#watch)
    const leftMs = Math.min(this.#untilWallMs - Date.now(), this.#untilMs - performance.now())
    if (leftMs <= 0 && !this.#late) {
      this.#late = true
      if (!this.#lost) this.#end(ended(Date.now() < this.#claim.deadlineMs ? OVERDUE : TIMED_OUT))
    } else if (leftMs > 0 && !this.#over)
      this.#watch = setTimeout(() => this.#look(), Math.min(leftMs, LOOK_MS))
  }
}

/** The wall clock may be set while the timer runs: it is looked at so often, in ms. */
const LOOK_MS = 250

/** What cannot be said as JSON could not be told. */
function completed(result: Json): Ending {
  try {
    JSON.stringify(result)
    return { path: 'complete', result }
  } catch (error) {
    return failedFor('the result is no JSON', error)
  }
}

/** It would end so again. */
const failedFor = (what: string, error: unknown): Ending => ({
  path: 'fail',
  message: `${what}: ${error instanceof Error ? error.message : error}`.slice(0, 4_000),
  retryable: false,
})

/** Did the node refuse what was said, and not the claim? */
const isRefused = (error: unknown): boolean =>
  error instanceof CodedError && REFUSED_BODIES.includes(error.code)

const REFUSED_BODIES: readonly ErrorCode[] = ['BAD_REQUEST', 'BODY_TOO_LARGE']

const OVERDUE = 'The time to act is over: the node did not renew it in time.'
const TIMED_OUT = 'The time limit of the attempt is over.'

const ended = (detail: string): CodedError => new CodedError('CLAIM_ENDED', detail)
