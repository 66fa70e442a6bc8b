import { CodedError, type Problem } from '../../../base/errors.ts'
import { type Route, sendJson } from '../route.ts'

const DEADLINE_MS_MAX = 600_000

/** The deadline in the body, when there is one. Throws BAD_REQUEST. */
function deadlineOf(body: unknown): number | undefined {
  if (body === undefined || body === null) return undefined
  const problems: Problem[] = []
  const fields = typeof body === 'object' && !Array.isArray(body) ? Object.entries(body) : undefined
  if (fields === undefined)
    problems.push({
      at: 'body',
      expected: 'an object',
      got: Array.isArray(body) ? 'a list' : `a ${typeof body}`,
    })
  for (const [name] of fields ?? []) {
    if (name !== 'deadlineMs')
      problems.push({ at: name.slice(0, 80), expected: 'only deadlineMs', got: 'an unknown field' })
  }
  const deadline: unknown = fields?.find(([name]) => name === 'deadlineMs')?.[1]
  if (deadline !== undefined && !isDeadline(deadline)) {
    problems.push({
      at: 'deadlineMs',
      expected: `a whole number from 0 to ${DEADLINE_MS_MAX}`,
      got: JSON.stringify(deadline).slice(0, 80),
    })
  }
  if (problems.length === 0) return isDeadline(deadline) ? deadline : undefined
  const detail = problems.map(each => `${each.at}: expected ${each.expected}, got ${each.got}`).join('; ')
  throw new CodedError('BAD_REQUEST', `${detail}.`, { problems })
}

const isDeadline = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= DEADLINE_MS_MAX

export const leave: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/leave',
    access: 'write',
    summary:
      'Starts the graceful leave: the node drains, hands over and goes. Answers at once; `/v1/status` tells the phase.',
    body: { schema: 'Leave', required: false },
    responses: { 202: { doc: 'It leaves.', schema: 'Leaving' } },
    errors: [],
    handle: (face, request, reply) => {
      const deadlineMs = deadlineOf(request.body)
      const left = deadlineMs === undefined ? face.node.leave() : face.node.leave(deadlineMs)
      left.catch((error: unknown) => {
        face.logger.log('error', 'leave-failed', {
          error: error instanceof Error ? error.message : String(error),
        })
      })
      reply.code(202)
      return sendJson(reply, { nodeId: face.node.nodeId, leaving: true })
    },
  },
]
