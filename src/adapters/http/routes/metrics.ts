import type { Registry } from 'prom-client'
import type { Metric } from '../../../node/status.ts'
import { EventLoopDelay } from '../event-loop-delay.ts'
import { expose } from '../exposition.ts'
import type { Face } from '../face.ts'
import type { Route } from '../route.ts'

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface ProcessMetrics {
  readonly registry: Registry
  readonly delay: EventLoopDelay
}

let processMetrics: Promise<ProcessMetrics> | undefined

/**
 * Left out of what prom-client collects: its delays (see `EventLoopDelay`), and as "heap" all memory that could be
 * written to (VmData), most of which V8 has only reserved. `nodejs_heap_size_*` is the heap.
 */
const isWrong = (name: string): boolean =>
  name.startsWith('nodejs_eventloop_lag_') || name === 'process_heap_bytes'

/**
 * Memory, CPU, garbage collection and event loop lag of the process, once a process however many nodes it holds. Loaded
 * with the first scrape: who has no Prometheus should not pay for it.
 */
async function metricsOfProcess(): Promise<ProcessMetrics> {
  const { collectDefaultMetrics, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const { name } of registry.getMetricsAsArray()) if (isWrong(name)) registry.removeSingleMetric(name)
  return { registry, delay: new EventLoopDelay() }
}

/** This node's name and cluster as labels of a constant, to join other metrics with. */
function infoOf(face: Face): Metric {
  const { nodeId, cluster, version } = face.node.status()
  const samples = [{ labels: { node: nodeId, cluster, version }, value: 1 }]
  return { name: 'info', help: 'Always 1; its labels name the node.', type: 'gauge', samples }
}

export const metrics: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    access: 'read',
    summary: "The node's metrics in Prometheus' text format.",
    responses: { 200: { doc: 'All metrics.', type: METRICS_TYPE } },
    errors: [],
    handle: async (face, _request, reply) => {
      processMetrics ??= metricsOfProcess()
      const { registry, delay } = await processMetrics
      const process = `${await registry.metrics()}\n${expose(delay.metrics(), '')}`
      const own = expose([
        infoOf(face),
        ...face.counters.metrics(),
        ...face.streams.metrics(),
        ...face.node.metrics(),
      ])
      return reply
        .header('content-type', METRICS_TYPE)
        .header('cache-control', 'no-store')
        .send(`${process}${own}`)
    },
  },
]
