import { sendProblem } from '../problem.ts'
import { type Route, sendJson } from '../route.ts'

export const probes: readonly Route[] = [
  {
    method: 'GET',
    path: '/healthz',
    access: 'open',
    summary: 'Is the process alive? Says nothing of the cluster: restart on failure.',
    responses: { 200: { doc: 'It answers.', schema: 'Health' } },
    errors: [],
    handle: (_face, _request, reply) => sendJson(reply, { status: 'alive' }),
  },
  {
    method: 'GET',
    path: '/readyz',
    access: 'open',
    summary: 'Does the node take work? With the reasons when it does not.',
    responses: { 200: { doc: 'It does.', schema: 'Readiness' } },
    errors: ['NOT_READY'],
    handle: (face, _request, reply) => {
      const { ready, reasons } = face.node.status().ready
      if (ready) return sendJson(reply, { ready, reasons })
      // That of the code is for whoever handed something in.
      const state = 'Nothing was changed.'
      const detail = reasons.map(reason => reason.detail).join('; ')
      return sendProblem(reply, face.counters, { code: 'NOT_READY', detail }, { ready, reasons, state })
    },
  },
]
