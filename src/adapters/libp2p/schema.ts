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
import { ERRORS, type ErrorCode } from '../../base/errors.ts'
import {
  KEY_BYTES_MAX,
  NODE_ID_PATTERN,
  type NodeId,
  type PeerId,
  type RequestId,
  TASK_ID_PATTERN,
  type TaskId,
} from '../../base/ids.ts'
import type { WallMs } from '../../base/time.ts'
import { KEEPS_MAX } from '../../grants/messages.ts'
import { SUMMARY_BUCKETS } from '../../membership/messages.ts'
import type { GossipMessage, LinkMessage } from '../../node/machine.ts'
import { ATTEMPTS_KEPT, type Json } from '../../tasks/task.ts'
import {
  ADDRESS_CHARS_MAX,
  ADDRESSES_MAX,
  CLAIMS_MAX,
  DETAIL_CHARS_MAX,
  EXCEPTIONS_MAX,
  HOLDERS_MAX,
  INCARNATION_MAX,
  JSON_DEPTH_MAX,
  MEMBERS_MAX,
  PROBLEMS_MAX,
  RECORDS_MAX,
  RUNNING_MAX,
  SCOPES_MAX,
  SHORT_CHARS_MAX,
  VOTER_NAMES_MAX,
  WEIGHT_MAX,
} from './limits.ts'

/** A checked text under the name that the core gives it. */
const named = <T extends string>(schema: z.ZodType<string>) => schema as unknown as z.ZodType<T>

const nodeId = named<NodeId>(z.string().max(SHORT_CHARS_MAX).regex(NODE_ID_PATTERN))
const peerId = named<PeerId>(
  z
    .string()
    .max(SHORT_CHARS_MAX)
    .regex(/^[1-9A-HJ-NP-Za-km-z]{20,}$/),
)
const taskId = named<TaskId>(z.string().regex(TASK_ID_PATTERN))
const requestId = named<RequestId>(z.string().min(1).max(SHORT_CHARS_MAX))
const wallMs = z.number().nonnegative() as unknown as z.ZodType<WallMs>
const key = z
  .string()
  .max(KEY_BYTES_MAX)
  .refine(text => Buffer.byteLength(text) <= KEY_BYTES_MAX)
const short = z.string().max(SHORT_CHARS_MAX)
const detail = z.string().max(DETAIL_CHARS_MAX)
const count = z.int().nonnegative()
const incarnation = count.max(INCARNATION_MAX)
const json = z.custom<Json>(value => value !== undefined && isShallow(value, JSON_DEPTH_MAX))

/** Is a parsed value nested less deeply than the limit? Recursion itself is bounded by the limit. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth === 0) return false
  for (const inner of Object.values(value)) if (!isShallow(inner, depth - 1)) return false
  return true
}

// membership

const member = z.object({
  id: nodeId,
  peerId,
  incarnation,
  status: z.enum(['alive', 'dead', 'left']),
  leaving: z.boolean(),
  addresses: z.array(z.string().max(ADDRESS_CHARS_MAX)).max(ADDRESSES_MAX),
  cordoned: z.boolean().exactOptional(),
  forgotten: z.boolean().exactOptional(),
  goneAt: wallMs.exactOptional(),
  weight: z.number().min(0.01).max(100),
})
const members = z.array(member).max(MEMBERS_MAX)

const claim = z.object({
  accuser: nodeId,
  subject: nodeId,
  incarnation,
  sequence: count,
  evidence: z.enum(['timeout', 'refused']),
  withdrawn: z.boolean(),
})
const claims = z.array(claim).max(CLAIMS_MAX)

const life = { nonce: count, ageMs: z.number().nonnegative() }

const hello = z.object({
  type: z.literal('hello'),
  cluster: short,
  self: member,
  ring: z.object({ version: count, hash: short, vnodesPerWeight: z.number().positive(), replicas: count }),
  version: short,
  life: z.object(life).exactOptional(),
})
const refuse = z.object({
  type: z.literal('refuse'),
  code: z.enum(['RING_MISMATCH', 'NODE_ID_TAKEN', 'PEER_NOT_ALLOWED', 'SEED_OTHER_CLUSTER']),
  detail,
  holder: z.object({ ...life, peerId, heldMs: z.number().nonnegative() }).exactOptional(),
})
const sync = z.object({
  type: z.literal('sync'),
  reply: z.boolean(),
  buckets: z
    .array(count.max(SUMMARY_BUCKETS - 1))
    .max(SUMMARY_BUCKETS)
    .exactOptional(),
  members,
  claims,
})
const summary = z.object({ type: z.literal('summary'), buckets: z.array(count).length(SUMMARY_BUCKETS) })
const liveness = z.object({
  type: z.literal('liveness'),
  viewDigest: count,
  order: count,
  beats: z.string().max(2 * MEMBERS_MAX),
})
const ping = z.object({ type: z.literal('ping'), seq: count })
const ack = z.object({ type: z.literal('ack'), seq: count })
const leave = z.object({ type: z.literal('leave'), member })
const leaveAck = z.object({ type: z.literal('leave-ack'), incarnation })

const rumour = z.object({ type: z.literal('rumour'), members })
const heartbeat = z.object({
  type: z.literal('heartbeat'),
  id: nodeId,
  incarnation,
  leaving: z.boolean(),
  ringChecksum: short,
  viewDigest: z.number(),
  load: z.object({ running: count, queued: count }),
  modes: short.exactOptional(),
  heard: z.array(z.tuple([nodeId, z.number().nonnegative()])).max(MEMBERS_MAX),
})
const claimsGossip = z.object({ type: z.literal('claims'), claims })

// tasks

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

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
    'NODE_LOST',
    'CANCELLED',
    'FENCED',
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
const source = z.custom<'api' | `list:${string}`>(
  value =>
    typeof value === 'string' &&
    value.length <= ADDRESS_CHARS_MAX &&
    (value === 'api' || value.startsWith('list:')),
)
const record = z.object({
  spec,
  source,
  state: z.enum(['scheduled', 'ready', 'running', 'succeeded', 'retrying', 'dead', 'cancelled']),
  acceptedAt: wallMs,
  settledAt: wallMs.exactOptional(),
  notBefore: wallMs.exactOptional(),
  attempts: z.array(attempt).max(ATTEMPTS_KEPT),
  uncounted: count.exactOptional(),
  result: json.exactOptional(),
  error: attemptError.exactOptional(),
  holders: z.array(nodeId).max(HOLDERS_MAX),
  revision: count,
})
const records = z.array(record).max(RECORDS_MAX)

const failure = z.object({
  code: errorCode,
  detail,
  problems: z
    .array(z.object({ at: detail, expected: detail, got: detail }))
    .max(PROBLEMS_MAX)
    .exactOptional(),
  retryAfterS: z.number().nonnegative().exactOptional(),
})
const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('submit'), spec }),
  z.object({ kind: z.literal('get'), task: taskId }),
])
const reply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), record, existed: z.boolean(), durableCopies: count }),
  z.object({ ok: z.literal(false), failure }),
])
const forward = z.object({ type: z.literal('forward'), id: requestId, hops: count, request })
const forwardReply = z.object({ type: z.literal('forward-reply'), id: requestId, reply })
const replicate = z.object({ type: z.literal('replicate'), batch: count, records })
const replicated = z.object({ type: z.literal('replicated'), batch: count })
const inventory = z.object({ type: z.literal('inventory'), id: count, ringChecksum: short })
const inventoryReply = z.object({
  type: z.literal('inventory-reply'),
  id: count,
  agreed: z.boolean(),
  records,
  running: z.array(taskId).max(RUNNING_MAX),
  done: z.boolean(),
})

const ringName = short
const scope = z.object({ ring: ringName, leaving: z.boolean(), keeps: z.array(key).max(KEEPS_MAX) })
/** So that a token fits 64 bits: the year 6429. One above it would be nobody's to overtake. */
const term = count.max(2 ** 47 - 1)
const renew = z.object({
  type: z.literal('renew'),
  session: count,
  seq: count,
  scope,
  voters: z.object({ version: count, hash: short }),
  term,
})
const grant = z.object({
  type: z.literal('grant'),
  session: count,
  seq: count,
  scope,
  exceptions: z
    .array(z.object({ node: nodeId.optional(), scopes: z.array(scope).max(SCOPES_MAX) }))
    .max(EXCEPTIONS_MAX),
  promiseMs: z.number().positive(),
  top: term,
  termTaken: z.boolean(),
})
const grantRefused = z.object({
  type: z.literal('grant-refused'),
  session: count,
  seq: count,
  reason: z.enum(['ring', 'voters', 'session', 'silent', 'not-a-voter']),
  ring: ringName,
})
const ringAsk = z.object({ type: z.literal('ring-ask'), checksum: ringName })
const ringTell = z.object({
  type: z.literal('ring-tell'),
  checksum: ringName,
  members: z.array(z.object({ id: nodeId, weight: z.number().positive().max(WEIGHT_MAX) })).max(MEMBERS_MAX),
})
const names = z.array(nodeId).max(VOTER_NAMES_MAX)
const ballot = z.object({ round: count, by: nodeId })
const voterList = z.object({
  version: count,
  names,
  previous: names.optional(),
  fixed: z.boolean(),
  root: short.exactOptional(),
  ballot: ballot.exactOptional(),
  floor: term.exactOptional(),
})
const votersTell = z.object({
  type: z.literal('voters'),
  list: voterList.optional(),
  firm: z.boolean(),
  top: term,
  promiseMs: z.number().positive(),
})
const votersPrepare = z.object({
  type: z.literal('voters-prepare'),
  version: count,
  root: short,
  ballot,
})
const votersPromise = z.object({
  type: z.literal('voters-promise'),
  ballot,
  promised: ballot,
  accepted: voterList.optional(),
})
const topAsk = z.object({ type: z.literal('top-ask') })
const topTell = z.object({
  type: z.literal('top-tell'),
  top: term,
  known: z.boolean(),
  voters: z.object({ version: count, hash: short }).optional(),
})

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
  replicate,
  replicated,
  inventory,
  inventoryReply,
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
