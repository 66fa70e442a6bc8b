/**
 * Carries out tasks of the node beside this program: claims them, hands each to a handler, renews its claim meanwhile, and
 * tells the node how it ended.
 *
 *     const stop = new AbortController()
 *     process.once('SIGTERM', () => stop.abort())
 *     await claimTasks({ types: ['resize'], concurrency: 4, signal: stop.signal }, async (task, { signal, progress }) => {
 *       progress({ fraction: 0.1 })
 *       return await resize(task.payload, { signal, fencingToken: task.token.value })
 *     })
 *
 * Each task may be run more than once (never by two at one time, for those who obey `signal`): whatever the handler changes
 * should carry the fencing token, or be safe to repeat.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../base/errors.ts'
import type { Claim } from '../runtime/claims.ts'
import { ClaimedTask, type ClaimHandler } from './claimed-task.ts'
import { mayPass, NodeApi } from './node-api.ts'
import { Running } from './running.ts'

export type { Claim } from '../runtime/claims.ts'
export type { ClaimContext, ClaimHandler } from './claimed-task.ts'

export interface ClaimOptions {
  /** Of the API of the node. Default: `http://127.0.0.1:7373`. */
  readonly url?: string
  /** Write token of the node, where it has one. */
  readonly token?: string
  /** Tasks of these types; all of them in `executors.claim.types` of the node. */
  readonly types: readonly string[]
  /** Tasks carried out at one time. Default: 1. */
  readonly concurrency?: number
  /** A name for people, shown with the claim. Default: `unnamed`. */
  readonly client?: string
  /** How long one request waits for tasks, in ms. Default: 20,000. */
  readonly waitMs?: number
  /** Ends it: nothing more is asked for, a claim that is on its way is given back, and what runs may end within `graceMs`. */
  readonly signal: AbortSignal
  /** How long handlers may go on after `signal`, in ms; then they are told to stop and their tasks given back. Default: 10,000. */
  readonly graceMs?: number
  /** Is told what went wrong and is tried again (the node does not answer), and what a node did not want to hear. */
  readonly onError?: (error: CodedError) => void
}

/** Pauses between tries to reach the node, in ms. */
const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 5_000

/**
 * Resolves when `signal` has aborted and every handler has returned.
 *
 * @throws CodedError what asking again cannot mend: CLAIM_TYPE_UNKNOWN, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN and such
 */
export async function claimTasks(options: ClaimOptions, handler: ClaimHandler): Promise<void> {
  const api = new NodeApi({ url: options.url ?? 'http://127.0.0.1:7373', token: options.token })
  const running = new Running()
  const { signal, graceMs = GRACE_MS } = options
  const grace = delayed(signal, graceMs)
  try {
    await claimUntil(options, api, running, claim => {
      const work = new ClaimedTask(api, claim, grace.signal, error => options.onError?.(error))
      return signal.aborted ? work.giveBack() : work.run(handler)
    })
  } finally {
    await running.all()
    grace.over()
  }
}

/** Claims as many as there is room for, again and again. */
async function claimUntil(
  options: ClaimOptions,
  api: NodeApi,
  running: Running,
  start: (claim: Claim) => Promise<void>,
): Promise<void> {
  const { signal, concurrency = 1 } = options
  let failures = 0
  while (!signal.aborted) {
    if (running.size >= concurrency) {
      await running.nextEnd()
      continue
    }
    try {
      const claims = await ask(options, api, concurrency - running.size)
      failures = 0
      for (const claim of claims) running.add(start(claim))
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof CodedError) || !mayPass(error)) throw error
      options.onError?.(error)
      const full = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures++)
      // The pause ends with the signal, and then the loop does.
      await pause(full * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }
}

interface Claimed {
  readonly claims: readonly Claim[]
}

async function ask(options: ClaimOptions, api: NodeApi, room: number): Promise<readonly Claim[]> {
  const { types, client = 'unnamed', waitMs = 20_000, signal } = options
  const body = { types, client, waitMs, max: Math.min(room, AT_ONCE_MAX) }
  const last = delayed(signal, LAST_ANSWER_MS)
  try {
    return (await api.post<Claimed>('/v1/claims', body, waitMs, last.signal)).claims
  } finally {
    last.over()
  }
}

/**
 * A question that is open when the program ends may be answered for so long, in ms. What the node hands out to nobody is held
 * until its lease is over; an answer that is on its way already takes a round trip.
 */
const LAST_ANSWER_MS = 1_000

/** Tasks that the node gives in one answer at most. */
const AT_ONCE_MAX = 100

/** Handlers may go on for so long, in ms, unless told. */
const GRACE_MS = 10_000

/** Aborts so many ms after `signal` has. */
function delayed(signal: AbortSignal, ms: number): { signal: AbortSignal; over: () => void } {
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    timer = setTimeout(() => later.abort(), ms)
  }
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return {
    signal: later.signal,
    over: () => {
      signal.removeEventListener('abort', begin)
      clearTimeout(timer)
    },
  }
}
