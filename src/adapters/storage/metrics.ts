import type { Store } from '../../runtime/ports.ts'
import type { CommitQueue } from './commit-queue.ts'

type Metric = ReturnType<Store['metrics']>[number]

/** What the store shows of itself. */
export function storeMetrics(queue: CommitQueue): readonly Metric[] {
  const counts = queue.counts
  return [
    metric('store_commits_total', 'counter', 'Commits made durable.', counts.commits),
    metric('store_rows_total', 'counter', 'Rows written or deleted durably.', counts.rows),
    metric('store_transactions_total', 'counter', 'Transactions, each with one fsync.', counts.transactions),
    metric('store_batch_commits', 'gauge', 'Commits that shared the last fsync.', counts.lastBatch),
    metric('store_commit_seconds', 'gauge', 'How long the last transaction took.', counts.lastMs / 1000),
    metric('store_commit_seconds_max', 'gauge', 'The slowest transaction since start.', counts.maxMs / 1000),
    metric('store_queue_commits', 'gauge', 'Commits that are not durable yet.', queue.depth),
    metric('store_queue_fullness', 'gauge', 'Used share of the queue; at 1 the store fails.', queue.fullness),
    metric('store_failed', 'gauge', '1 when the store failed and the daemon stops.', queue.failure ? 1 : 0),
  ]
}

function metric(name: string, type: Metric['type'], help: string, value: number): Metric {
  return { name, type, help, samples: [{ value }] }
}
