/** Hands in one task, and with --wait follows it to its end; or many. */
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError, type Problem } from '../../base/errors.ts'
import { DEDUPE_MS_MAX } from '../../tasks/spec.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { usage } from '../arguments.ts'
import { clientOf, type DaemonClient, problemOf } from '../client.ts'
import { type Call, flag, text, texts, type Values, wholeNumber } from '../command.ts'
import { mayBeDone } from '../errors.ts'
import { EXIT } from '../exit-code.ts'
import { jsonFault } from '../json-fault.ts'
import { type OutgoingTask, outgoing } from '../repeatable-task.ts'
import { taskFields } from '../task-options.ts'
import { linesOfFile, linesOfInput, linesOfList, namesLines } from '../task-source.ts'
import { taskSheet } from '../task-view.ts'
import type { Terminal } from '../terminal.ts'
import { utf8Text } from '../utf8-text.ts'
import { submitMany, type TaskSource } from './submit-many.ts'

/** Bytes of a task that are read; the daemon's own limit (1 MiB unless told) decides. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024

/** One look at a task waits this long for its end, in ms, at the daemon. */
const LOOK_MS = 10_000
/** First and longest pause between two looks that came to nothing at once, in ms. */
const POLL_MS = 50
const POLL_MS_MAX = 1_000
/** Statuses of refusals that pass by themselves: an owner is sought or takes over, a daemon starts again. */
const PASSING: ReadonlySet<number> = new Set([503, 504])

/** With a zone: a time without one means another moment on another machine. */
const FULL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

const WAIT_MS = 300_000
const DAY_MS = 86_400_000

interface Submitted {
  readonly record: TaskRecord
  readonly existed: boolean
  readonly durableCopies: number
}

type Fields = Record<string, unknown>
/** One task, before the options are laid over it, or many. */
type Given = { readonly one: Fields; readonly many?: never } | { readonly many: TaskSource }

export async function run(call: Call): Promise<number> {
  const problems: Problem[] = []
  const overrides = fieldsOf(call.values, problems)
  const waitMs = wholeNumber(call.values, 'wait-ms', { min: 1, max: DAY_MS }, problems) ?? WAIT_MS
  if (problems.length > 0) refuse(problems)
  const given = (await streamOf(call)) ?? (await baseOf(call))
  if (given.many !== undefined) return await submitMany(call, manyOf(call, given.many), overrides)
  const client = clientOf(call)
  const submitted = await handIn(client, outgoing({ ...given.one, ...overrides }), call.terminal)
  if (!flag(call.values, 'wait')) return print(call, submitted)
  const record = await settled(client, submitted.record, waitMs, call.terminal).catch(error => {
    // Ctrl-C ends the wait, not the task.
    if (!(error instanceof CodedError))
      call.terminal.err.write(`${submitted.record.spec.id}: was accepted, and goes on\n`)
    throw error
  })
  call.terminal.out.write(call.json ? `${JSON.stringify({ ...submitted, record })}\n` : taskSheet(record))
  return record.state === 'succeeded' ? EXIT.ok : EXIT.failed
}

/** Who does not hear what became of a task is told its name, to ask for it or to hand it in again. */
async function handIn(client: DaemonClient, sent: OutgoingTask, { err }: Terminal): Promise<Submitted> {
  const answer = await client.request('POST', '/v1/tasks', sent.task).catch((error: unknown) => {
    if (!(error instanceof CodedError)) err.write(`No answer has come yet. ${adviceFor(sent)}\n`)
    throw error instanceof CodedError ? withAdvice(error, sent) : error
  })
  const { status, body } = answer
  if (status >= 200 && status < 300 && typeof body === 'object') return body as Submitted
  throw withAdvice(problemOf('POST', answer), sent, idIn(body))
}

/** @param said the id that the node gave it */
function withAdvice(error: CodedError, sent: OutgoingTask, said?: string): CodedError {
  if (!mayBeDone(error)) return error
  const detail = `${error.detail.replace(/\.?$/, '.')} ${adviceFor(sent, said)}`
  return new CodedError(error.code, detail, { cause: error, problems: error.problems })
}

function adviceFor({ task, id, repeatable }: OutgoingTask, said?: string): string {
  const known = id ?? said
  if (known === undefined) return 'The node that places it gives it its id: handed in again it may run twice.'
  const instead = 'dedupe' in task ? ', or with the same dedupe key,' : repeatable ? '' : ' and no placement'
  return `Its id is ${known}: handed in again with --id ${known}${instead} it does not run twice.`
}

function idIn(body: unknown): string | undefined {
  const id: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'id') : undefined
  return typeof id === 'string' ? id : undefined
}

function print({ json, terminal }: Call, submitted: Submitted): number {
  const { record, existed, durableCopies } = submitted
  // Of a task that was there before, whoever answers knows its own copy only: it says nothing of how many there are.
  const text = existed
    ? `${record.spec.id}: was known already, ${record.state}\n`
    : `${record.spec.id}: accepted, ${record.state}, ${copiesText(durableCopies, record.holders)}\n`
  terminal.out.write(json ? `${JSON.stringify(submitted)}\n` : text)
  return EXIT.ok
}

/** How many copies are on disk by now, and who will hold one in the end. */
function copiesText(durable: number, holders: TaskRecord['holders']): string {
  const now = `${durable} ${durable === 1 ? 'copy' : 'copies'} on disk`
  const names = holders.join(', ')
  return durable < holders.length ? `${now} so far; ${names} will hold one each` : `${now}, on ${names}`
}

/** Tasks line by line, where that is how they come. */
async function streamOf(call: Call): Promise<Given | undefined> {
  const [word] = call.args
  const file = text(call.values, 'file')
  const many = flag(call.values, 'many')
  if (word !== undefined || !(many || (file !== undefined && namesLines(file)))) return undefined
  if (file !== undefined && file !== '-') return { many: await readable(() => linesOfFile(file)) }
  const input = call.terminal.openInput()
  if (input === undefined)
    refuse([{ at: '--many', expected: '--file, or tasks on standard input', got: 'a terminal' }])
  return { many: linesOfInput(input) }
}

/** What makes no sense for many tasks is refused. */
function manyOf({ values }: Call, source: TaskSource): TaskSource {
  const single = [
    ...(flag(values, 'wait') ? ['--wait'] : []),
    ...(text(values, 'id') === undefined ? [] : ['--id']),
    ...(text(values, 'dedupe') === undefined ? [] : ['--dedupe']),
  ]
  if (single.length > 0)
    refuse(single.map(at => ({ at, expected: 'one task', got: `several, from ${source.name}` })))
  return source
}

async function baseOf(call: Call): Promise<Given> {
  const [word] = call.args
  const file = text(call.values, 'file')
  if (word !== undefined && file !== undefined)
    refuse([{ at: 'submit', expected: 'the task from one place', got: `${JSON.stringify(word)} and --file` }])
  if (word !== undefined)
    return /^\s*[[{]/.test(word) ? parsed(word, 'the argument') : { one: { type: word } }
  if (file !== undefined && file !== '-') return parsed(await contentOf(file), file)
  const at = 'standard input'
  const input = await call.terminal.readInput(INPUT_BYTES_MAX)
  if (input !== undefined && input.length > INPUT_BYTES_MAX)
    refuse([{ at, expected: `at most ${INPUT_BYTES_MAX} bytes, or lines with --many`, got: 'more' }])
  const content = input === undefined ? '' : decoded(input, at)
  if (content.trim() === '')
    refuse([{ at: 'submit', expected: 'TYPE, JSON, --file, or a task on standard input', got: 'nothing' }])
  return parsed(content, at)
}

const contentOf = async (file: string): Promise<string> => decoded(await readable(() => readFile(file)), file)

const decoded = (bytes: Uint8Array, at: string): string =>
  utf8Text(bytes) ?? refuse([{ at, expected: 'JSON in UTF-8', got: 'other bytes' }])

async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    return refuse([{ at: '--file', expected: 'a file that can be read', got: (error as Error).message }])
  }
}

function parsed(content: string, at: string): Given {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (error) {
    refuse([{ at, expected: 'a task as JSON', got: (error as Error).message }])
  }
  const fault = jsonFault(content, value)
  if (fault !== undefined) refuse([{ at, ...fault }])
  if (Array.isArray(value)) return { many: linesOfList(value, at) }
  if (typeof value === 'object' && value !== null) return { one: value as Fields }
  return refuse([{ at, expected: 'a task, a JSON object, or a list of them', got: typeof value }])
}

/** The fields that options give. */
function fieldsOf(values: Values, problems: Problem[]): Fields {
  const fields: Fields = {}
  const set = (name: string, value: unknown) => {
    if (value !== undefined) fields[name] = value
  }
  set('id', text(values, 'id'))
  set('key', text(values, 'key'))
  set('payload', payloadOf(values, problems))
  set('dedupe', dedupeOf(values, problems))
  Object.assign(fields, taskFields(values, problems))
  set('placement', text(values, 'placement'))
  set('runAt', timeOf(values, 'run-at', problems))
  set('expiresAt', timeOf(values, 'expires-at', problems))
  return fields
}

function dedupeOf(values: Values, problems: Problem[]): Fields | undefined {
  const key = text(values, 'dedupe')
  const ttlMs = wholeNumber(values, 'dedupe-ttl-ms', { min: 1, max: DEDUPE_MS_MAX }, problems)
  if (key === undefined && ttlMs !== undefined)
    problems.push({ at: '--dedupe-ttl-ms', expected: '--dedupe KEY beside it', got: 'none' })
  return key === undefined ? undefined : { key, ...(ttlMs !== undefined && { ttlMs }) }
}

/** Wall clock ms, of a number of them or of a full time. */
function timeOf(values: Values, name: string, problems: Problem[]): number | undefined {
  const given = text(values, name)
  if (given === undefined) return undefined
  const ms = /^\d{1,15}$/.test(given) ? Number(given) : FULL_TIME.test(given) ? Date.parse(given) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  const expected = 'ms since 1970, or a full time such as 2026-11-22T08:00:00Z'
  problems.push({ at: `--${name}`, expected, got: JSON.stringify(given) })
  return undefined
}

function payloadOf(values: Values, problems: Problem[]): unknown {
  const given = text(values, 'payload')
  const command = text(values, 'command')
  const args = texts(values, 'arg')
  if (command === undefined && args.length > 0)
    problems.push({ at: '--arg', expected: '--command NAME beside it', got: 'none' })
  if (given !== undefined && command !== undefined)
    problems.push({ at: '--payload', expected: 'either this or --command', got: 'both' })
  if (command !== undefined) return args.length > 0 ? { command, args } : { command }
  if (given === undefined) return undefined
  try {
    const payload: unknown = JSON.parse(given)
    const fault = jsonFault(given, payload)
    if (fault !== undefined) problems.push({ at: '--payload', ...fault })
    return payload
  } catch (error) {
    problems.push({
      at: '--payload',
      expected: 'JSON',
      got: `${JSON.stringify(given)} (${(error as Error).message})`,
    })
    return undefined
  }
}

/**
 * Looks again and again until the task has come to its end. It was accepted, so a refusal that passes is waited out.
 * @throws CodedError `DEADLINE`
 */
async function settled(
  client: DaemonClient,
  accepted: TaskRecord,
  waitMs: number,
  { interrupted, err }: Terminal,
): Promise<TaskRecord> {
  const { id } = accepted.spec
  const end = performance.now() + waitMs
  let record = accepted
  let refusal: CodedError | undefined
  let shown = ''
  for (let ms = POLL_MS; record.settledAt === undefined; ms = Math.min(POLL_MS_MAX, ms * 1.5)) {
    if (performance.now() >= end) {
      const last = refusal === undefined ? '' : ` The last answer was ${refusal.code}: ${refusal.detail}`
      throw new CodedError('DEADLINE', `${id} was ${record.state} after ${waitMs} ms.${last}`)
    }
    const standing = refusal === undefined ? record.state : `${refusal.code}: ${refusal.detail}`
    if (err.isTerminal && standing !== shown) err.write(`${id}: ${standing}\n`)
    shown = standing
    await pause(ms, undefined, { signal: interrupted })
    const left = Math.max(0, Math.ceil(end - performance.now()))
    const found = await look(client, id, Math.min(LOOK_MS, left))
    if (found instanceof CodedError) refusal = found
    else {
      refusal = undefined
      record = found
    }
  }
  return record
}

/** Waits at the daemon for the end of the task, or for so long; a refusal that passes is given back. */
async function look(client: DaemonClient, id: string, waitMs: number): Promise<TaskRecord | CodedError> {
  try {
    return await client.get<TaskRecord>(`/v1/tasks/${encodeURIComponent(id)}?waitMs=${waitMs}`, waitMs)
  } catch (error) {
    if (error instanceof CodedError && PASSING.has(error.status)) return error
    throw error
  }
}

function refuse(problems: readonly Problem[]): never {
  throw usage('submit', problems)
}
