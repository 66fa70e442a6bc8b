/** The shapes of claims and of what clients say of them, as JSON schemas. */
import { TASK_STATES } from '../../tasks/task.ts'
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

const tokenOfClaim: JsonSchema = { type: 'string', pattern: '^\\d{1,20}$' }
const own = { attempt: { type: 'integer', minimum: 1 }, token: tokenOfClaim }
const waitMs: JsonSchema = { type: 'integer', minimum: 0, maximum: 60_000 }
const acting = {
  actingUntilMs: { ...number, description: 'Wall clock ms by which the client must have stopped.' },
  actingForMs: { ...number, description: 'The same as a span from the answer on.' },
}

export const CLAIM_SCHEMAS = {
  ClaimQuery: object(
    {
      types: { ...listOf(text), minItems: 1, maxItems: 64 },
      max: { type: 'integer', minimum: 1, maximum: 100, default: 1 },
      waitMs: { ...waitMs, default: 20_000 },
      client: { ...text, description: 'Who it is, for people.', default: 'unnamed' },
    },
    ['max', 'waitMs', 'client'],
  ),
  Claimed: object({ claims: listOf(ref('Claim')) }),
  Claim: object({
    claim: text,
    task: text,
    key: text,
    type: text,
    payload: anything,
    attempt: whole,
    node: text,
    token: object({ value: text, safe: flag }),
    leaseMs: { ...number, description: 'To be renewed within this time, each time.' },
    deadlineMs: { ...number, description: 'Wall clock ms at which the time limit of the attempt is over.' },
    ...acting,
  }),
  ClaimOwn: object(own),
  ClaimRenewal: object({ ...own, progress: ref('Progress'), waitMs: { ...waitMs, default: 0 } }, [
    'progress',
    'waitMs',
  ]),
  ClaimStanding: object({ claim: text, state: oneOf('held', 'cancelled', 'lost'), reason: text, ...acting }, [
    'reason',
    'actingUntilMs',
    'actingForMs',
  ]),
  ClaimResult: object({ ...own, result: { description: 'Any JSON; null when absent.' } }, ['result']),
  ClaimFailure: object(
    { ...own, message: { type: 'string', maxLength: 4_000 }, retryable: { ...flag, default: true } },
    ['retryable'],
  ),
  ClaimEnded: object(
    {
      claim: text,
      task: text,
      attempt: whole,
      repeated: { ...flag, description: 'The same was said before, and was heard then.' },
      outcome: oneOf('succeeded', 'failed', 'lost', 'cancelled', 'fenced'),
      state: oneOf(...TASK_STATES),
    },
    ['outcome', 'state'],
  ),
  Claims: object({
    types: listOf(text),
    waiting: whole,
    held: whole,
    claims: listOf(
      object(
        {
          claim: text,
          task: text,
          key: text,
          type: text,
          attempt: whole,
          client: text,
          state: oneOf('held', 'cancelled'),
          claimedAtMs: number,
          actingUntilMs: number,
          progress: ref('Progress'),
        },
        ['progress'],
      ),
    ),
  }),
} as const satisfies Record<string, JsonSchema>
