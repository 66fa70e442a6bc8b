/** All messages that nodes may send each other, for properties. Built from the types, not from the schemas under test. */
import fc from 'fast-check'
import { INCARNATION_MAX } from '../../../src/adapters/libp2p/limits.ts'
import { TERM_MAX } from '../../../src/base/believed-terms.ts'
import { asNodeId, asPeerId, asRequestId, asTaskId } from '../../../src/base/ids.ts'
import { wallOf } from '../../../src/base/time.ts'
import type { MemberRecord } from '../../../src/membership/member.ts'
import { type Claim, SUMMARY_BUCKETS } from '../../../src/membership/messages.ts'
import type { GossipMessage, LinkMessage } from '../../../src/node/machine.ts'
import {
  type AttemptLook,
  LOOK_BYTES_MAX,
  type TaskReply,
  type TaskRequest,
} from '../../../src/tasks/messages.ts'
import { NOTE_CHARS_MAX } from '../../../src/tasks/progress.ts'
import { KEPT_WHYS, type SurveyAnswer, type SurveyQuestion, WHY_CODES } from '../../../src/tasks/survey.ts'
import type { Attempt, AttemptError, Json, TaskRecord, TaskSpec } from '../../../src/tasks/task.ts'
import { name, scheduleMessage, scheduleOf } from './schedule-arbitrary.ts'

/** JSON that survives JSON: no negative zero. */
export const jsonValues = fc
  .jsonValue({ maxDepth: 4 })
  .map(value => JSON.parse(JSON.stringify(value)) as Json)

const nodeId = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,20}[A-Za-z0-9])?$/).map(asNodeId)
const peerId = fc.stringMatching(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/).map(asPeerId)
const taskId = fc.stringMatching(/^[\x21-\x7e]{1,40}$/).map(asTaskId)
const requestId = fc.string({ minLength: 1, maxLength: 40 }).map(asRequestId)
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const term = fc.nat({ max: TERM_MAX })
const pageNumber = { id: count, answer: count, page: count }
const incarnation = fc.nat({ max: INCARNATION_MAX })
const wall = fc.nat({ max: 4_000_000_000_000 }).map(wallOf)
const text = fc.string({ maxLength: 60, unit: 'binary' }).map(value => value.toWellFormed())

const plainMember: fc.Arbitrary<MemberRecord> = fc.record({
  id: nodeId,
  peerId,
  incarnation,
  status: fc.constantFrom('alive', 'dead', 'left'),
  leaving: fc.boolean(),
  addresses: fc.array(fc.stringMatching(/^[!#-[\]-~]{0,40}$/), { maxLength: 8 }),
  weight: fc.constantFrom(0.01, 1, 2.5, 100),
})
const member: fc.Arbitrary<MemberRecord> = fc.oneof(
  plainMember,
  plainMember.map(each => ({ ...each, onlyDisk: 'second' })),
)
const members = fc.array(member, { maxLength: 5 })
const claim: fc.Arbitrary<Claim> = fc.record({
  accuser: nodeId,
  subject: nodeId,
  incarnation,
  sequence: count,
  evidence: fc.constantFrom('timeout', 'refused'),
  withdrawn: fc.boolean(),
})
const claims = fc.array(claim, { maxLength: 5 })

const dedupe = fc.record({ key: taskId, ttlMs: count })
const spec: fc.Arbitrary<TaskSpec> = fc.record(
  {
    id: taskId,
    key: text,
    type: fc.string({ maxLength: 20 }),
    payload: jsonValues,
    priority: fc.constantFrom(0, 1, 2, 3),
    maxAttempts: count,
    backoffMs: count,
    backoffMsMax: count,
    timeoutMs: count,
    backoff: fc.constantFrom('fixed', 'none'),
    concurrent: fc.constant(true as const),
    group: fc.string({ minLength: 1, maxLength: 20 }),
    groupLimit: count,
    runAt: wall,
    expiresAt: wall,
    placement: fc.constantFrom('random', 'least_load'),
    dedupe,
  },
  {
    requiredKeys: [
      ...(['id', 'key', 'type', 'payload', 'priority', 'maxAttempts'] as const),
      ...(['backoffMs', 'backoffMsMax', 'timeoutMs'] as const),
    ],
  },
)
const attemptError: fc.Arbitrary<AttemptError> = fc.record({
  code: fc.constantFrom('EXIT_NONZERO', 'NODE_CRASHED', 'POISON', 'EXPIRED'),
  message: text,
})
const attempt: fc.Arbitrary<Attempt> = fc.record(
  {
    number: count,
    node: nodeId,
    startedAt: wall,
    endedAt: wall,
    outcome: fc.constantFrom('succeeded', 'failed', 'lost', 'cancelled'),
    error: attemptError,
  },
  { requiredKeys: ['number', 'node', 'startedAt'] },
)
const schedule = scheduleOf(spec)
const record: fc.Arbitrary<TaskRecord> = fc.record(
  {
    spec,
    source: fc.oneof(
      fc.constant('api' as const),
      fc.string({ maxLength: 20 }).map(from => `list:${from}` as const),
      name.map(from => `schedule:${from}` as const),
    ),
    state: fc.constantFrom('scheduled', 'ready', 'running', 'succeeded', 'retrying', 'dead', 'cancelled'),
    acceptedAt: wall,
    settledAt: wall,
    notBefore: wall,
    attempts: fc.array(attempt, { maxLength: 3 }),
    redriven: fc.record({ times: count, after: count, at: wall }),
    result: jsonValues,
    error: attemptError,
    holders: fc.array(nodeId, { maxLength: 3 }),
    revision: count,
    term,
    copies: count,
    dedupeTerm: term,
    schedule,
  },
  { requiredKeys: ['spec', 'source', 'state', 'acceptedAt', 'attempts', 'holders', 'revision'] },
)
const records = fc.array(record, { maxLength: 3 })

const request: fc.Arbitrary<TaskRequest> = fc.oneof(
  fc.record({ kind: fc.constant('submit' as const), spec }),
  fc.record(
    { kind: fc.constant('get' as const), task: taskId, waitMs: fc.nat(), key: text, ring: text },
    { requiredKeys: ['kind', 'task'] },
  ),
  fc.record({ kind: fc.constant('retry' as const), task: taskId, key: text }),
  fc.record(
    { kind: fc.constant('cancel' as const), task: taskId, key: text, runsOn: nodeId },
    { requiredKeys: ['kind', 'task', 'key'] },
  ),
)
const reply: fc.Arbitrary<TaskReply> = fc.oneof(
  fc.record(
    { ok: fc.constant(true as const), record, existed: fc.boolean(), durableCopies: count, waits: text },
    { requiredKeys: ['ok', 'record', 'existed', 'durableCopies'] },
  ),
  fc.record({
    ok: fc.constant(false as const),
    failure: fc.record(
      {
        code: fc.constantFrom('QUEUE_FULL', 'NOT_READY', 'TASK_INVALID'),
        detail: text,
        problems: fc.array(fc.record({ at: text, expected: text, got: text }), { maxLength: 2 }),
        retryAfterS: fc.nat(),
      },
      { requiredKeys: ['code', 'detail'] },
    ),
  }),
)

const logTail = fc.record({ text, cutBytes: count })
const attemptLook: fc.Arbitrary<AttemptLook> = fc.record(
  {
    running: fc.boolean(),
    progress: fc.record(
      {
        fraction: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
        done: fc.nat(),
        total: fc.integer({ min: 1 }),
        note: fc.string({ maxLength: NOTE_CHARS_MAX }),
        at: wall,
      },
      { requiredKeys: ['at'] },
    ),
    stdout: logTail,
    stderr: logTail,
  },
  { requiredKeys: ['running'] },
)

const forwardFields = { id: requestId, hops: count, request }
const replyFields = { id: requestId, reply }
const states = fc.constantFrom('scheduled', 'ready', 'running', 'succeeded', 'retrying', 'dead', 'cancelled')
const filter = fc.record({ state: states, type: text, key: text, group: text, q: text }, { requiredKeys: [] })
const question: fc.Arbitrary<SurveyQuestion> = fc.oneof(
  fc.record(
    { kind: fc.constant('page' as const), filter, after: taskId, limit: fc.integer({ min: 1, max: 1_000 }) },
    { requiredKeys: ['kind', 'filter', 'limit'] },
  ),
  fc.record({ kind: fc.constant('stats' as const) }),
  fc.record({ kind: fc.constant('explain' as const), task: taskId }),
  fc.record({
    kind: fc.constant('purge' as const),
    copies: fc.array(fc.record({ task: taskId, revision: count }), { maxLength: 3 }),
  }),
)
const share = fc.constantFrom(0, 0.25, 1)
const standing = fc.record(
  {
    key: text,
    owner: nodeId,
    revision: count,
    state: states,
    place: fc.constantFrom('nowhere', 'gated', 'queued', 'delayed', 'elsewhere', 'here'),
    why: fc.array(fc.record({ code: fc.constantFrom(...WHY_CODES), text }), { maxLength: 3 }),
    next: text,
  },
  { requiredKeys: ['key', 'revision', 'state', 'place', 'why', 'next'] },
)
const workStats = fc.record({
  total: count,
  queued: count,
  running: count,
  done: count,
  failed: count,
  cancelled: count,
  workers: count,
  busy: count,
  claimed: count,
  drainPerS: share,
})
const ownership = { settling: fc.boolean(), ring: text }
const answer: fc.Arbitrary<SurveyAnswer> = fc.oneof(
  fc.record(
    { kind: fc.constant('page' as const), tasks: records, upTo: taskId, ...ownership },
    { requiredKeys: ['kind', 'tasks', 'settling'] },
  ),
  fc.record(
    {
      kind: fc.constant('stats' as const),
      stats: workStats,
      vitals: fc.record({ cpu: share, memory: share }),
      ...ownership,
    },
    { requiredKeys: ['kind', 'stats', 'settling'] },
  ),
  fc.record({ kind: fc.constant('explain' as const), standing }, { requiredKeys: ['kind'] }),
  fc.record({
    kind: fc.constant('purge' as const),
    purged: fc.array(taskId, { maxLength: 3 }),
    kept: fc.array(fc.record({ task: taskId, why: fc.constantFrom(...KEPT_WHYS) }), { maxLength: 3 }),
  }),
)

const versions = fc.array(fc.tuple(taskId, text, count, count), { maxLength: 3 })
const rumour = fc.record({ type: fc.constant('rumour' as const), members })

/** As the objects of a program are: fast-check makes records without a prototype. */
const plain = <T>(value: T): T => structuredClone(value)

const anyLinkMessage: fc.Arbitrary<LinkMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    cluster: fc.string({ maxLength: 20 }),
    self: member,
    ring: fc.record({
      version: count,
      hash: fc.string({ maxLength: 20 }),
      vnodesPerWeight: fc.integer({ min: 1, max: 1000 }),
      replicas: count,
    }),
    version: fc.string({ maxLength: 20 }),
  }),
  fc.record({
    type: fc.constant('refuse' as const),
    code: fc.constantFrom('RING_MISMATCH', 'NODE_ID_TAKEN', 'PEER_NOT_ALLOWED', 'SEED_OTHER_CLUSTER'),
    detail: text,
  }),
  fc.record(
    {
      type: fc.constant('sync' as const),
      reply: fc.boolean(),
      buckets: fc.array(fc.nat({ max: SUMMARY_BUCKETS - 1 }), { maxLength: SUMMARY_BUCKETS }),
      more: fc.boolean(),
      members,
      claims,
    },
    { requiredKeys: ['type', 'reply', 'members', 'claims'] },
  ),
  fc.record({
    type: fc.constant('summary' as const),
    buckets: fc.array(count, { minLength: SUMMARY_BUCKETS, maxLength: SUMMARY_BUCKETS }),
  }),
  fc.record({
    type: fc.constant('liveness' as const),
    viewDigest: count,
    order: count,
    beats: fc.string({ maxLength: 200 }),
  }),
  fc.record({ type: fc.constant('claims' as const), claims }),
  fc.record({ type: fc.constant('ping' as const), seq: count }),
  fc.record({ type: fc.constant('ack' as const), seq: count }),
  fc.record({ type: fc.constant('leave' as const), member }),
  fc.record({ type: fc.constant('leave-ack' as const), incarnation }),
  rumour,
  fc.record({ type: fc.constant('forward' as const), ...forwardFields }),
  fc.record({ type: fc.constant('forward-reply' as const), ...replyFields }),
  fc.record({
    type: fc.constant('forwards' as const),
    forwards: fc.array(fc.record(forwardFields), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('forward-replies' as const),
    replies: fc.array(fc.record(replyFields), { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('survey' as const), id: requestId, question }),
  fc.record({ type: fc.constant('survey-reply' as const), id: requestId, answer }),
  fc.record(
    {
      type: fc.constant('replicate' as const),
      batch: count,
      records,
      ring: fc.string({ maxLength: 40 }),
      terms: fc.array(term, { maxLength: 3 }),
    },
    { requiredKeys: ['type', 'batch', 'records'] },
  ),
  fc.record(
    {
      type: fc.constant('replicated' as const),
      batch: count,
      counted: fc.boolean(),
      refused: fc.array(fc.tuple(count, term), { maxLength: 3 }),
      ended: fc.array(count, { maxLength: 3 }),
      unwritten: fc.array(count, { maxLength: 3 }),
      early: fc.array(count, { maxLength: 3 }),
    },
    { requiredKeys: ['type', 'batch'] },
  ),
  fc.record(
    {
      type: fc.constant('inventory' as const),
      ...pageNumber,
      ringChecksum: fc.string({ maxLength: 40 }),
      term,
      under: fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 3 }),
      without: fc.array(fc.string({ maxLength: 40 }), { maxLength: 3 }),
      since: fc.array(fc.string({ maxLength: 40 }), { maxLength: 3 }),
    },
    { requiredKeys: ['type', 'id', 'answer', 'page', 'ringChecksum'] },
  ),
  fc.record({
    type: fc.constant('inventory-reply' as const),
    ...pageNumber,
    agreed: fc.boolean(),
    records,
    running: fc.array(taskId, { maxLength: 3 }),
    done: fc.boolean(),
  }),
  fc.record({ type: fc.constant('compare' as const), ring: text, copies: versions }),
  fc.record({ type: fc.constant('compared' as const), copies: versions }),
  fc.record({
    type: fc.constant('look' as const),
    id: requestId,
    task: taskId,
    attempt: count,
    logBytes: fc.nat({ max: LOOK_BYTES_MAX }),
  }),
  fc.record(
    { type: fc.constant('look-reply' as const), id: requestId, look: attemptLook },
    { requiredKeys: ['type', 'id'] },
  ),
  scheduleMessage,
)

const anyGossipMessage: fc.Arbitrary<GossipMessage> = fc.oneof(
  rumour,
  fc.record(
    {
      type: fc.constant('heartbeat' as const),
      id: nodeId,
      incarnation,
      leaving: fc.boolean(),
      ringChecksum: fc.string({ maxLength: 40 }),
      viewDigest: count,
      load: fc.record(
        {
          running: count,
          queued: count,
          slots: count,
          cpu: fc.constantFrom(0, 0.25, 1),
          memory: fc.constantFrom(0, 0.5, 1),
          types: fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }),
        },
        { requiredKeys: ['running', 'queued'] },
      ),
      wall,
      heard: fc.array(fc.tuple(nodeId, fc.nat()), { maxLength: 8 }),
    },
    { requiredKeys: ['type', 'id', 'incarnation', 'leaving', 'ringChecksum', 'viewDigest', 'load', 'heard'] },
  ),
  fc.record({ type: fc.constant('claims' as const), claims }),
)

export const linkMessages = anyLinkMessage.map(plain)
export const gossipMessages = anyGossipMessage.map(plain)
