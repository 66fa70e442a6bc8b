/**
 * Follows what a node sees happen, until the user has had enough. A connection that breaks is made again, and goes on
 * after the last event that came.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, flag, text, texts } from '../command.ts'
import { EVENT_TYPES, eventsIn, type SentEvent } from '../event-source.ts'
import { EXIT } from '../exit-code.ts'
import { type Colour, paint, printable } from '../table.ts'
import type { Output } from '../terminal.ts'

/** Time between two attempts to connect, in ms. */
const RETRY_MS = 1_000

export async function run(call: Call): Promise<number> {
  const { out } = call.terminal
  for await (const event of followed(call)) {
    out.write(call.json ? jsonLine(event) : `${lineOf(event, out)}\n`)
    if (out.closed) break
  }
  return EXIT.ok
}

/** All events, over as many connections as it takes. */
async function* followed(call: Call): AsyncGenerator<SentEvent> {
  const client = clientOf(call)
  const { err, interrupted } = call.terminal
  const path = `/v1/events?${queryOf(call)}`
  let lastId = text(call.values, 'after')
  let connected = false
  for (;;) {
    try {
      const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
      const pieces = noting(client.stream(path, headers), () => {
        connected = true
      })
      yield* eventsIn(pieces, id => {
        lastId = id
      })
      if (flag(call.values, 'once')) return
      err.write('The node has ended the stream. Asking again.\n')
    } catch (error) {
      const broken = error instanceof CodedError && error.code === 'DAEMON_UNREACHABLE'
      if (!broken || !connected) throw error
      err.write(`${error.detail} Asking again.\n`)
    }
    await pause(RETRY_MS, undefined, { signal: interrupted })
  }
}

/** Tells when something comes at all: a node that has never answered is no broken connection. */
async function* noting(pieces: AsyncIterable<string>, came: () => void): AsyncGenerator<string> {
  for await (const piece of pieces) {
    came()
    yield piece
  }
}

function queryOf(call: Call): URLSearchParams {
  const query = new URLSearchParams()
  const types = text(call.values, 'types')
  const keys = texts(call.values, 'key')
  if (types !== undefined) query.set('types', checkedTypes(types, keys))
  for (const key of keys) query.append('key', key)
  if (flag(call.values, 'once')) query.set('follow', 'false')
  return query
}

/** @throws CodedError `USAGE`; a type that is not there would else be told only where a daemon answers */
function checkedTypes(types: string, keys: readonly string[]): string {
  const problems = types
    .split(',')
    .filter(type => !EVENT_TYPES.includes(type))
    .map(type => ({
      at: '--types',
      expected: `some of ${EVENT_TYPES.join(', ')}`,
      got: JSON.stringify(type),
    }))
  if (types.split(',').includes('owner') && keys.length === 0)
    problems.push({ at: '--types', expected: '--key KEY beside the type owner', got: 'none' })
  if (problems.length > 0) throw usage('monitor', problems)
  return types
}

/** One object a line: what the node sent, with its id. Its own words about the stream have the name as `event`. */
function jsonLine({ name, body, lastId }: SentEvent): string {
  const sent = parsed(body)
  const own = sent['event'] === undefined ? { type: 'stream', event: name } : {}
  return `${JSON.stringify({ ...own, ...sent, id: lastId })}\n`
}

const COLOURS: Readonly<Record<string, Colour>> = { warn: 'yellow', error: 'red' }

function lineOf({ name, body }: SentEvent, out: Output): string {
  const sent = parsed(body)
  const { at, type = 'stream', event = name, level, fields = sent } = sent as Partial<Sent>
  const time = at === undefined ? '            ' : new Date(at).toISOString().slice(11, 23)
  const said = type === 'owner' ? ownerText(fields) : fieldsText(fields)
  const colour = COLOURS[level ?? '']
  const shown = colour === undefined ? event : paint(out, colour, event)
  return `${time}  ${printable(type.padEnd(6))}  ${shown}  ${printable(said)}`
}

interface Sent {
  readonly at: number
  readonly type: string
  readonly event: string
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const sent: unknown = JSON.parse(body)
    if (typeof sent === 'object' && sent !== null) return sent as Readonly<Record<string, unknown>>
  } catch (error) {
    throw notOurs(error)
  }
  throw notOurs(undefined)
}

const notOurs = (cause: unknown): CodedError =>
  new CodedError('DAEMON_UNREACHABLE', 'What answers there sends no events of ours.', { cause })

/** Fields that every line has say nothing new. */
const ASIDE = ['incarnation']

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).filter(([name]) => !ASIDE.includes(name))
  return shown.map(([name, value]) => `${name}=${valueText(value)}`).join(' ')
}

const valueText = (value: unknown): string =>
  typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)

function ownerText({ key, owner, acting, actingForMs, token }: Readonly<Record<string, unknown>>): string {
  const right = acting === true ? 'this node acts for it' : 'this node does not act for it'
  const ms = typeof actingForMs === 'number' ? ` for ${actingForMs} ms` : ''
  const value = typeof token === 'object' && token !== null ? Reflect.get(token, 'value') : undefined
  return `${valueText(key)} -> ${owner ?? 'nobody'}; ${right}${ms}${value === undefined ? '' : `, token ${value}`}`
}
