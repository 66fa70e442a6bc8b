/** Schedules as they travel, for properties; see `message-arbitrary.ts`. */
import fc from 'fast-check'
import { wallOf } from '../../../src/base/time.ts'
import type { ScheduleLinkMessage } from '../../../src/tasks/schedules/messages.ts'
import {
  type Missed,
  SCHEDULE_PAGE_MAX,
  type ScheduleState,
  type ScheduleSummary,
} from '../../../src/tasks/schedules/state.ts'
import type { Timing } from '../../../src/tasks/schedules/timing.ts'
import type { TaskSpec } from '../../../src/tasks/task.ts'

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const wall = fc.nat({ max: 4_000_000_000_000 }).map(wallOf)
export const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/)
const timing: fc.Arbitrary<Timing> = fc.oneof(
  fc.record({ cron: fc.string({ maxLength: 40 }), timeZone: fc.string({ maxLength: 20 }) }),
  fc.record({ everyMs: fc.integer({ min: 1_000, max: 86_400_000 }) }),
)
const slot = fc.nat({ max: 4_000_000_000_000 })
const missed: fc.Arbitrary<Missed> = fc.record(
  {
    from: slot,
    to: slot,
    count,
    more: fc.constant(true as const),
    reason: fc.constantFrom('late', 'overlap', 'queue-full'),
    at: wall,
    term: count,
  },
  { requiredKeys: ['from', 'to', 'count', 'reason', 'at'] },
)
/** @param spec what its tasks are made of */
export const scheduleOf = (spec: fc.Arbitrary<TaskSpec>): fc.Arbitrary<ScheduleState> =>
  fc.record({
    ordered: fc.record({
      version: count,
      definition: fc.record({
        name,
        timing,
        task: spec.map(({ id: _, key: __, ...template }) => template),
        catchUp: fc.constantFrom('none', 'last', 'all'),
        overlap: fc.constantFrom('allow', 'skip'),
        paused: fc.boolean(),
      }),
      source: fc.constantFrom('api', 'config'),
      paused: fc.boolean(),
      deleted: fc.boolean(),
      at: wall,
    }),
    decided: fc.record(
      {
        to: slot,
        anew: count,
        lastMade: slot,
        made: count,
        missed: count,
        lately: fc.array(missed, { maxLength: 3 }),
      },
      { requiredKeys: ['to', 'made', 'missed', 'lately'] },
    ),
  })
const summary: fc.Arbitrary<ScheduleSummary> = fc.record(
  {
    ...{ name, timing, type: fc.string({ maxLength: 20 }), source: fc.constantFrom('api', 'config') },
    ...{ paused: fc.boolean(), decidedTo: slot, lastMade: slot, made: count, missed: count },
    waits: fc.string({ maxLength: 60 }),
  },
  { requiredKeys: ['name', 'timing', 'type', 'source', 'paused', 'decidedTo', 'made', 'missed'] },
)

export const scheduleMessage: fc.Arbitrary<ScheduleLinkMessage> = fc.oneof(
  fc.record({
    type: fc.constant('schedules-ask' as const),
    id: count,
    after: fc.string({ maxLength: 20 }),
    limit: fc.nat({ max: SCHEDULE_PAGE_MAX }),
  }),
  fc.record(
    {
      type: fc.constant('schedules-tell' as const),
      id: count,
      schedules: fc.array(summary, { maxLength: 3 }),
      more: fc.boolean(),
      settled: fc.boolean(),
      ring: fc.string({ maxLength: 40 }),
    },
    { requiredKeys: ['type', 'id', 'schedules', 'more', 'settled'] },
  ),
)
