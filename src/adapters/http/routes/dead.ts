import { clusterPage } from '../cluster-page.ts'
import { actOnDead, purge, readSelection, redrive } from '../dead-letters.ts'
import { sendProblem } from '../problem.ts'
import { Rounds } from '../rounds.ts'
import { type Route, sendJson } from '../route.ts'
import { SURVEY_ERRORS } from '../route-errors.ts'
import { FILTER_PARAMETERS, PAGE_PARAMETERS, parseDeadQuery } from '../task-query.ts'

const responses = {
  200: { doc: 'How many, which not, and whether there are more.', schema: 'DeadOutcome' },
} as const

/** Tasks that failed for good: looking at them, trying them again, dropping them. */
export const dead: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/dead',
    access: 'read',
    summary: 'The dead letters of all nodes, in the order of their ids, a page at a time.',
    query: { ...FILTER_PARAMETERS, ...PAGE_PARAMETERS },
    responses: { 200: { doc: 'A page.', schema: 'Tasks' } },
    errors: SURVEY_ERRORS,
    handle: async (face, request, reply) => {
      const rounds = Rounds.of(reply, face.limits.roundsMs)
      const found = await clusterPage(face, parseDeadQuery(request.query), rounds)
      return found.ok ? sendJson(reply, found.page) : sendProblem(reply, face.counters, found.failure)
    },
  },
  {
    method: 'POST',
    path: '/v1/dead/redrive',
    access: 'write',
    summary: 'Another try of many dead letters, each with all its attempts before it. Safe to repeat.',
    body: { schema: 'DeadSelection', required: true },
    responses,
    errors: SURVEY_ERRORS,
    handle: async (face, request, reply) => {
      const rounds = Rounds.of(reply, face.limits.roundsMs)
      const acted = await actOnDead(face, readSelection(request.body), redrive, rounds)
      return acted.ok ? sendJson(reply, acted.outcome) : sendProblem(reply, face.counters, acted.failure)
    },
  },
  {
    method: 'POST',
    path: '/v1/dead/purge',
    access: 'write',
    summary:
      'Drops dead letters and their copies for good. A node that is away brings its copies back with it.',
    body: { schema: 'DeadSelection', required: true },
    responses,
    errors: SURVEY_ERRORS,
    handle: async (face, request, reply) => {
      const rounds = Rounds.of(reply, face.limits.roundsMs)
      const acted = await actOnDead(face, readSelection(request.body), purge, rounds)
      return acted.ok ? sendJson(reply, acted.outcome) : sendProblem(reply, face.counters, acted.failure)
    },
  },
]
