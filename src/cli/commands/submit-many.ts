/**
 * Hands in tasks line by line, as fast as the daemon takes them.
 *
 * Each task gets an id here unless it has one, so all of it may be sent again: what was refused for now, and what nobody
 * knows of because a connection or an owner was lost, is sent again under the same ids until it is stored or it is enough.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ItemResult } from '../../adapters/http/batch.ts'
import { CodedError } from '../../base/errors.ts'
import { BatchProgress } from '../batch-progress.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { FreshLines, QUIET, type Sent, tasksOf } from '../fresh-lines.ts'
import { LinesInHand } from '../lines-in-hand.ts'

export interface BatchPatience {
  /** Rounds in which nothing is stored, one after the other. */
  readonly roundsMax: number
  /** The pause before the second of them, in ms; it doubles. */
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** A request ends when no line comes for so long, in ms: a daemon cuts it off after 30 s. The next line is for the next request. */
  readonly quietMs: number
}

const PATIENCE: BatchPatience = { roundsMax: 10, pauseMs: 1_000, pauseMsMax: 15_000, quietMs: 10_000 }
/** Refusals of a whole request that pass by themselves: a busy daemon, or one that goes or comes. */
const PASSING: ReadonlySet<string> = new Set([
  'DAEMON_UNREACHABLE',
  'REQUEST_TIMEOUT',
  'OVERLOADED',
  'RATE_LIMITED',
  'LEAVING',
])
/** Refusals that are told on standard error; all of them are with --json. */
const TOLD_MAX = 20

export interface TaskSource {
  readonly lines: AsyncIterable<string>
  /** What it is called in messages. */
  readonly name: string
  /** Of all lines together, where that is known. */
  readonly bytes?: number
}

type Settle = (sent: Sent, result: ItemResult) => void

export async function submitMany(
  call: Call,
  source: TaskSource,
  overrides: Readonly<Record<string, unknown>>,
  patience: BatchPatience = PATIENCE,
): Promise<number> {
  const progress = new BatchProgress(call.json ? undefined : call.terminal.err, source.bytes)
  const fresh = new FreshLines(tasksOf(source.lines, overrides, progress))
  let told = 0
  const settle: Settle = ({ line }, result) => {
    progress.settled(result)
    if (call.json) call.terminal.out.write(`${JSON.stringify({ ...result, line })}\n`)
    else if (result.stored !== 'yes' && ++told <= TOLD_MAX) {
      progress.say(`line ${line}: ${result.id ?? 'a task'}: ${result.code}: ${result.detail ?? ''}`)
    }
  }
  try {
    await sendAll(call, fresh, settle, progress, patience)
  } finally {
    progress.end()
  }
  const { accepted, existed, refused, unknown } = progress.totals
  const summary = `${accepted} accepted, ${existed} known already, ${refused} refused, ${unknown} unknown\n`
  call.terminal.out.write(call.json ? `${JSON.stringify({ summary: progress.totals })}\n` : summary)
  return refused + unknown === 0 ? EXIT.ok : EXIT.failed
}

/** Round by round, until all is settled, or too many rounds in a row have come to nothing. */
async function sendAll(
  call: Call,
  fresh: FreshLines,
  settle: Settle,
  progress: BatchProgress,
  { roundsMax, pauseMs, pauseMsMax, quietMs }: BatchPatience,
): Promise<void> {
  const client = clientOf(call)
  const { interrupted } = call.terminal
  let again: readonly Sent[] = []
  for (let round = 1, ms = pauseMs; ; ) {
    // No request is open while nobody has anything to say.
    if (again.length === 0 && !(await hasMore(fresh, interrupted))) return
    const last = round >= roundsMax
    const pass = await onePass(client, again, fresh, { last, settle, quietMs, pauseMs: ms })
    again = pass.again
    if (pass.stored) {
      round = 1
      ms = pauseMs
    }
    if (again.length === 0 && pass.lost === undefined) continue
    if (last && !pass.stored)
      throw pass.lost ?? new CodedError('DEADLINE', `${again.length} tasks were not taken.`)
    const waitMs = Math.max(ms, pass.retryAfterS * 1_000)
    progress.say(`${again.length} tasks are sent again in ${Math.round(waitMs / 1_000)} s: ${pass.why}`)
    await pause(waitMs, undefined, { signal: interrupted })
    round++
    ms = Math.min(pauseMsMax, ms * 2)
  }
}

/** However long it takes. */
async function hasMore(fresh: FreshLines, interrupted: AbortSignal): Promise<boolean> {
  interrupted.throwIfAborted()
  const abort = (): void => fresh.endWait()
  interrupted.addEventListener('abort', abort, { once: true })
  try {
    const next = await fresh.peek()
    if (next === QUIET) interrupted.throwIfAborted()
    return next !== undefined
  } finally {
    interrupted.removeEventListener('abort', abort)
  }
}

/** Sent without an id, and not answered: nobody can ask for it. */
const LOST: ItemResult = {
  line: 0,
  code: 'DAEMON_UNREACHABLE',
  stored: 'unknown',
  detail: 'no answer came, and it had no id to be sent again under',
}

interface Pass {
  /** To be sent once more. */
  readonly again: readonly Sent[]
  /** Something was. */
  readonly stored: boolean
  readonly retryAfterS: number
  readonly why: string
  /** The connection was. */
  readonly lost?: CodedError
}

interface PassOptions {
  /** What is refused now stays refused. */
  readonly last: boolean
  readonly settle: Settle
  readonly quietMs: number
  /** What is to be sent again waits so long, in ms, while the source is quiet. */
  readonly pauseMs: number
}

async function onePass(
  client: DaemonClient,
  first: readonly Sent[],
  fresh: FreshLines,
  options: PassOptions,
): Promise<Pass> {
  const { last, settle } = options
  const hand = new LinesInHand()
  let stored = false
  let retryAfterS = 0
  let why = ''
  let over = false
  /** Of the first ones. */
  let begun = 0
  async function* texts(): AsyncGenerator<string> {
    for (;;) {
      await hand.room()
      if (over || (begun === first.length && hand.full)) return
      const next = begun < first.length ? first[begun] : await fresh.peek()
      if (over || next === undefined || next === QUIET) return
      if (begun < first.length) begun++
      else fresh.take()
      hand.sent(next)
      yield `${next.text}\n`
    }
  }
  const endWatch = watchQuiet(fresh, hand, options)
  let lost: CodedError | undefined
  try {
    for await (const text of client.lines('/v1/tasks', texts())) {
      const result = JSON.parse(text) as ItemResult
      const sent = hand.answered(result.line)
      if (sent === undefined) continue
      stored ||= result.stored === 'yes'
      const passing =
        (result.stored === 'unknown' && sent.repeatable) ||
        (result.stored === 'no' && result.retryAfterS !== undefined)
      if (result.stored === 'yes' || !passing || last) settle(sent, result)
      else {
        hand.sendAgain(sent)
        retryAfterS = Math.max(retryAfterS, result.retryAfterS ?? 0)
        why = result.code
      }
    }
  } catch (error) {
    if (!(error instanceof CodedError) || !PASSING.has(error.code)) throw error
    lost = error
  } finally {
    over = true
    endWatch()
    fresh.endWait()
  }
  const again = [...hand.end(sent => settle(sent, LOST)), ...first.slice(begun)]
  return { again, stored, retryAfterS, why: lost?.code ?? (why || 'no answer'), ...(lost && { lost }) }
}

/** How often it is looked whether the source has been quiet for too long, in ms at most. */
const LOOK_MS_MAX = 250

/** Ends the wait for a source that is quiet: soon while there is something to send again, and before the daemon does. */
function watchQuiet(fresh: FreshLines, hand: LinesInHand, { quietMs, pauseMs }: PassOptions): () => void {
  const timer = setInterval(
    () => {
      const since = fresh.waitingSince
      const limitMs = hand.waits ? Math.min(quietMs, pauseMs) : quietMs
      if (since !== undefined && performance.now() - since >= limitMs) fresh.endWait()
    },
    Math.min(LOOK_MS_MAX, quietMs),
  )
  return () => clearInterval(timer)
}
