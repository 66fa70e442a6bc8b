/**
 * Claiming tasks: an application asks its own node for tasks that the node owns, renews the lease of each while it works,
 * and says how it ended. See `runtime/claims.ts` for the words.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Failure } from '../../../base/errors.ts'
import type { Claim, ClaimEnding, ClaimName } from '../../../runtime/claims.ts'
import type { Attempt, TaskRecord } from '../../../tasks/task.ts'
import { readBody } from '../body-fields.ts'
import {
  CLAIM_FIELDS,
  CLAIM_WAIT_MS_DEFAULT,
  COMPLETE_FIELDS,
  FAIL_FIELDS,
  OWN_FIELDS,
  RENEW_FIELDS,
} from '../claim-fields.ts'
import type { Face } from '../face.ts'
import { sendProblem } from '../problem.ts'
import { parameterOf, type Route, sendJson, sendPieces } from '../route.ts'
import { CONTROL_ERRORS } from '../route-errors.ts'
import { askOwner, tooManyWait } from '../waiting.ts'

const parameter = { name: 'id', doc: 'The `claim` of the claim.' } as const

const NAMED: Route['errors'] = ['CLAIM_UNKNOWN', 'CLAIM_STALE', ...CONTROL_ERRORS]
const ENDED: Route['errors'] = ['CLAIM_ENDED', ...NAMED]

const ended = {
  200: {
    doc: 'The end of the attempt is in the record, and on the disk of this node.',
    schema: 'ClaimEnded',
  },
  202: { doc: 'It was heard, and the record does not show it yet: ask for the task.', schema: 'ClaimEnded' },
} as const

export const claims: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/claims',
    access: 'read',
    summary: 'The types that clients of this node carry out, how many wait, and the claims that they hold.',
    responses: { 200: { doc: 'The claims.', schema: 'Claims' } },
    errors: [],
    handle: (face, _request, reply) => sendJson(reply, face.claims.view()),
  },
  {
    method: 'POST',
    path: '/v1/claims',
    access: 'write',
    summary:
      'Waits up to `waitMs` for tasks that this node owns, of any of these types, and claims at most `max` of them. The ' +
      'client carries them out and must have stopped by `actingUntilMs`, which each renewal moves on.',
    body: { schema: 'ClaimQuery', required: true },
    responses: { 200: { doc: 'The claims; none when nothing came in time.', schema: 'Claimed' } },
    errors: ['CLAIM_TYPE_UNKNOWN', 'CLAIMS_FULL', ...CONTROL_ERRORS],
    handle: claim,
  },
  {
    method: 'POST',
    path: '/v1/claims/renew/{id}',
    access: 'write',
    summary:
      'The client lives: renews the lease, and may say how far it is. With `waitMs` the answer waits for news: it comes at ' +
      'once when the claim is cancelled or lost, and else in time for the next renewal.',
    parameter,
    body: { schema: 'ClaimRenewal', required: true },
    responses: { 200: { doc: 'Where the claim stands.', schema: 'ClaimStanding' } },
    errors: NAMED,
    handle: renew,
  },
  {
    method: 'POST',
    path: '/v1/claims/complete/{id}',
    access: 'write',
    summary: 'The task is done, with this result. Safe to repeat.',
    parameter,
    body: { schema: 'ClaimResult', required: true },
    responses: ended,
    errors: ENDED,
    handle: (face, request, reply) => {
      const { attempt, token, result = null } = readBody(request.body, COMPLETE_FIELDS)
      return end(face, request, reply, { attempt, token }, { kind: 'complete', result })
    },
  },
  {
    method: 'POST',
    path: '/v1/claims/fail/{id}',
    access: 'write',
    summary:
      'The attempt failed; it is tried again unless `retryable` is false or its attempts are used up. Safe to repeat.',
    parameter,
    body: { schema: 'ClaimFailure', required: true },
    responses: ended,
    errors: ENDED,
    handle: (face, request, reply) => {
      const { attempt, token, message, retryable = true } = readBody(request.body, FAIL_FIELDS)
      return end(face, request, reply, { attempt, token }, { kind: 'fail', message, retryable })
    },
  },
  {
    method: 'POST',
    path: '/v1/claims/release/{id}',
    access: 'write',
    summary:
      'Gives the task back undone, as a client that stops does, or one that was told to stop and has. The attempt counts ' +
      'against nothing. Safe to repeat.',
    parameter,
    body: { schema: 'ClaimOwn', required: true },
    responses: ended,
    errors: ENDED,
    handle: (face, request, reply) =>
      end(face, request, reply, readBody(request.body, OWN_FIELDS), { kind: 'release' }),
  },
]

/** Waits for something, as one of those who wait, while the client is there. */
async function waited<T>(
  face: Face,
  reply: FastifyReply,
  wait: (gone: AbortSignal) => Promise<T>,
): Promise<T | { readonly ok: false; readonly failure: Failure }> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  reply.raw.once('close', leave)
  face.counters.waiting++
  try {
    return await wait(gone.signal)
  } finally {
    face.counters.waiting--
    reply.raw.off('close', leave)
  }
}

async function claim(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { types, max = 1, client = 'unnamed', ...rest } = readBody(request.body, CLAIM_FIELDS)
  const query = { types, max, client, waitMs: rest.waitMs ?? CLAIM_WAIT_MS_DEFAULT }
  const answer = await waited(face, reply, gone => face.claims.claim(query, gone))
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  const { claims } = answer
  whenCutOff(reply, () => face.claims.undelivered(claims.map(each => each.claim)))
  return claims.length < 2 ? sendJson(reply, { claims }) : sendPieces(reply, inTurns(claims))
}

/** Characters of an answer that are written in one turn of the event loop, and the rest of the claim with which they are reached. */
const TURN_CHARS = 64 * 1024

/** A hundred claims with the largest payloads are 25 MiB: written in one turn, the node would stand still for more than 100 ms. */
async function* inTurns(claims: readonly Claim[]): AsyncGenerator<string> {
  let piece = '{"claims":['
  for (const [i, claim] of claims.entries()) {
    piece += `${i === 0 ? '' : ','}${JSON.stringify(claim)}`
    if (piece.length < TURN_CHARS) continue
    yield piece
    piece = ''
    await nextTurn()
  }
  yield `${piece}]}`
}

/** Whoever waited has gone before all of the answer was handed to the system. */
function whenCutOff({ raw }: FastifyReply, giveBack: () => void): void {
  if (raw.closed) {
    giveBack()
    return
  }
  raw.once('close', giveBack)
  raw.once('finish', () => raw.off('close', giveBack))
}

async function renew(face: Face, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { waitMs = 0, progress, ...own } = readBody(request.body, RENEW_FIELDS)
  const renewal = { ...own, claim: parameterOf(request), waitMs, ...(progress !== undefined && { progress }) }
  const answer = await waited(face, reply, gone => face.claims.renew(renewal, gone))
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  return sendJson(reply, answer.standing)
}

/**
 * The executor has heard it; the core hears it in this turn of the event loop, and whatever is asked of it afterwards is
 * answered behind the write. So what the record says then is what became of the word of the client.
 */
async function end(
  face: Face,
  request: FastifyRequest,
  reply: FastifyReply,
  own: Omit<ClaimName, 'claim'>,
  ending: ClaimEnding,
): Promise<FastifyReply> {
  const name = parameterOf(request)
  const answer = face.claims.end({ ...own, claim: name }, ending)
  if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
  await nextTurn()
  const asked = await askOwner(face, { kind: 'get', task: answer.task })
  const record = asked.ok ? asked.record : undefined
  const attempt = record?.attempts.find(each => isOf(each, face, own))
  const outcome = attempt?.outcome
  if (ending.kind === 'complete' && outcome !== undefined && outcome !== 'succeeded') {
    const detail = `The attempt had ended as ${outcome} when this came.`
    return sendProblem(reply, face.counters, { code: 'CLAIM_ENDED', detail })
  }
  reply.code(outcome === undefined ? 202 : 200)
  const { task, repeated } = answer
  return sendJson(reply, {
    ...{ claim: name, task, attempt: own.attempt, repeated },
    ...endingOf(outcome, record),
  })
}

const isOf = ({ number, node, token }: Attempt, face: Face, own: Omit<ClaimName, 'claim'>): boolean =>
  number === own.attempt && node === face.node.nodeId && token === own.token

const endingOf = (outcome: Attempt['outcome'], record: TaskRecord | undefined) => ({
  ...(outcome !== undefined && { outcome }),
  ...(record !== undefined && { state: record.state }),
})
