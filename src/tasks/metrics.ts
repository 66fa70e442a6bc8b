import type { Confirmations } from './confirmations.ts'
import { type Counters, gauge, type Metric } from './counts.ts'
import type { Forwarding } from './forwarding.ts'
import type { Handoffs } from './handoffs.ts'
import type { Kept } from './kept.ts'
import type { Records } from './records.ts'
import type { Replication } from './replication.ts'
import type { Schedule } from './schedule.ts'
import type { HeldSchedules } from './schedules/held.ts'
import type { Table } from './table.ts'
import type { Takeover } from './takeover.ts'

export interface MetricsParts {
  readonly table: Table
  readonly records: Records
  readonly schedule: Schedule
  readonly schedules: HeldSchedules
  readonly replication: Replication
  readonly forwarding: Forwarding
  readonly takeover: Takeover
  readonly confirmations: Confirmations
  readonly kept: Kept
  readonly handoffs: Handoffs
  readonly counters: Counters
}

export function taskMetrics(parts: MetricsParts): Metric[] {
  const { table, schedule, replication } = parts
  const owned = Object.entries(table.owned)
  const samples = owned.map(([state, value]) => ({ labels: { state }, value }))
  return [
    { name: 'tasks_owned', help: 'Tasks that this node owns, by state.', type: 'gauge', samples },
    gauge('tasks_held', 'Records held for other owners.', table.held),
    gauge('tasks_listed', 'Tasks of loaded shared lists.', table.listed),
    gauge('tasks_queued', 'Tasks ready to start.', schedule.queued),
    gauge(
      'tasks_withheld',
      'Of these, tasks that wait for the right to act for their key.',
      schedule.withheld,
    ),
    gauge('tasks_gated', 'Gained tasks that wait for the takeover.', schedule.gated.size),
    gauge('tasks_elsewhere', 'Own tasks that another node still runs.', schedule.elsewhere.size),
    gauge('tasks_running', 'Attempts that run here.', schedule.occupied),
    gauge('keys_kept', 'Lost keys that this node is not done with.', parts.kept.keys().length),
    gauge('replicas_pending', 'Record copies waiting or under way to other holders.', replication.pending),
    gauge('records_unsafe', 'Changed records that no other disk is known to have.', replication.unsafe),
    gauge('requests_in_flight_to_peers', 'Requests that wait for another node.', parts.forwarding.size),
    gauge(
      'submits_confirming',
      'Submissions that wait for the disk in quorum mode.',
      parts.confirmations.size,
    ),
    gauge('takeover_active', '1 while gained keys wait.', Number(parts.takeover.active)),
    ...parts.schedules.metrics(),
    ...parts.handoffs.metrics(),
    ...parts.records.overlaps.metrics(),
    ...parts.counters.metrics(),
  ]
}
