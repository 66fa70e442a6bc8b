/**
 * Hands in tasks line by line, as fast as the daemon takes them.
 *
 * Each task gets an id here unless it has one, so all of it may be sent again: what was refused for now, and what nobody
 * knows of because a connection or an owner was lost, is sent again under the same ids until it is stored or it is enough.
 * However it ends, it says what became of every line that it took, and which was the last.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ItemResult } from '../../adapters/http/batch.ts'
import { BatchPass } from '../batch-pass.ts'
import { BatchProgress } from '../batch-progress.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import type { Call } from '../command.ts'
import { afterSome } from '../errors.ts'
import { EXIT } from '../exit-code.ts'
import { FreshLines, QUIET, type Sent, tasksOf } from '../fresh-lines.ts'
import type { UnreadableLine } from '../task-source.ts'
import { UnsettledLines } from '../unsettled-lines.ts'

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
/** Refusals that are told on standard error; all of them are with --json, and whatever may be stored is always. */
const TOLD_MAX = 20

export interface TaskSource {
  readonly lines: AsyncIterable<string | UnreadableLine>
  /** What it is called in messages. */
  readonly name: string
  /** Of all lines together, where that is known. */
  readonly bytes?: number
}

/** What one call works on. */
interface Batch {
  readonly fresh: FreshLines
  readonly unsettled: UnsettledLines
  readonly progress: BatchProgress
  readonly settle: (sent: Sent, result: ItemResult) => void
}

export async function submitMany(
  call: Call,
  source: TaskSource,
  overrides: Readonly<Record<string, unknown>>,
  patience: BatchPatience = PATIENCE,
): Promise<number> {
  const client = clientOf(call)
  const progress = new BatchProgress(call.json ? undefined : call.terminal.err, source.bytes)
  const fresh = new FreshLines(tasksOf(source.lines, overrides, progress))
  const unsettled = new UnsettledLines()
  const settle = settler(call, progress, unsettled)
  let failure: unknown
  try {
    await sendAll(client, { fresh, unsettled, progress, settle }, patience, call.terminal.interrupted)
  } catch (error) {
    failure = error
  }
  const isCut = failure !== undefined
  for (const [sent, heard] of unsettled.all()) settle(sent, heard)
  if (isCut) progress.say(`no line after ${unsettled.last} was sent`)
  progress.end()
  const { accepted, existed, refused, unknown } = progress.totals
  const summary = `${accepted} accepted, ${existed} known already, ${refused} refused, ${unknown} unknown\n`
  const said = { summary: progress.totals, ...(isCut && { lastLine: unsettled.last }) }
  call.terminal.out.write(call.json ? `${JSON.stringify(said)}\n` : summary)
  if (isCut) throw accepted + existed + unknown > 0 ? afterSome(failure) : failure
  return refused + unknown === 0 ? EXIT.ok : EXIT.failed
}

/** Counts what became of a line, and says it where it is worth saying. */
function settler({ json, terminal }: Call, progress: BatchProgress, unsettled: UnsettledLines) {
  let told = 0
  return (sent: Sent, result: ItemResult): void => {
    const { line, id } = sent
    const said = { ...(id !== undefined && { id }), ...result, line }
    unsettled.settled(sent)
    progress.settled(said)
    if (json) terminal.out.write(`${JSON.stringify(said)}\n`)
    else if (said.stored === 'unknown' || (said.stored === 'no' && ++told <= TOLD_MAX))
      progress.say(`line ${line}: ${said.id ?? 'a task'}: ${said.code}: ${said.detail ?? ''}`)
  }
}

/** Round by round, until all is settled, or too many rounds in a row have come to nothing. */
async function sendAll(
  client: DaemonClient,
  { fresh, progress, settle, unsettled }: Batch,
  { roundsMax, pauseMs, pauseMsMax, quietMs }: BatchPatience,
  interrupted: AbortSignal,
): Promise<void> {
  let again: readonly Sent[] = []
  for (let fruitless = 0, ms = pauseMs; ; ) {
    // No request is open while nobody has anything to say.
    if (again.length === 0 && !(await hasMore(fresh, interrupted))) return
    const options = { settle, unsettled, quietMs, pauseMs: ms }
    const pass = await new BatchPass(again, fresh, options).run(client)
    again = pass.again
    if (pass.stored) {
      fruitless = 0
      ms = pauseMs
    }
    if (again.length === 0 && pass.lost === undefined) continue
    // Known only now: what is stored last in a round gives all that was refused before it another one.
    if (!pass.stored) fruitless++
    if (fruitless >= roundsMax) {
      if (pass.lost !== undefined) throw pass.lost
      for (const [sent, heard] of unsettled.all()) settle(sent, heard)
      again = []
      continue
    }
    const waitMs = Math.max(ms, pass.retryAfterS * 1_000)
    progress.say(`${again.length} tasks are sent again in ${Math.round(waitMs / 1_000)} s: ${pass.why}`)
    await pause(waitMs, undefined, { signal: interrupted })
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
