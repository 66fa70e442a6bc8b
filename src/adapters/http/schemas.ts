/** The shapes of what the API takes and gives, as JSON schemas; a test holds real answers against them. */
import { EVENT_TYPES } from '../../runtime/events.ts'

export type JsonSchema = { readonly [key: string]: unknown }

const text: JsonSchema = { type: 'string' }
const whole: JsonSchema = { type: 'integer' }
const number: JsonSchema = { type: 'number' }
const flag: JsonSchema = { type: 'boolean' }
const anything: JsonSchema = {}
const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values })
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })
const nullable = (type: string): JsonSchema => ({ type: [type, 'null'] })
const countsOf = (...names: readonly string[]): JsonSchema =>
  object(Object.fromEntries(names.map(name => [name, whole])))

/** All fields are required but those named in `optional`. Later versions may add fields. */
function object(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter(name => !optional.includes(name)),
  }
}

const mode = oneOf('available', 'quorum')
const MEMBER_STATUSES = ['alive', 'suspect', 'dead', 'left'] as const
const TASK_STATES = ['scheduled', 'ready', 'running', 'succeeded', 'retrying', 'dead', 'cancelled'] as const

const readiness = object({
  ready: flag,
  reasons: listOf(
    object({
      code: oneOf(
        'joining',
        'island',
        'node-id-taken',
        'leaving',
        'min-members',
        'settling',
        'no-voters',
        'no-lease',
        'not-granting',
      ),
      detail: text,
    }),
  ),
})

const ledgerLine = object({ at: number, event: text, text, fields: { type: 'object' } })

const member = {
  id: text,
  peerId: text,
  incarnation: whole,
  status: oneOf('alive', 'dead', 'left'),
  leaving: flag,
  cordoned: flag,
  goneAt: number,
  addresses: listOf(text),
  weight: number,
  opinion: oneOf(...MEMBER_STATUSES),
  self: flag,
  lastHeardMs: number,
  rttMs: number,
  silenceLimitMs: number,
  links: whole,
  linkFault: flag,
  modesDiffer: flag,
  ringChecksum: text,
  load: object({ running: whole, queued: whole }),
  claims: listOf(anything),
  why: ledgerLine,
}
const memberOptional = ['cordoned', 'goneAt', 'lastHeardMs', 'rttMs', 'ringChecksum', 'load', 'why']

const ballot = object({ round: whole, by: text })
const voterList = object(
  {
    version: { ...whole, description: 'Odd: it stands alone. Even, from 2 on: it is changing.' },
    names: listOf(text),
    previous: listOf(text),
    fixed: flag,
    root: text,
    floor: whole,
    ballot,
    promised: ballot,
  },
  ['previous', 'root', 'floor', 'ballot', 'promised'],
)
const grants = {
  enabled: flag,
  session: whole,
  voters: voterList,
  voter: flag,
  granting: flag,
  grantedBy: listOf(text),
  leaseForMs: number,
  term: whole,
  top: whole,
  exceptions: whole,
  keeps: listOf(text),
}
const grantsOptional = ['voters', 'leaseForMs']

const history = object({
  since: number,
  owners: listOf(
    object(
      {
        at: number,
        from: text,
        to: text,
        ring: text,
        causes: listOf(
          object({ member: text, change: oneOf('joined', 'gone', 'weight'), ledger: listOf(ledgerLine) }),
        ),
      },
      ['from', 'to'],
    ),
  ),
  rights: listOf(object({ from: number, until: number, token: text, tokenMost: text }, ['until', 'token'])),
})

const attemptError = object({ code: text, message: text })

/** A cron expression with its time zone, or an interval. */
const timing = { cron: text, timeZone: text, everyMs: whole }
const timingOptional = ['cron', 'timeZone', 'everyMs']
const catchUp = oneOf('none', 'last', 'all')
const overlap = oneOf('allow', 'skip')
const slotsNext = { ...listOf(number), description: 'The next slots, in ms since 1970.' }

export const SCHEMAS = {
  Problem: object(
    {
      type: text,
      title: text,
      status: whole,
      code: text,
      detail: text,
      state: text,
      problems: listOf(object({ at: text, expected: text, got: text })),
      requestId: text,
    },
    ['problems', 'requestId'],
  ),
  Health: object({ status: oneOf('alive') }),
  Readiness: readiness,
  Status: object({
    nodeId: text,
    peerId: text,
    cluster: text,
    version: text,
    incarnation: whole,
    boot: whole,
    uptimeMs: number,
    mode,
    grants: object(grants, grantsOptional),
    cordoned: flag,
    addresses: listOf(text),
    phase: oneOf('joining', 'ready', 'leaving', 'left'),
    ready: readiness,
    members: countsOf(...MEMBER_STATUSES),
    ring: object({ checksum: text, members: whole, agreement: number }),
    tasks: object({
      owned: countsOf(...TASK_STATES),
      held: whole,
      started: whole,
      succeeded: whole,
      failedAttempts: whole,
      retried: whole,
      forwarded: whole,
      takingOver: flag,
    }),
  }),
  Members: object({ members: listOf(ref('Member')) }),
  Member: object(member, memberOptional),
  MemberWithLedger: object({ ...member, ledger: listOf(ledgerLine) }, memberOptional),
  Ring: object({
    checksum: text,
    version: whole,
    vnodesPerWeight: whole,
    replicas: whole,
    members: listOf(object({ id: text, weight: number, share: number })),
  }),
  Owner: object(
    {
      key: text,
      owner: nullable('string'),
      mine: flag,
      addresses: listOf(text),
      ringChecksum: text,
      mode,
      acting: flag,
      actingUntilMs: number,
      actingForMs: number,
      token: object({ value: text, safe: flag }),
    },
    ['actingUntilMs', 'actingForMs', 'token'],
  ),
  Explanation: object({
    key: text,
    hash: whole,
    token: whole,
    owner: text,
    preferenceList: listOf(text),
    mine: flag,
    ringChecksum: text,
    beliefs: listOf(object({ id: text, ringChecksum: text, agrees: flag }, ['ringChecksum', 'agrees'])),
    tasks: listOf(ref('TaskRecord')),
    history,
  }),
  Task: {
    type: 'object',
    description: 'Only `type` is needed. The same id with the same content may be sent again at any time.',
    properties: {
      id: { type: 'string', pattern: '^[\\x21-\\x7e]{1,256}$', description: 'Made here when absent.' },
      key: { ...text, description: 'Decides the owner; the id when absent.' },
      type: { ...text, description: 'The executor: exec, http, echo, compute, unreliable.' },
      payload: { description: 'Whatever the executor takes.' },
      priority: { type: 'integer', minimum: 0, maximum: 3 },
      maxAttempts: { type: 'integer', minimum: 1 },
      backoffMs: { type: 'number', minimum: 0 },
      backoffMsMax: { type: 'number', minimum: 0 },
      timeoutMs: { type: 'number', minimum: 1 },
    },
    required: ['type'],
  },
  TaskRecord: object(
    {
      spec: object({
        id: text,
        key: text,
        type: text,
        payload: anything,
        priority: whole,
        maxAttempts: whole,
        backoffMs: number,
        backoffMsMax: number,
        timeoutMs: number,
      }),
      source: text,
      state: oneOf(...TASK_STATES),
      acceptedAt: number,
      settledAt: number,
      notBefore: number,
      attempts: listOf(
        object(
          {
            number: whole,
            node: text,
            startedAt: number,
            endedAt: number,
            outcome: oneOf('succeeded', 'failed', 'lost', 'cancelled', 'fenced'),
            token: text,
            error: attemptError,
          },
          ['endedAt', 'outcome', 'token', 'error'],
        ),
      ),
      result: anything,
      error: attemptError,
      holders: listOf(text),
      revision: whole,
      schedule: { type: 'object', description: 'It is no task but a schedule; see /v1/schedules.' },
    },
    ['settledAt', 'notBefore', 'result', 'error', 'schedule'],
  ),
  ScheduleDefinition: {
    type: 'object',
    description:
      'Either `cron` or `everyMs`, and `task`. See the README for what becomes of slots that nobody was there for.',
    properties: {
      name: { ...text, description: 'As in the path, where there is one.' },
      cron: { ...text, description: 'minute hour day month weekday, or six fields with seconds first.' },
      timeZone: { ...text, description: 'Of the cron expression; UTC unless told.' },
      everyMs: {
        ...whole,
        minimum: 1_000,
        description: 'A slot at each multiple of it since 1970, 00:00 UTC.',
      },
      task: {
        type: 'object',
        description: 'Its tasks: type, payload, priority, maxAttempts, backoffMs, backoffMsMax, timeoutMs.',
      },
      catchUp: { ...catchUp, default: 'last' },
      overlap: { ...overlap, default: 'allow' },
      paused: { ...flag, default: false },
    },
    required: ['task'],
  },
  Schedule: object(
    {
      name: text,
      ...timing,
      task: { type: 'object' },
      catchUp,
      overlap,
      paused: flag,
      source: oneOf('api', 'config'),
      version: whole,
      changedAt: number,
      deleted: flag,
      owner: nullable('string'),
      decidedTo: { ...number, description: 'All slots up to here are made, missed, or were never due.' },
      lastMade: number,
      made: whole,
      missed: whole,
      lately: listOf(
        object(
          {
            from: number,
            to: number,
            count: whole,
            more: flag,
            reason: oneOf('late', 'overlap', 'queue-full'),
            at: number,
          },
          ['more'],
        ),
      ),
      next: slotsNext,
      waits: { ...text, description: 'Why nothing is made of it now, when its owner is asked.' },
    },
    [...timingOptional, 'lastMade', 'waits'],
  ),
  SchedulePreview: object({ next: slotsNext }),
  Schedules: object(
    {
      schedules: listOf(
        object(
          {
            name: text,
            timing: object(timing, timingOptional),
            type: text,
            source: oneOf('api', 'config'),
            paused: flag,
            decidedTo: number,
            lastMade: number,
            made: whole,
            missed: whole,
            waits: text,
            owner: text,
          },
          ['lastMade', 'waits'],
        ),
      ),
      next: text,
      unsure: listOf(text),
    },
    ['next'],
  ),
  Submitted: object({
    record: ref('TaskRecord'),
    existed: flag,
    durableCopies: {
      ...whole,
      description:
        'At least so many copies are on a disk: whoever answers counts its own only. 0: only in a task list.',
    },
  }),
  Tasks: object({ tasks: listOf(ref('TaskRecord')), next: text }, ['next']),
  Leave: object({ deadlineMs: { type: 'integer', minimum: 0, maximum: 600_000 } }, ['deadlineMs']),
  Leaving: object({ nodeId: text, leaving: flag }),
  Nothing: object({}),
  Done: object({ nodeId: text, detail: text }),
  Drain: object({ deadlineMs: { type: 'integer', minimum: 0, maximum: 600_000, default: 60_000 } }, [
    'deadlineMs',
  ]),
  Drained: object({ nodeId: text, drained: flag, running: whole, unsafe: whole, tasks: listOf(text) }),
  Weight: object({ weight: { type: 'number', minimum: 0.01, maximum: 100 } }),
  Voters: object({ mode, ...grants }, grantsOptional),
  VoterChange: object({ node: text }),
  VotersReset: object({
    names: listOf(text),
    confirm: { ...text, description: 'The name of the cluster, so that nobody does this by accident.' },
  }),
  Event: {
    ...object({
      at: number,
      type: oneOf(...EVENT_TYPES),
      level: text,
      event: text,
      fields: { type: 'object' },
    }),
    description: 'What stands behind `data:` of one event.',
  },
} as const satisfies Record<string, JsonSchema>

export type SchemaName = keyof typeof SCHEMAS
