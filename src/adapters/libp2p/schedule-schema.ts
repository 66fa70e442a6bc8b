/** The shape of schedules as they come off a wire; see `schema.ts`. */
import { z } from 'zod'
import { ISO_MS_MAX } from '../../base/iso.ts'
import { EXPRESSION_CHARS_MAX, ZONE_CHARS_MAX } from '../../tasks/schedules/definition.ts'
import { MISSED_KEPT, SCHEDULE_NAME_PATTERN, SCHEDULE_PAGE_MAX } from '../../tasks/schedules/state.ts'
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from '../../tasks/schedules/timing.ts'
import { SHORT_CHARS_MAX } from './limits.ts'
import { count, short, wallMs } from './schema-words.ts'

const slot = z.number().nonnegative().max(ISO_MS_MAX)
const name = z.string().regex(SCHEDULE_NAME_PATTERN)
const source = z.enum(['api', 'config'])
const timing = z.union([
  z.object({ cron: z.string().max(EXPRESSION_CHARS_MAX), timeZone: z.string().max(ZONE_CHARS_MAX) }),
  z.object({ everyMs: z.int().min(INTERVAL_MS_MIN).max(INTERVAL_MS_MAX) }),
])
const missed = z.object({
  from: slot,
  to: slot,
  count,
  more: z.literal(true).exactOptional(),
  reason: z.enum(['late', 'overlap', 'queue-full']),
  at: wallMs,
  term: count.exactOptional(),
})
const decided = z.object({
  to: slot,
  anew: count.exactOptional(),
  lastMade: slot.exactOptional(),
  made: count,
  missed: count,
  lately: z.array(missed).max(MISSED_KEPT),
})

/** @param task the shape of what the tasks of a schedule have in common */
export function scheduleSchema<T extends z.ZodType>(task: T) {
  const definition = z.object({
    name,
    timing,
    task,
    catchUp: z.enum(['none', 'last', 'all']),
    overlap: z.enum(['allow', 'skip']),
    paused: z.boolean(),
  })
  const ordered = z.object({
    version: count,
    definition,
    source,
    paused: z.boolean(),
    deleted: z.boolean(),
    at: wallMs,
  })
  return z.object({ ordered, decided })
}

const summary = z.object({
  name,
  timing,
  type: short,
  source,
  paused: z.boolean(),
  decidedTo: slot,
  lastMade: slot.exactOptional(),
  made: count,
  missed: count,
  waits: z
    .string()
    .max(4 * SHORT_CHARS_MAX)
    .exactOptional(),
})

export const schedulesAsk = z.object({
  type: z.literal('schedules-ask'),
  id: count,
  after: short,
  limit: count.max(SCHEDULE_PAGE_MAX),
})
export const schedulesTell = z.object({
  type: z.literal('schedules-tell'),
  id: count,
  schedules: z.array(summary).max(SCHEDULE_PAGE_MAX),
  more: z.boolean(),
  settled: z.boolean(),
  /** A node of another version that names no ring is taken for one that sees another. */
  ring: short.exactOptional(),
})
