/** Task records as daemons answer them, for tests of what is made of them. */
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Attempt, Json, TaskRecord, TaskState } from '../../src/tasks/task.ts'

export function attempt(
  node: string,
  startedAt: number,
  outcome?: Attempt['outcome'],
  options: { number?: number; endedAt?: number } = {},
): Attempt {
  return {
    number: options.number ?? 1,
    node: asNodeId(node),
    startedAt: wallOf(startedAt),
    ...(outcome === undefined ? {} : { outcome, endedAt: wallOf(options.endedAt ?? startedAt + 10) }),
  }
}

export function record(
  id: string,
  options: {
    key?: string
    state?: TaskState
    attempts?: readonly Attempt[]
    result?: Json
    revision?: number
    settledAt?: number
  } = {},
): TaskRecord {
  const state = options.state ?? 'succeeded'
  const settled = state === 'succeeded' || state === 'dead' || state === 'cancelled'
  return {
    spec: {
      id: asTaskId(id),
      key: options.key ?? id,
      type: 'exec',
      payload: { command: 'sha256sum', args: [id] },
      priority: 2,
      maxAttempts: 4,
      backoffMs: 500,
      backoffMsMax: 60_000,
      timeoutMs: 60_000,
    },
    source: 'list:tasks.ndjson',
    state,
    acceptedAt: wallOf(1_000),
    ...(settled ? { settledAt: wallOf(options.settledAt ?? 2_000) } : {}),
    attempts: options.attempts ?? [],
    ...(options.result === undefined ? {} : { result: options.result }),
    holders: [asNodeId('node-1'), asNodeId('node-2')],
    revision: options.revision ?? 1,
  }
}
