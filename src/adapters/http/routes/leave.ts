import { deadlineField, readBody } from '../body-fields.ts'
import { type Route, sendJson } from '../route.ts'

export const leave: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/leave',
    access: 'write',
    summary:
      'Starts the graceful leave: the node drains, hands over and goes, all within `deadlineMs` (`leaveMs` of the ' +
      'configuration unless told; 0: as soon as it can). Answers at once; `/v1/status` tells the phase.',
    body: { schema: 'Leave', required: false },
    responses: { 202: { doc: 'It leaves.', schema: 'Leaving' } },
    errors: [],
    handle: (face, request, reply) => {
      const { deadlineMs } = readBody(request.body, { deadlineMs: deadlineField })
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
