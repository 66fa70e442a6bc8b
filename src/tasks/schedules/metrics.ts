import { gauge, type Metric } from '../counts.ts'
import type { MissReason, ScheduleRecord } from './state.ts'

/** What happened to slots on this node since it started. */
export class Tally {
  readonly #missed: Record<MissReason, number> = { late: 0, overlap: 0, 'queue-full': 0 }
  #made = 0
  #lateMs = 0
  #lateMsMax = 0

  made(lateMs: number): void {
    this.#made++
    this.#lateMs += lateMs
    this.#lateMsMax = Math.max(this.#lateMsMax, lateMs)
  }

  missed(reason: MissReason, count: number): void {
    this.#missed[reason] += count
  }

  metrics(): Metric[] {
    const missed = Object.entries(this.#missed).map(([reason, value]) => ({ labels: { reason }, value }))
    return [
      counter('slots_made_total', 'Slots of schedules whose task this node made.', this.#made),
      {
        name: 'slots_missed_total',
        help: 'Slots that this node decided not to make, by reason.',
        type: 'counter',
        samples: missed,
      },
      counter('slot_late_ms_total', 'Time from these slots to the making of their tasks, ms.', this.#lateMs),
      gauge('slot_late_ms_max', 'The longest of these times since boot, ms.', this.#lateMsMax),
    ]
  }
}

/**
 * @param records those that are not deleted
 * @param decides whether this node decides about the key of that schedule now
 */
export function scheduleMetrics(
  tally: Tally,
  records: readonly ScheduleRecord[],
  decides: (name: string) => boolean,
  clock: { readonly aheadMs: number; readonly apart: boolean },
): Metric[] {
  const alive = records.map(({ schedule }) => schedule.ordered)
  const owned = alive.filter(({ definition }) => decides(definition.name))
  return [
    gauge('schedules_owned', 'Schedules whose slots this node decides about.', owned.length),
    gauge('schedules_held', 'Schedules that this node holds, its own included.', alive.length),
    gauge(
      'schedules_paused',
      'Of its own, those that are paused.',
      owned.filter(({ paused }) => paused).length,
    ),
    gauge(
      'clock_ahead_ms',
      'How far the wall clock is ahead of the median of all members, ms.',
      clock.aheadMs,
    ),
    gauge('schedules_clock_apart', '1 while no slots are made for that reason.', Number(clock.apart)),
    ...tally.metrics(),
  ]
}

const counter = (name: string, help: string, value: number): Metric => ({
  ...gauge(name, help, value),
  type: 'counter',
})
