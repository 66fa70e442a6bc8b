import type { Store } from '../../runtime/ports.ts'
import type { CommitQueue } from './commit-queue.ts'
import type { Condition, FileState } from './protocol.ts'
import { PAGE_BYTES } from './tables.ts'

type Metric = ReturnType<Store['metrics']>[number]

/** What the store shows of itself. */
export function storeMetrics(
  queue: CommitQueue,
  condition: Condition,
  file: FileState,
  checkpointsFailed: number,
): readonly Metric[] {
  const is = (one: Condition): number => (condition === one ? 1 : 0)
  const counts = queue.counts
  return [
    metric('store_commits_total', 'counter', 'Commits made durable.', counts.commits),
    metric('store_rows_total', 'counter', 'Rows written or deleted durably.', counts.rows),
    metric('store_transactions_total', 'counter', 'Transactions, each with one fsync.', counts.transactions),
    metric('store_batch_commits', 'gauge', 'Commits that shared the last fsync.', counts.lastBatch),
    metric('store_commit_seconds', 'gauge', 'How long the last transaction took.', counts.lastMs / 1000),
    metric('store_commit_seconds_max', 'gauge', 'The slowest transaction since start.', counts.maxMs / 1000),
    metric(
      'store_write_seconds',
      'gauge',
      'How long the write that is under way has taken so far.',
      queue.runningMs / 1000,
    ),
    metric('store_queue_commits', 'gauge', 'Commits that are not durable yet.', queue.depth),
    metric('store_queue_fullness', 'gauge', 'Used share of the queue; at 1 the store fails.', queue.fullness),
    metric('store_held_total', 'counter', 'Transactions put off by a full or read-only disk.', counts.held),
    metric('store_full', 'gauge', '1 while the disk is full and new work is refused.', is('full')),
    metric('store_read_only', 'gauge', '1 while the disk cannot be written.', is('read-only')),
    metric('store_slow', 'gauge', '1 while the disk is so far behind that new work is refused.', is('slow')),
    metric(
      'store_file_bytes',
      'gauge',
      'Size of the database, its log not counted.',
      file.pages * PAGE_BYTES,
    ),
    metric('store_free_bytes', 'gauge', 'Of that, what new rows fill first.', file.freePages * PAGE_BYTES),
    metric('store_reserve_bytes', 'gauge', 'Room kept for when the disk is full.', file.reserveBytes),
    metric('store_log_bytes', 'gauge', 'Size of the log ahead of the database.', file.logBytes),
    metric(
      'store_checkpoints_failed_total',
      'counter',
      'Times that the log could not be copied into the database and grew instead.',
      checkpointsFailed,
    ),
    metric('store_failed', 'gauge', '1 when the store failed and the daemon stops.', queue.failure ? 1 : 0),
  ]
}

function metric(name: string, type: Metric['type'], help: string, value: number): Metric {
  return { name, type, help, samples: [{ value }] }
}
