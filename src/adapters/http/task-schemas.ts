/** The shapes of tasks and of what is done with them, as JSON schemas. */
import {
  ATTEMPTS_ALLOWED_MAX,
  DEDUPE_MS,
  DEDUPE_MS_MAX,
  GROUP_LIMIT_MAX,
  TASK_MS_MAX,
} from '../../tasks/spec.ts'
import { WHY_CODES } from '../../tasks/survey.ts'
import { BACKOFFS, PLACEMENTS, TASK_STATES } from '../../tasks/task.ts'
import { progress } from './attempt-schemas.ts'
import {
  anything,
  flag,
  type JsonSchema,
  listOf,
  number,
  object,
  oneOf,
  ref,
  text,
  whole,
} from './schema-words.ts'

const attemptError = object({ code: text, message: text })

const itemFields = {
  line: { ...whole, description: 'Line of the body, or place in the list, from 1.' },
  id: text,
  code: { ...text, description: 'ACCEPTED, EXISTED, or the code of an error.' },
  stored: { ...oneOf('yes', 'no', 'unknown'), description: 'Unknown: send the same again with the same id.' },
  state: oneOf(...TASK_STATES),
  durableCopies: whole,
  detail: text,
  retryAfterS: whole,
}
const itemOptional = ['id', 'state', 'durableCopies', 'detail', 'retryAfterS']
const totals = { accepted: whole, existed: whole, refused: whole, unknown: whole }

const settling = {
  ...listOf(text),
  description: 'Nodes that are just taking over tasks, or see another ring than the node asked.',
}

const vitals = object({
  cpu: { ...number, description: 'Share of the CPU time in use, of the container or the machine.' },
  memory: { ...number, description: 'Share of its memory in use.' },
})
const work = {
  total: whole,
  queued: whole,
  running: whole,
  done: whole,
  failed: whole,
  cancelled: whole,
  workers: whole,
  busy: { ...whole, description: 'Attempts that the node executes, of `workers` at one time.' },
  claimed: { ...whole, description: 'Attempts that clients carry out; they take up no worker.' },
  drainPerS: number,
  vitals,
}
const why = listOf(object({ code: oneOf(...WHY_CODES), text }))

export const TASK_SCHEMAS = {
  Task: {
    type: 'object',
    description: 'Only `type` is needed. The same id with the same content may be sent again at any time.',
    properties: {
      id: { type: 'string', pattern: '^[\\x21-\\x7e]{1,256}$', description: 'Made here when absent.' },
      key: { ...text, description: 'Decides the owner; the id when absent.' },
      type: {
        ...text,
        description:
          'The executor: exec, http, echo, compute, unreliable, or a type of executors.modules or executors.claim.types.',
      },
      payload: { description: 'Whatever the executor takes.' },
      priority: { type: 'integer', minimum: 0, maximum: 3 },
      maxAttempts: { type: 'integer', minimum: 1, maximum: ATTEMPTS_ALLOWED_MAX },
      backoffMs: { type: 'integer', minimum: 0, maximum: TASK_MS_MAX },
      backoffMsMax: { type: 'integer', minimum: 0, maximum: TASK_MS_MAX },
      timeoutMs: { type: 'integer', minimum: 1, maximum: TASK_MS_MAX },
      backoff: {
        ...oneOf(...BACKOFFS),
        description: 'How the pause before a retry grows: exponential when absent.',
      },
      runAt: { type: 'integer', minimum: 0, description: 'Not to be started before; ms since 1970.' },
      expiresAt: {
        type: 'integer',
        minimum: 1,
        description: 'A dead letter when it has not succeeded by then; ms since 1970.',
      },
      concurrent: { ...flag, description: 'Others of its key that say the same may run beside it.' },
      group: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$', description: 'Counted together.' },
      groupLimit: {
        type: 'integer',
        minimum: 1,
        maximum: GROUP_LIMIT_MAX,
        description:
          'It starts only while fewer of its group run: in the whole cluster when it has no key, else on each owner.',
      },
      placement: { ...oneOf(...PLACEMENTS), description: 'How its node is chosen, without id and key.' },
      dedupe: {
        type: 'object',
        description: 'The same key again within the time, under the same `key`, gives the first task.',
        properties: {
          key: text,
          ttlMs: { type: 'integer', minimum: 1, maximum: DEDUPE_MS_MAX, default: DEDUPE_MS },
        },
        required: ['key'],
      },
    },
    required: ['type'],
  },
  TaskOrTasks: {
    oneOf: [ref('Task'), { type: 'array', items: ref('Task'), minItems: 1, maxItems: 10_000 }],
  },
  Batch: object({ ...totals, results: listOf(object(itemFields, itemOptional)) }),
  BatchLine: {
    oneOf: [
      object(itemFields, itemOptional),
      object({
        summary: object(
          {
            ...totals,
            ended: {
              type: 'object',
              description: 'Why the body ended before its end: what stands above was taken.',
            },
          },
          ['ended'],
        ),
      }),
    ],
  },
  TaskRecord: object(
    {
      spec: object(
        {
          id: text,
          key: text,
          type: text,
          payload: anything,
          priority: whole,
          maxAttempts: whole,
          backoffMs: number,
          backoffMsMax: number,
          timeoutMs: number,
          dedupe: object({ key: text, ttlMs: whole }),
          backoff: text,
          runAt: number,
          expiresAt: number,
          concurrent: flag,
          group: text,
          groupLimit: whole,
          placement: text,
        },
        ['dedupe', 'backoff', 'runAt', 'expiresAt', 'concurrent', 'group', 'groupLimit', 'placement'],
      ),
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
      uncounted: whole,
      crashes: whole,
      progress: { ...progress, description: 'Of the attempt that runs; only where one task is asked for.' },
      redriven: object({ times: whole, after: whole, at: number }),
      result: anything,
      error: attemptError,
      holders: listOf(text),
      revision: whole,
      term: whole,
      copies: {
        ...whole,
        description: 'In quorum mode: on so many disks of holders it counted as it is.',
      },
      dedupeTerm: {
        ...whole,
        description: 'In quorum mode: the term under which its dedupe key was last given to it.',
      },
      schedule: { type: 'object', description: 'It is no task but a schedule; see /v1/schedules.' },
    },
    [
      'settledAt',
      'notBefore',
      'progress',
      'uncounted',
      'crashes',
      'redriven',
      'result',
      'error',
      'term',
      'copies',
      'dedupeTerm',
      'schedule',
    ],
  ),
  Submitted: object({
    record: ref('TaskRecord'),
    existed: flag,
    durableCopies: {
      ...whole,
      description:
        'At least so many copies are on a disk: in available mode whoever answers counts its own only, in quorum mode those of all holders that count. 0: only in a task list.',
    },
  }),
  Tasks: object(
    {
      tasks: listOf(ref('TaskRecord')),
      next: text,
      complete: { ...flag, description: 'False: tasks of the nodes named below may be missing.' },
      silent: { ...listOf(text), description: 'Living nodes that did not answer.' },
      settling,
    },
    ['next', 'complete', 'silent', 'settling'],
  ),
  TaskExplanation: object(
    {
      task: { ...ref('TaskRecord'), description: 'Absent with `refused`.' },
      refused: {
        ...object({ code: text, detail: text }),
        description: 'Why nobody may say how it stands: its owner may not act, or takes over.',
      },
      placement: object({ owner: text, preferenceList: listOf(text), hash: whole, ringChecksum: text }),
      why,
      next: text,
      nodes: listOf(
        object(
          {
            node: text,
            key: text,
            owner: text,
            revision: whole,
            state: oneOf(...TASK_STATES),
            place: text,
            why,
            next: text,
          },
          ['owner'],
        ),
      ),
      silent: listOf(text),
    },
    ['task', 'refused', 'placement'],
  ),
  Stats: object({
    cluster: object({ nodes: whole, ...work }, ['vitals']),
    nodes: listOf(object({ node: text, ...work }, ['vitals'])),
    complete: flag,
    silent: listOf(text),
    settling,
  }),
  DeadSelection: {
    type: 'object',
    description: 'Either `ids`, or some of the filters, or `all`.',
    properties: {
      ids: { ...listOf(text), maxItems: 10_000 },
      type: text,
      key: text,
      group: text,
      q: text,
      all: { type: 'boolean', const: true },
      cursor: { ...text, description: 'The `next` of the outcome before; not with `ids`.' },
      limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 1_000 },
    },
  },
  DeadOutcome: object(
    {
      done: whole,
      failed: whole,
      failures: listOf(object({ id: text, code: text, detail: text })),
      more: flag,
      next: { ...text, description: 'There may be more: the `cursor` of the next request.' },
      complete: flag,
      silent: listOf(text),
    },
    ['next'],
  ),
} as const satisfies Record<string, JsonSchema>
