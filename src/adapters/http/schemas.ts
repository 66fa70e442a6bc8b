/** The shapes of what the API takes and gives, as JSON schemas; a test holds real answers against them. */
import { EVENT_TYPES } from '../../runtime/events.ts'
import { TASK_STATES } from '../../tasks/task.ts'
import { ATTEMPT_SCHEMAS } from './attempt-schemas.ts'
import { CLAIM_SCHEMAS } from './claim-schemas.ts'
import { SCHEDULE_SCHEMAS } from './schedule-schemas.ts'
import {
  anything,
  countsOf,
  flag,
  type JsonSchema,
  listOf,
  nullable,
  number,
  object,
  oneOf,
  ref,
  text,
  whole,
} from './schema-words.ts'
import { TASK_SCHEMAS } from './task-schemas.ts'

export type { JsonSchema } from './schema-words.ts'

const mode = oneOf('available', 'quorum')
const MEMBER_STATUSES = ['alive', 'suspect', 'dead', 'left'] as const

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
        'voters-undecided',
        'no-lease',
        'not-granting',
        'store-full',
        'store-read-only',
        'store-slow',
        'taking-over',
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
  onlyDisk: text,
  linkFault: flag,
  modesDiffer: flag,
  ringChecksum: text,
  load: object(
    { running: whole, queued: whole, slots: whole, cpu: number, memory: number, types: listOf(text) },
    ['slots', 'cpu', 'memory', 'types'],
  ),
  claims: listOf(anything),
  why: ledgerLine,
}
const memberOptional = [
  'cordoned',
  'goneAt',
  'onlyDisk',
  'lastHeardMs',
  'rttMs',
  'ringChecksum',
  'load',
  'why',
]

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
  topUnheard: listOf(text),
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
  rightsSince: number,
  rights: listOf(object({ from: number, until: number, token: text }, ['until'])),
})

const queueCounts = listOf(object({ name: text, queued: whole, running: whole, limit: whole }, ['limit']))

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
      id: text,
    },
    ['problems', 'requestId', 'id'],
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
      queue: object({ types: queueCounts, groups: queueCounts, keys: whole }),
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
  Explanation: object(
    {
      key: text,
      hash: whole,
      token: whole,
      owner: nullable('string'),
      unowned: text,
      preferenceList: listOf(text),
      mine: flag,
      mode,
      ringChecksum: text,
      beliefs: listOf(object({ id: text, ringChecksum: text, agrees: flag }, ['ringChecksum', 'agrees'])),
      tasks: listOf(ref('TaskRecord')),
      waiting: listOf(object({ task: text, code: text, detail: text })),
      history,
      takeover: object(
        { complete: flag, blind: flag, missing: listOf(text), waitsFor: text, mayHaveLost: listOf(text) },
        ['waitsFor'],
      ),
    },
    ['token', 'unowned', 'takeover'],
  ),
  ...TASK_SCHEMAS,
  ...SCHEDULE_SCHEMAS,
  ...ATTEMPT_SCHEMAS,
  ...CLAIM_SCHEMAS,
  Leave: object({ deadlineMs: { type: 'integer', minimum: 0, maximum: 600_000 } }, ['deadlineMs']),
  Leaving: object({ nodeId: text, leaving: flag }),
  Nothing: object({}),
  Forget: object({ formerDisk: { ...flag, default: false } }, ['formerDisk']),
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
