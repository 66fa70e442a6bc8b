import type { NodeId } from '../../../base/ids.ts'
import type { Vitals, WorkStats } from '../../../tasks/survey.ts'
import { sendProblem } from '../problem.ts'
import { type Route, sendJson } from '../route.ts'
import { SURVEY_ERRORS } from '../route-errors.ts'
import { settlingOf } from '../settling.ts'
import { askAll } from '../waiting.ts'

export interface NodeStats extends WorkStats {
  readonly node: NodeId
  /** Absent until the node has measured itself once. */
  readonly vitals?: Vitals
}

/** Sums over the nodes that answered; shares are means of those that have measured themselves. */
export interface ClusterStats extends WorkStats {
  readonly nodes: number
  readonly vitals?: Vitals
}

/** Work and machines, per node and in all. */
export const stats: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/stats',
    access: 'read',
    summary: 'Tasks, workers, CPU and memory of every node and of the cluster, at this moment.',
    responses: {
      200: {
        doc: 'The figures. `complete` is false when those of some nodes are missing, or may not add up.',
        schema: 'Stats',
      },
    },
    errors: SURVEY_ERRORS,
    handle: async (face, _request, reply) => {
      const answer = await askAll(face, { kind: 'stats' })
      if (!answer.ok) return sendProblem(reply, face.counters, answer.failure)
      const found = answer.answers.flatMap(({ node, answer: each }) =>
        each.kind === 'stats' ? [{ node, ...each }] : [],
      )
      const settling = settlingOf(found)
      const nodes = found.map(
        ({ node, stats, vitals }): NodeStats => ({ node, ...stats, ...(vitals && { vitals }) }),
      )
      nodes.sort((a, b) => (a.node < b.node ? -1 : 1))
      const { silent } = answer
      const complete = silent.length === 0 && settling.length === 0
      return sendJson(reply, { cluster: sumOf(nodes), nodes, complete, silent, settling })
    },
  },
]

function sumOf(nodes: readonly NodeStats[]): ClusterStats {
  const sum = (of: (node: NodeStats) => number): number => nodes.reduce((total, node) => total + of(node), 0)
  const measured = nodes.flatMap(({ vitals }) => (vitals === undefined ? [] : [vitals]))
  return {
    nodes: nodes.length,
    total: sum(({ total }) => total),
    queued: sum(({ queued }) => queued),
    running: sum(({ running }) => running),
    done: sum(({ done }) => done),
    failed: sum(({ failed }) => failed),
    cancelled: sum(({ cancelled }) => cancelled),
    workers: sum(({ workers }) => workers),
    busy: sum(({ busy }) => busy),
    claimed: sum(({ claimed }) => claimed),
    drainPerS: Math.round(sum(({ drainPerS }) => drainPerS) * 10) / 10,
    ...(measured.length > 0 && { vitals: vitalsOf(measured) }),
  }
}

function vitalsOf(measured: readonly Vitals[]): Vitals {
  const total = (of: (vitals: Vitals) => number): number => measured.reduce((sum, each) => sum + of(each), 0)
  return {
    cpu: total(({ cpu }) => cpu) / measured.length,
    memory: total(({ memory }) => memory) / measured.length,
  }
}
