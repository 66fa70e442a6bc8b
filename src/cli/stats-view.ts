/** Work and machines of all nodes, as a table. */
import type { ClusterStats, NodeStats } from '../adapters/http/routes/stats.ts'
import { clientOf } from './client.ts'
import type { Call } from './command.ts'
import { EXIT } from './exit-code.ts'
import { sayMissing } from './missing-nodes.ts'
import { type Column, table } from './table.ts'

interface Stats {
  readonly cluster: ClusterStats
  readonly nodes: readonly NodeStats[]
  readonly complete: boolean
  readonly silent: readonly string[]
  readonly settling: readonly string[]
}

type Row = Omit<NodeStats, 'node'> & { readonly node: string }

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NODE', cell: row => row.node },
  { title: 'TOTAL', cell: row => row.total, right: true },
  { title: 'QUEUED', cell: row => row.queued, right: true },
  { title: 'RUNNING', cell: row => row.running, right: true },
  { title: 'DONE', cell: row => row.done, right: true },
  { title: 'FAILED', cell: row => row.failed, right: true },
  { title: 'CANCELLED', cell: row => row.cancelled, right: true },
  { title: 'WORKERS', cell: row => `${row.busy}/${row.workers}`, right: true },
  { title: 'CLAIMED', cell: row => row.claimed, right: true },
  { title: 'PER S', cell: row => row.drainPerS.toFixed(1), right: true },
  { title: 'CPU', cell: row => percent(row.vitals?.cpu), right: true },
  { title: 'MEMORY', cell: row => percent(row.vitals?.memory), right: true },
]

const percent = (share: number | undefined): string | undefined =>
  share === undefined ? undefined : `${Math.round(share * 100)} %`

export async function showStats(call: Call): Promise<number> {
  const stats = await clientOf(call).get<Stats>('/v1/stats')
  const { out, err } = call.terminal
  if (call.json) out.write(`${JSON.stringify(stats)}\n`)
  else out.write(table<Row>([...stats.nodes, { ...stats.cluster, node: 'all' }], COLUMNS))
  sayMissing(err, [stats])
  return EXIT.ok
}
