import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError } from '../../../base/errors.ts'
import { parseDefinition } from '../../../tasks/schedules/definition.ts'
import { invalid, orderSpec, type ScheduleOrder } from '../../../tasks/schedules/orders.ts'
import {
  isSchedule,
  SCHEDULE_NAME_PATTERN,
  SCHEDULE_PAGE_MAX,
  type ScheduleDefinition,
  type ScheduleRecord,
  scheduleIdOf,
} from '../../../tasks/schedules/state.ts'
import { slotsAfter, type Timing } from '../../../tasks/schedules/timing.ts'
import { readBody } from '../body-fields.ts'
import type { Face } from '../face.ts'
import { sendProblem } from '../problem.ts'
import { parametersOf, refuseQuery, unknownAmong } from '../query.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { SCHEDULE_ERRORS, SCHEDULE_LOOKUP_ERRORS } from '../route-errors.ts'
import { askOwner, askSchedules } from '../waiting.ts'

const NEXT_DEFAULT = 5
const NEXT_MAX = 100
const PAGE_DEFAULT = 100

const nextQuery = {
  next: {
    schema: { type: 'integer', minimum: 0, maximum: NEXT_MAX, default: NEXT_DEFAULT },
    doc: 'How many of the next slots to show.',
  },
} as const

const name = { name: 'name', doc: 'Its name.' } as const
const changed = { 200: { doc: 'It stands so now.', schema: 'Schedule' } } as const

/** Schedules: cron expressions and intervals, each slot of which becomes one task in the whole cluster. */
export const schedules: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/schedules',
    access: 'read',
    summary: 'The schedules of the whole cluster, a page at a time, by name.',
    query: {
      after: { schema: { type: 'string' }, doc: 'The `next` of the page before.' },
      limit: {
        schema: { type: 'integer', minimum: 1, maximum: SCHEDULE_PAGE_MAX, default: PAGE_DEFAULT },
        doc: 'Schedules on a page.',
      },
    },
    responses: {
      200: { doc: 'A page; `unsure` names members whose schedules may be missing.', schema: 'Schedules' },
    },
    errors: ['LEAVING', 'OVERLOADED', 'DEADLINE'],
    handle: list,
  },
  {
    method: 'GET',
    path: '/v1/schedules/{name}',
    access: 'read',
    summary: 'One schedule, as its owner knows it, with its next slots.',
    parameter: name,
    query: nextQuery,
    responses: { 200: { doc: 'The schedule.', schema: 'Schedule' } },
    errors: SCHEDULE_LOOKUP_ERRORS,
    handle: async (face, request, reply) => {
      const count = wholeOf(request, 'next', 0, NEXT_MAX, NEXT_DEFAULT, ['next'])
      const known = nameOf(request)
      const answer = await askOwner(face, { kind: 'get', task: scheduleIdOf(known) })
      if (!answer.ok && answer.failure.code !== 'TASK_UNKNOWN') {
        return sendProblem(reply, face.counters, answer.failure)
      }
      if (!answer.ok || !isSchedule(answer.record) || answer.record.schedule.ordered.deleted)
        throw unknownSchedule(known)
      return sendJson(reply, viewOf(face, answer.record, count, answer.waits))
    },
  },
  {
    method: 'PUT',
    path: '/v1/schedules/{name}',
    access: 'write',
    summary: 'Makes a schedule, or gives it another definition. Safe to repeat.',
    parameter: name,
    body: { schema: 'ScheduleDefinition', required: true },
    responses: { ...changed, 201: { doc: 'It is new.', schema: 'Schedule' } },
    errors: SCHEDULE_ERRORS,
    handle: (face, request, reply) => {
      const definition = definitionOf(face, request, nameOf(request))
      return order(face, reply, definition.name, { op: 'put', definition })
    },
  },
  {
    method: 'DELETE',
    path: '/v1/schedules/{name}',
    access: 'write',
    summary: 'Removes a schedule. Tasks that it has made go on.',
    parameter: name,
    responses: { 200: { doc: 'It is removed; this is what it was.', schema: 'Schedule' } },
    errors: SCHEDULE_ERRORS,
    handle: (face, request, reply) => order(face, reply, nameOf(request), { op: 'delete' }),
  },
  ...(['pause', 'resume'] as const).map(
    (op): Route => ({
      method: 'POST',
      path: `/v1/schedules/${op}/{name}`,
      access: 'write',
      summary:
        op === 'pause'
          ? 'Makes no tasks of this schedule until it is resumed. Safe to repeat.'
          : 'Goes on with the slots from now on; those that passed meanwhile are not made. Safe to repeat.',
      parameter: name,
      body: { schema: 'Nothing', required: false },
      responses: changed,
      errors: SCHEDULE_ERRORS,
      handle: (face, request, reply) => {
        readBody(request.body, {})
        return order(face, reply, nameOf(request), { op })
      },
    }),
  ),
  {
    method: 'POST',
    path: '/v1/schedules/preview',
    access: 'read',
    summary: 'Checks a definition and shows its next slots. Stores nothing.',
    query: nextQuery,
    body: { schema: 'ScheduleDefinition', required: true },
    responses: { 200: { doc: 'It is valid.', schema: 'SchedulePreview' } },
    errors: ['SCHEDULE_INVALID'],
    handle: (face, request, reply) => {
      const count = wholeOf(request, 'next', 0, NEXT_MAX, NEXT_DEFAULT, ['next'])
      const { timing } = definitionOf(face, request, undefined)
      return sendJson(reply, { next: slotsOf(face, timing, Date.now(), count) })
    },
  },
]

async function list(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const limit = wholeOf(request, 'limit', 1, SCHEDULE_PAGE_MAX, PAGE_DEFAULT, ['after', 'limit'])
  const after = parametersOf(request.query).get('after') ?? ''
  if (typeof after !== 'string' || (after !== '' && !SCHEDULE_NAME_PATTERN.test(after))) {
    throw new CodedError('BAD_REQUEST', 'In the query: after: expected the name of a schedule.')
  }
  const answer = await askSchedules(face, { after, limit })
  return answer.ok ? sendJson(reply, answer.page) : sendProblem(reply, face.counters, answer.failure)
}

async function order(
  face: Face,
  reply: FastifyReply,
  schedule: string,
  asked: ScheduleOrder,
): Promise<FastifyReply> {
  const answer = await askOwner(face, { kind: 'submit', spec: orderSpec(schedule, asked) })
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  if (!isSchedule(answer.record)) {
    throw new CodedError('INTERNAL', `The owner of ${schedule} answered with a record that is no schedule.`)
  }
  if (asked.op === 'put' && !answer.existed) {
    reply.code(201).header('location', `/v1/schedules/${encodeURIComponent(schedule)}`)
  }
  return sendJson(reply, viewOf(face, answer.record, NEXT_DEFAULT, answer.waits))
}

function definitionOf(face: Face, request: FastifyRequest, known: string | undefined): ScheduleDefinition {
  if (request.body === undefined) {
    throw new CodedError('BAD_REQUEST', 'Expected a schedule as JSON, got no body.')
  }
  const rules = { defaults: face.defaults, nextSlot: face.node.nextSlot }
  const named = known === undefined && !hasName(request.body) ? 'preview' : known
  const parsed = parseDefinition(request.body, rules, named)
  if (parsed.ok) return parsed.definition
  const { code, detail, problems = [] } = invalid(parsed.problems)
  throw new CodedError(code, detail, { problems })
}

const hasName = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && Object.hasOwn(body, 'name')

/** Times are ms since 1970. @param waits what its owner says */
function viewOf(face: Face, record: ScheduleRecord, count: number, waits: string | undefined): object {
  const { ordered, decided } = record.schedule
  const { timing, task, catchUp, overlap } = ordered.definition
  const from = Math.max(decided.to, Date.now())
  return {
    name: record.spec.key,
    ...timing,
    ...{ task, catchUp, overlap, paused: ordered.paused, source: ordered.source },
    ...{ version: ordered.version, changedAt: ordered.at, deleted: ordered.deleted },
    owner: face.node.lookAtOwner(record.spec.key).owner ?? null,
    decidedTo: decided.to,
    ...(decided.lastMade !== undefined && { lastMade: decided.lastMade }),
    ...{ made: decided.made, missed: decided.missed, lately: decided.lately },
    next: ordered.paused || ordered.deleted ? [] : slotsOf(face, timing, from, count),
    ...(waits !== undefined && { waits }),
  }
}

const slotsOf = (face: Face, timing: Timing, from: number, count: number): readonly number[] =>
  slotsAfter(timing, from, count, face.node.nextSlot)

/** The name in a path. Throws BAD_REQUEST. */
function nameOf(request: FastifyRequest): string {
  const text = parameterOf(request)
  if (SCHEDULE_NAME_PATTERN.test(text)) return text
  const expected = 'Expected the name of a schedule: a letter or digit, then up to 127 of A-Z a-z 0-9 . _ -'
  throw new CodedError('BAD_REQUEST', `${expected}; got ${JSON.stringify(text.slice(0, 80))}.`)
}

const unknownSchedule = (known: string): CodedError =>
  new CodedError('SCHEDULE_UNKNOWN', `No live node knows a schedule ${known}.`)

/** A whole number of the query. Throws BAD_REQUEST, also for parameters that are not among `known`. */
function wholeOf(
  request: FastifyRequest,
  parameter: string,
  min: number,
  max: number,
  otherwise: number,
  known: readonly string[],
): number {
  const given = parametersOf(request.query)
  const problems = unknownAmong(given, known)
  const value = given.get(parameter)
  const found = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN
  const fits = found >= min && found <= max
  if (value !== undefined && !fits) {
    const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : 'it several times'
    problems.push({ at: parameter, expected: `a whole number from ${min} to ${max}`, got })
  }
  refuseQuery(problems)
  return value === undefined ? otherwise : found
}
