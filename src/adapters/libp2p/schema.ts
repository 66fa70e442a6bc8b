/**
 * The shape of every message that may come off a wire. Another node is another program: of another version, with a bug,
 * or an enemy. So nothing of it reaches the core that is not exactly a message, and no array or text in it is longer
 * than its named limit.
 *
 * Unknown keys are dropped, not refused: a newer node may say more. The types are the contract and these schemas must
 * match them; `Agrees` at the end makes the compiler prove it in both directions. Deriving the types from the schemas
 * would have been shorter, but then the pure rooms would import zod and an adapter.
 */
import { z } from 'zod'
import { TASK_ID_PATTERN } from '../../base/ids.ts'
import type { GossipMessage, LinkMessage } from '../../node/machine.ts'
import { COMPARED_MAX } from '../../tasks/messages.ts'
import { ATTEMPTS_KEPT, type Json, PLACEMENTS } from '../../tasks/task.ts'
import { failure } from './failure-schema.ts'
import {
  grant,
  grantRefused,
  renew,
  ringAsk,
  ringTell,
  topAsk,
  topTell,
  votersPrepare,
  votersPromise,
  votersTell,
} from './grants-schema.ts'
import {
  ADDRESS_CHARS_MAX,
  FORWARDS_MAX,
  HOLDERS_MAX,
  RECORDS_MAX,
  RUNNING_MAX,
  SINCE_MAX,
  WITHOUT_MAX,
} from './limits.ts'
import { look, lookReply } from './look-schema.ts'
import {
  ack,
  claimsGossip,
  heartbeat,
  hello,
  leave,
  leaveAck,
  liveness,
  ping,
  refuse,
  rumour,
  summary,
  sync,
} from './membership-schema.ts'
import { scheduleSchema, schedulesAsk, schedulesTell } from './schedule-schema.ts'
import {
  count,
  detail,
  json,
  key,
  nodeId,
  requestId,
  short,
  state,
  taskId,
  term,
  wallMs,
} from './schema-words.ts'
import { explainAnswer, ownership, purgeAnswer, statsAnswer, survey } from './survey-schema.ts'

// tasks

const spec = z.object({
  id: taskId,
  key,
  type: short,
  payload: json,
  priority: z.literal([0, 1, 2, 3]),
  maxAttempts: count,
  backoffMs: z.number().nonnegative(),
  backoffMsMax: z.number().nonnegative(),
  timeoutMs: z.number().nonnegative(),
  dedupe: z.object({ key: z.string().regex(TASK_ID_PATTERN), ttlMs: count }).exactOptional(),
  backoff: z.enum(['fixed', 'none']).exactOptional(),
  concurrent: z.literal(true).exactOptional(),
  group: short.exactOptional(),
  groupLimit: count.exactOptional(),
  runAt: wallMs.exactOptional(),
  expiresAt: wallMs.exactOptional(),
  placement: z.enum(PLACEMENTS).exclude(['ring']).exactOptional(),
})
const attemptError = z.object({
  code: z.enum([
    'EXIT_NONZERO',
    'SIGNALLED',
    'TIMEOUT',
    'OUTPUT_TOO_LARGE',
    'HTTP_STATUS',
    'HTTP_FAILED',
    'HTTP_UNREACHED',
    'THREW',
    'RUNNER_LOST',
    'CLAIM_EXPIRED',
    'CLAIM_FAILED',
    'UNCLAIMED',
    'MODULE_UNLOADABLE',
    'MODULE_EXITED',
    'MEMORY_EXCEEDED',
    'RESULT_INVALID',
    'NODE_LOST',
    'NODE_CRASHED',
    'CANCELLED',
    'FENCED',
    'POISON',
    'EXPIRED',
    'EXECUTOR_UNKNOWN',
    'COMMAND_NOT_ALLOWED',
    'TASK_INVALID',
  ]),
  message: detail,
})
const attempt = z.object({
  number: count,
  node: nodeId,
  startedAt: wallMs,
  endedAt: wallMs.exactOptional(),
  outcome: z.enum(['succeeded', 'failed', 'lost', 'cancelled', 'fenced']).exactOptional(),
  token: short.exactOptional(),
  error: attemptError.exactOptional(),
})
const source = z.custom<'api' | `list:${string}` | `schedule:${string}`>(
  value =>
    typeof value === 'string' &&
    value.length <= ADDRESS_CHARS_MAX &&
    (value === 'api' || value.startsWith('list:') || value.startsWith('schedule:')),
)
const schedule = scheduleSchema(spec.omit({ id: true, key: true }))
const record = z.object({
  spec,
  source,
  state,
  acceptedAt: wallMs,
  settledAt: wallMs.exactOptional(),
  notBefore: wallMs.exactOptional(),
  attempts: z.array(attempt).max(ATTEMPTS_KEPT),
  uncounted: count.exactOptional(),
  redriven: z.object({ times: count, after: count, at: wallMs }).exactOptional(),
  crashes: count.exactOptional(),
  result: json.exactOptional(),
  error: attemptError.exactOptional(),
  holders: z.array(nodeId).max(HOLDERS_MAX),
  revision: count,
  term: term.exactOptional(),
  copies: count.exactOptional(),
  dedupeTerm: term.exactOptional(),
  schedule: schedule.exactOptional(),
})
const records = z.array(record).max(RECORDS_MAX)

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('submit'), spec }),
  z.object({ kind: z.literal('cancel'), task: taskId, key, runsOn: nodeId.exactOptional() }),
  z.object({ kind: z.literal('retry'), task: taskId, key }),
  z.object({
    kind: z.literal('get'),
    task: taskId,
    waitMs: count.exactOptional(),
    key: key.exactOptional(),
    ring: short.exactOptional(),
  }),
])
const reply = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    record,
    existed: z.boolean(),
    durableCopies: count,
    waits: detail.exactOptional(),
  }),
  z.object({ ok: z.literal(false), failure }),
])
const forwardFields = { id: requestId, hops: count, request }
const replyFields = { id: requestId, reply }
const forward = z.object({ type: z.literal('forward'), ...forwardFields })
const forwardReply = z.object({ type: z.literal('forward-reply'), ...replyFields })
const forwards = z.object({
  type: z.literal('forwards'),
  forwards: z.array(z.object(forwardFields)).max(FORWARDS_MAX),
})
const forwardReplies = z.object({
  type: z.literal('forward-replies'),
  replies: z.array(z.object(replyFields)).max(FORWARDS_MAX),
})

const surveyReply = z.object({
  type: z.literal('survey-reply'),
  id: requestId,
  answer: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('page'),
      tasks: records,
      upTo: taskId.exactOptional(),
      ...ownership,
    }),
    statsAnswer,
    explainAnswer,
    purgeAnswer,
  ]),
})
const replicate = z.object({
  type: z.literal('replicate'),
  batch: count,
  records,
  ring: short.exactOptional(),
  terms: z.array(term).max(RECORDS_MAX).exactOptional(),
})
const replicated = z.object({
  type: z.literal('replicated'),
  batch: count,
  counted: z.boolean().exactOptional(),
  refused: z
    .array(z.tuple([count, term]))
    .max(RECORDS_MAX)
    .exactOptional(),
  ended: z.array(count).max(RECORDS_MAX).exactOptional(),
  unwritten: z.array(count).max(RECORDS_MAX).exactOptional(),
  early: z.array(count).max(RECORDS_MAX).exactOptional(),
  conflicts: z
    .array(z.tuple([count, key]))
    .max(RECORDS_MAX)
    .exactOptional(),
})
const inventory = z.object({
  type: z.literal('inventory'),
  id: count,
  answer: count,
  page: count,
  ringChecksum: short,
  term: term.exactOptional(),
  under: z.array(short).min(1).max(SINCE_MAX).exactOptional(),
  without: z.array(key).max(WITHOUT_MAX).exactOptional(),
  since: z.array(short).max(SINCE_MAX).exactOptional(),
})
const inventoryReply = z.object({
  type: z.literal('inventory-reply'),
  id: count,
  agreed: z.boolean(),
  answer: count,
  page: count,
  paused: z.literal(true).exactOptional(),
  records,
  running: z.array(taskId).max(RUNNING_MAX),
  done: z.boolean(),
  disk: short.exactOptional(),
  ring: short.exactOptional(),
})
const versions = z.array(z.tuple([taskId, key, count, count])).max(COMPARED_MAX)
const compare = z.object({ type: z.literal('compare'), ring: short, copies: versions })
const compared = z.object({ type: z.literal('compared'), copies: versions })

/** Everything that may come over a link. */
export const linkSchema = z.discriminatedUnion('type', [
  hello,
  refuse,
  sync,
  summary,
  liveness,
  claimsGossip,
  ping,
  ack,
  leave,
  leaveAck,
  rumour,
  forward,
  forwardReply,
  forwards,
  forwardReplies,
  survey,
  surveyReply,
  replicate,
  replicated,
  inventory,
  inventoryReply,
  compare,
  compared,
  look,
  lookReply,
  schedulesAsk,
  schedulesTell,
  renew,
  grant,
  grantRefused,
  ringAsk,
  ringTell,
  votersTell,
  votersPrepare,
  votersPromise,
  topAsk,
  topTell,
])

/** Everything that may come as gossip. */
export const gossipSchema = z.discriminatedUnion('type', [rumour, heartbeat, claimsGossip])

// The compiler's proof that schemas and types say the same. A message added to the core and forgotten here fails it.

/** All of it read-only, as the core's types are. `Json` already is, and refers to itself without end. */
type Frozen<T> = [Json] extends [T] ? T : FrozenEach<T>
type FrozenEach<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [K in keyof T]: Frozen<T[K]> }
type Agrees<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never

type LinkSeen = Frozen<z.infer<typeof linkSchema>>
type GossipSeen = Frozen<z.infer<typeof gossipSchema>>
export const schemasAgree = { link: true, gossip: true } satisfies {
  link: Agrees<LinkSeen, LinkMessage>
  gossip: Agrees<GossipSeen, GossipMessage>
}
