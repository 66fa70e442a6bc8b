/**
 * Hands in tasks line by line, as fast as the daemon takes them.
 *
 * Each task gets an id here unless it has one, so all of it may be sent again: what was refused for now, and what nobody
 * knows of because a connection or an owner was lost, is sent again under the same ids until it is stored or it is enough.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ItemResult } from '../../adapters/http/batch.ts'
import { CodedError } from '../../base/errors.ts'
import { inexactOf } from '../../base/exact-numbers.ts'
import { BatchProgress } from '../batch-progress.ts'
import { clientOf, type DaemonClient } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'

/** Rounds in all, and the pause before the second, in ms; it doubles. */
const ROUNDS_MAX = 10
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 15_000
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

interface Sent {
  readonly line: number
  readonly text: string
  /** It has an id or a dedupe key, so that it runs once however often it is sent. */
  readonly repeatable: boolean
}

export async function submitMany(
  call: Call,
  source: TaskSource,
  overrides: Readonly<Record<string, unknown>>,
): Promise<number> {
  const client = clientOf(call)
  const progress = new BatchProgress(call.json ? undefined : call.terminal.err, source.bytes)
  const fresh = new Fresh(tasksOf(source.lines, overrides, progress))
  let again: readonly Sent[] = []
  let told = 0
  const settle = ({ line }: Sent, result: ItemResult): void => {
    progress.settled(result)
    if (call.json) call.terminal.out.write(`${JSON.stringify({ ...result, line })}\n`)
    else if (result.stored !== 'yes' && ++told <= TOLD_MAX) {
      progress.say(`line ${line}: ${result.id ?? 'a task'}: ${result.code}: ${result.detail ?? ''}`)
    }
  }
  try {
    for (let round = 1, ms = PAUSE_MS; ; round++, ms = Math.min(PAUSE_MS_MAX, ms * 2)) {
      const pass = await onePass(client, again, fresh, round === ROUNDS_MAX, settle)
      again = pass.again
      if (again.length === 0 && pass.lost === undefined) break
      if (round === ROUNDS_MAX)
        throw pass.lost ?? new CodedError('DEADLINE', `${again.length} tasks were not taken.`)
      const waitMs = Math.max(ms, pass.retryAfterS * 1_000)
      progress.say(`${again.length} tasks are sent again in ${Math.round(waitMs / 1_000)} s: ${pass.why}`)
      await pause(waitMs, undefined, { signal: call.terminal.interrupted })
    }
  } finally {
    progress.end()
  }
  const { accepted, existed, refused, unknown } = progress.totals
  const summary = `${accepted} accepted, ${existed} known already, ${refused} refused, ${unknown} unknown\n`
  call.terminal.out.write(call.json ? `${JSON.stringify({ summary: progress.totals })}\n` : summary)
  return refused + unknown === 0 ? EXIT.ok : EXIT.failed
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
  readonly retryAfterS: number
  readonly why: string
  /** The connection was. */
  readonly lost?: CodedError
}

/** What has not been sent yet. When a connection breaks while the next one is waited for, that one is for the next connection. */
class Fresh {
  readonly #source: AsyncIterator<Sent>
  #next: Promise<Sent | undefined> | undefined

  constructor(source: AsyncIterable<Sent>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next one, or undefined at the end; the same until it is taken. */
  peek(): Promise<Sent | undefined> {
    this.#next ??= this.#source.next().then(({ done, value }) => (done === true ? undefined : value))
    return this.#next
  }

  take(): void {
    this.#next = undefined
  }
}

/** @param last what is refused now stays refused */
async function onePass(
  client: DaemonClient,
  first: readonly Sent[],
  fresh: Fresh,
  last: boolean,
  settle: (sent: Sent, result: ItemResult) => void,
): Promise<Pass> {
  /** Without an answer, by their line in this request. */
  const open = new Map<number, Sent>()
  const again: Sent[] = []
  let retryAfterS = 0
  let why = ''
  let over = false
  async function* texts(): AsyncGenerator<string> {
    let number = 0
    const send = (sent: Sent): string => {
      open.set(++number, sent)
      return `${sent.text}\n`
    }
    for (const sent of first) yield send(sent)
    for (let next = await fresh.peek(); !over && next !== undefined; next = await fresh.peek()) {
      fresh.take()
      yield send(next)
    }
  }
  try {
    for await (const text of client.lines('/v1/tasks', texts())) {
      const result = JSON.parse(text) as ItemResult
      const sent = open.get(result.line)
      if (sent === undefined) continue
      open.delete(result.line)
      const passing =
        (result.stored === 'unknown' && sent.repeatable) ||
        (result.stored === 'no' && result.retryAfterS !== undefined)
      if (result.stored === 'yes' || !passing || last) settle(sent, result)
      else {
        again.push(sent)
        retryAfterS = Math.max(retryAfterS, result.retryAfterS ?? 0)
        why = result.code
      }
    }
  } catch (error) {
    if (!(error instanceof CodedError) || !PASSING.has(error.code)) throw error
    return { again: [...unanswered(open, settle), ...again], retryAfterS, why: error.code, lost: error }
  } finally {
    over = true
  }
  return { again: [...unanswered(open, settle), ...again], retryAfterS, why: why || 'no answer' }
}

/** What may be sent again of that; of the rest nobody will ever know. */
function unanswered(
  open: ReadonlyMap<number, Sent>,
  settle: (sent: Sent, result: ItemResult) => void,
): readonly Sent[] {
  const left = [...open.values()]
  for (const sent of left) if (!sent.repeatable) settle(sent, LOST)
  return left.filter(({ repeatable }) => repeatable)
}

/** Each line as a task with an id, and the fields of the options over it. What is no task goes as it is: the daemon refuses it. */
async function* tasksOf(
  lines: AsyncIterable<string>,
  overrides: Readonly<Record<string, unknown>>,
  progress: BatchProgress,
): AsyncGenerator<Sent> {
  let line = 0
  for await (const text of lines) {
    line++
    if (text.trim() === '') continue
    progress.sent(text.length + 1)
    const task = taskIn(text)
    if (task === undefined) yield { line, text, repeatable: true }
    else {
      const given = { ...task, ...overrides }
      const named = 'id' in given || 'dedupe' in given
      // What is to be placed gets its id from the node that places it.
      const placed = !named && 'placement' in given
      const whole = named || placed ? given : { id: randomUUID(), ...given }
      yield { line, text: JSON.stringify(whole), repeatable: !placed }
    }
  }
}

/** Undefined when it is no JSON object, or holds a number that would be another one when it is written again. */
function taskIn(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // not JSON: the daemon says where
  }
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value)
  return plain && inexactOf(text) === undefined ? (value as Readonly<Record<string, unknown>>) : undefined
}
