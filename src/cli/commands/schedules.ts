/** Lists, makes, changes and removes schedules. */
import { readFile } from 'node:fs/promises'
import type { Problem } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, flag, text, wholeNumber } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { jsonFault } from '../json-fault.ts'
import {
  type ScheduleLine,
  type ScheduleSheet,
  scheduleSheet,
  scheduleTable,
  slotLines,
} from '../schedule-view.ts'
import { taskFields } from '../task-options.ts'
import { utf8Text } from '../utf8-text.ts'

const VERBS = 'list, show NAME, next NAME, add NAME, preview [NAME], remove NAME, pause NAME or resume NAME'
const YEAR_MS = 366 * 86_400_000
const NEXT_MAX = 100

type Preview = Pick<ScheduleSheet, 'next'>

interface Page {
  readonly schedules: readonly ScheduleLine[]
  readonly next?: string
  readonly unsure: readonly string[]
}

export async function run(call: Call): Promise<number> {
  const [verb = 'list', name, ...more] = call.args
  if (verb === 'list' && name === undefined) return await list(call)
  if (verb === 'preview' && more.length === 0) return await preview(call, name)
  if (name === undefined || more.length > 0) refuse(call)
  const path = `/v1/schedules/${encodeURIComponent(name)}`
  switch (verb) {
    case 'show':
    case 'next':
      return await show(call, path, verb)
    case 'add':
      return await add(call, path, name)
    case 'remove':
      return print(call, await clientOf(call).remove<ScheduleSheet>(path), `${name} is removed\n`)
    case 'pause':
    case 'resume': {
      const after = await clientOf(call).post<ScheduleSheet>(
        `/v1/schedules/${verb}/${encodeURIComponent(name)}`,
        {},
      )
      return print(call, after, `${name} is ${after.paused ? 'paused' : 'not paused'}\n`)
    }
    default:
      return refuse(call)
  }
}

function refuse(call: Call): never {
  throw usage('schedules', [{ at: 'schedules', expected: VERBS, got: JSON.stringify(call.args.join(' ')) }])
}

/** All pages; what may be missing is said beside it. */
async function list(call: Call): Promise<number> {
  const client = clientOf(call)
  const lines: ScheduleLine[] = []
  const unsure = new Set<string>()
  for (let after: string | undefined = ''; after !== undefined; ) {
    const query: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`
    const page: Page = await client.get<Page>(`/v1/schedules?limit=500${query}`)
    lines.push(...page.schedules)
    for (const member of page.unsure) unsure.add(member)
    after = page.next
  }
  const { out, err } = call.terminal
  if (call.json) out.write(`${JSON.stringify({ schedules: lines, unsure: [...unsure] })}\n`)
  else out.write(lines.length === 0 ? 'no schedules\n' : scheduleTable(lines))
  if (!call.json && unsure.size > 0) {
    err.write(`schedules of these nodes may be missing: ${[...unsure].join(', ')}\n`)
  }
  return EXIT.ok
}

async function show(call: Call, path: string, verb: 'show' | 'next'): Promise<number> {
  const problems: Problem[] = []
  const count =
    wholeNumber(call.values, 'count', { min: 1, max: NEXT_MAX }, problems) ?? (verb === 'next' ? 10 : 5)
  if (problems.length > 0) throw usage('schedules', problems)
  const found = await clientOf(call).get<ScheduleSheet>(`${path}?next=${count}`)
  if (verb === 'show') return print(call, found, scheduleSheet(found))
  call.terminal.out.write(call.json ? `${JSON.stringify(found.next)}\n` : slotLines(found))
  return EXIT.ok
}

async function add(call: Call, path: string, name: string): Promise<number> {
  const problems: Problem[] = []
  const definition = await definitionOf(call, problems)
  if (problems.length > 0) throw usage('schedules', problems)
  const put = await clientOf(call).put<ScheduleSheet>(path, definition)
  return print(call, put, `${name} stands; its next slots:\n${slotLines(put)}`)
}

/** Checks a definition and shows its slots; nothing is stored. */
async function preview(call: Call, name: string | undefined): Promise<number> {
  const problems: Problem[] = []
  const definition = await definitionOf(call, problems)
  const count = wholeNumber(call.values, 'count', { min: 1, max: NEXT_MAX }, problems) ?? 10
  if (problems.length > 0) throw usage('schedules', problems)
  // Who only asks for the times need not say what would run then.
  const whole = { task: { type: 'echo' }, ...definition, ...(name !== undefined && { name }) }
  const found = await clientOf(call).post<Preview>(`/v1/schedules/preview?next=${count}`, whole)
  const zone = typeof definition['timeZone'] === 'string' ? { timeZone: definition['timeZone'] } : {}
  call.terminal.out.write(call.json ? `${JSON.stringify(found.next)}\n` : slotLines({ ...found, ...zone }))
  return EXIT.ok
}

/** What the options say, over what the file says. */
async function definitionOf(call: Call, problems: Problem[]): Promise<Readonly<Record<string, unknown>>> {
  const { values } = call
  const everyMs = wholeNumber(values, 'every-ms', { min: 1_000, max: YEAR_MS }, problems)
  const base = await fileOf(call, problems)
  const task = taskOf(call, problems)
  const fields = {
    cron: text(values, 'cron'),
    timeZone: text(values, 'time-zone'),
    everyMs,
    catchUp: text(values, 'catch-up'),
    overlap: text(values, 'overlap'),
    ...(flag(values, 'paused') && { paused: true }),
  }
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  const merged =
    Object.keys(task).length === 0 ? {} : { task: { ...objectOf(base['task'], 'task', problems), ...task } }
  return { ...base, ...given, ...merged }
}

function taskOf({ values }: Call, problems: Problem[]): Record<string, unknown> {
  const type = text(values, 'type')
  const payload = jsonOf(text(values, 'payload'), '--payload', problems)
  return {
    ...(type !== undefined && { type }),
    ...(payload !== undefined && { payload }),
    ...taskFields(values, problems),
  }
}

/** The definition before the options are laid over it. */
async function fileOf(call: Call, problems: Problem[]): Promise<Record<string, unknown>> {
  const file = text(call.values, 'file')
  if (file === undefined) return {}
  try {
    const content = utf8Text(await readFile(file))
    if (content === undefined) problems.push({ at: file, expected: 'JSON in UTF-8', got: 'other bytes' })
    return objectOf(jsonOf(content, file, problems), file, problems)
  } catch (error) {
    problems.push({ at: '--file', expected: 'a file that can be read', got: (error as Error).message })
    return {}
  }
}

function jsonOf(content: string | undefined, at: string, problems: Problem[]): unknown {
  if (content === undefined) return undefined
  try {
    const value: unknown = JSON.parse(content)
    const fault = jsonFault(content, value)
    if (fault !== undefined) problems.push({ at, ...fault })
    return value
  } catch (error) {
    problems.push({ at, expected: 'JSON', got: (error as Error).message })
    return undefined
  }
}

/** What is left out is no problem. */
function objectOf(value: unknown, at: string, problems: Problem[]): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  const got = Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`
  if (value !== undefined) problems.push({ at, expected: 'a JSON object', got })
  return {}
}

function print(call: Call, answer: ScheduleSheet, said: string): number {
  call.terminal.out.write(call.json ? `${JSON.stringify(answer)}\n` : said)
  return EXIT.ok
}
