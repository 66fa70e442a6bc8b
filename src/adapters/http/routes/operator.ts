import type { FastifyReply } from 'fastify'
import { CodedError } from '../../../base/errors.ts'
import { asNodeId, NODE_ID_PATTERN, type NodeId } from '../../../base/ids.ts'
import type { ControlRequest } from '../../../node/control.ts'
import { type BodyField, deadlineField, readBody } from '../body-fields.ts'
import { DRAIN_MS_DEFAULT, drained } from '../drain.ts'
import type { Face } from '../face.ts'
import { sendProblem } from '../problem.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'
import { CONTROL_ERRORS } from '../route-errors.ts'
import { askNode, tooManyWait } from '../waiting.ts'

const WEIGHT_MIN = 0.01
const WEIGHT_MAX = 100

const weightField: BodyField<number, true> = {
  expected: `a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`,
  read: value =>
    typeof value === 'number' && value >= WEIGHT_MIN && value <= WEIGHT_MAX ? value : undefined,
  required: true,
}

const formerDiskField: BodyField<boolean, false> = {
  expected: 'true or false',
  read: value => (typeof value === 'boolean' ? value : undefined),
  required: false,
}

/** Answers with what the node said. */
export async function carryOut(
  face: Face,
  reply: FastifyReply,
  request: ControlRequest,
): Promise<FastifyReply> {
  const answer = await askNode(face, request)
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  return sendJson(reply, { nodeId: face.node.nodeId, detail: answer.detail })
}

/** The node id in a path. Throws BAD_REQUEST. */
function nodeIdOf(text: string): NodeId {
  if (NODE_ID_PATTERN.test(text)) return asNodeId(text)
  throw new CodedError('BAD_REQUEST', `Expected a node id, got ${JSON.stringify(text.slice(0, 80))}.`)
}

const done = { 200: { doc: 'It is done; `detail` says what.', schema: 'Done' } } as const

/** What an operator does to one node: take its work away, give it back, change its share, drop a dead member. */
export const operator: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/cordon',
    access: 'write',
    summary: 'The node owns no keys from now on, and stays a member. What runs may end. Survives no restart.',
    body: { schema: 'Nothing', required: false },
    responses: done,
    errors: CONTROL_ERRORS,
    handle: (face, request, reply) => {
      readBody(request.body, {})
      return carryOut(face, reply, { kind: 'cordon' })
    },
  },
  {
    method: 'POST',
    path: '/v1/uncordon',
    access: 'write',
    summary: 'The node owns keys again.',
    body: { schema: 'Nothing', required: false },
    responses: done,
    errors: CONTROL_ERRORS,
    handle: (face, request, reply) => {
      readBody(request.body, {})
      return carryOut(face, reply, { kind: 'uncordon' })
    },
  },
  {
    method: 'POST',
    path: '/v1/drain',
    access: 'write',
    summary:
      'Cordons the node and waits until nothing runs on it and nothing that it knows is on its disk alone. Safe to repeat.',
    body: { schema: 'Drain', required: false },
    responses: {
      200: { doc: 'It is drained.', schema: 'Drained' },
      202: { doc: 'The deadline came first; this is left. It stays cordoned.', schema: 'Drained' },
    },
    errors: CONTROL_ERRORS,
    handle: drain,
  },
  {
    method: 'POST',
    path: '/v1/weight',
    access: 'write',
    summary: 'Changes the share of the ring that this node has, until its next start.',
    body: { schema: 'Weight', required: true },
    responses: done,
    errors: CONTROL_ERRORS,
    handle: (face, request, reply) => {
      const { weight } = readBody(request.body, { weight: weightField })
      return carryOut(face, reply, { kind: 'weight', weight })
    },
  },
  {
    method: 'POST',
    path: '/v1/forget/{id}',
    access: 'write',
    summary:
      'Drops a dead or departed member everywhere, now. One that lives is not forgotten; with `formerDisk`, said to that member itself, what it had before it came with another disk is: it is gone for good.',
    parameter: { name: 'id', doc: 'Its node id.' },
    body: { schema: 'Forget', required: false },
    responses: done,
    errors: ['MEMBER_UNKNOWN', 'MEMBER_ALIVE', 'MEMBERS_FULL', 'FORMER_DISK_UNKNOWN', ...CONTROL_ERRORS],
    handle: (face, request, reply) => {
      const { formerDisk } = readBody(request.body, { formerDisk: formerDiskField })
      const kind = formerDisk === true ? 'forget-former-disk' : 'forget'
      return carryOut(face, reply, { kind, node: nodeIdOf(parameterOf(request)) })
    },
  },
]

async function drain(
  ...[face, request, reply]: Parameters<Route['handle']>
): Promise<FastifyReply | undefined> {
  const { deadlineMs = DRAIN_MS_DEFAULT } = readBody(request.body, { deadlineMs: deadlineField })
  const answer = await askNode(face, { kind: 'cordon' })
  const failure = answer.ok ? tooManyWait(face) : answer.failure
  if (failure !== undefined) return sendProblem(reply, face.counters, failure)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const found = await drained(face, deadlineMs, gone.signal)
  reply.code(found.drained ? 200 : 202)
  return sendJson(reply, found)
}
