import type { Confirmations } from './confirmations.ts'
import { type Counters, gauge, type Metric } from './counts.ts'
import type { Durability } from './durability.ts'
import type { Handoffs } from './handoffs.ts'
import type { Kept } from './kept.ts'
import type { Offers } from './offers.ts'
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
  readonly takeover: Takeover
  readonly confirmations: Confirmations
  readonly kept: Kept
  readonly handoffs: Handoffs
  readonly counters: Counters
  readonly durability: Durability | undefined
  readonly offers: Offers
}

export function taskMetrics(parts: MetricsParts): Metric[] {
  const { table, schedule, replication } = parts
  const owned = Object.entries(table.owned)
  const samples = owned.map(([state, value]) => ({ labels: { state }, value }))
  return [
    { name: 'tasks_owned', help: 'Tasks that this node owns, by state.', type: 'gauge', samples },
    gauge('tasks_held', 'Records held for other owners.', table.held),
    gauge(
      'ends_owed',
      'Settled records kept beyond their bounds, mostly for a holder that has not got them.',
      table.standingBack,
    ),
    gauge('tasks_listed', 'Tasks of loaded shared lists.', table.listed),
    gauge('tasks_queued', 'Tasks ready to start.', schedule.queued),
    gauge(
      'tasks_withheld',
      'Of these, tasks that wait for the right to act for their key.',
      schedule.withheld,
    ),
    gauge('tasks_gated', 'Gained tasks that wait for the takeover.', schedule.gated.size),
    gauge('tasks_elsewhere', 'Own tasks that another node still runs.', schedule.elsewhere.size),
    gauge('tasks_running', 'Attempts that this node executes.', schedule.executing),
    gauge('tasks_noted', 'Attempts that are being noted on disks, or wait for a place.', schedule.noted),
    gauge('tasks_claimed', 'Attempts that clients of this node carry out.', schedule.claimed),
    gauge('claim_places_free', 'Tasks that waiting clients would take now.', parts.offers.free),
    {
      name: 'keys_awaiting_claim',
      help: 'Keys whose next task waits for a client that claims it, by type.',
      type: 'gauge',
      samples: parts.offers.served.map(type => ({ labels: { type }, value: schedule.awaitingClaim(type) })),
    },
    gauge('keys_kept', 'Lost keys that this node is not done with.', parts.kept.keys().length),
    gauge('replicas_pending', 'Record copies waiting or under way to other holders.', replication.pending),
    gauge('records_unsafe', 'Changed records that no other disk is known to have.', replication.unsafe),
    gauge(
      'submits_confirming',
      'Submissions that wait for the disk in quorum mode.',
      parts.confirmations.size,
    ),
    gauge('takeover_active', '1 while gained keys wait.', Number(parts.takeover.active)),
    ...durabilityMetrics(parts.durability),
    ...parts.schedules.metrics(),
    ...parts.handoffs.metrics(),
    ...parts.records.overlaps.metrics(),
    ...parts.counters.metrics(),
  ]
}

function durabilityMetrics(durability: Durability | undefined): Metric[] {
  if (durability === undefined) return []
  const { copies, fences, completeness } = durability
  return [
    gauge('changes_uncounted', 'Tasks with a change that waits for enough disks.', copies.waiting),
    gauge('records_short', 'Own records that lie on too few of their holders.', copies.short),
    gauge('fences', 'Notes of which writes are refused here.', fences.size),
    gauge('takeover_missing', 'Members whose answer a takeover may still need.', completeness.missing.length),
  ]
}
