import { z } from 'zod'
import type { OptionType } from './option.ts'
import { structure } from './option-type.ts'

/** Each is compared with what its owner holds once a second. */
const SCHEDULES_MAX = 1_000

const expected = `a list of at most ${SCHEDULES_MAX}, each a mapping with name, task, and cron or everyMs`

const entry = z.record(z.string(), z.unknown(), { error: 'a mapping with name, task, and cron or everyMs' })

/** What stands in each is checked by the room that knows schedules, when the daemon starts or reads its configuration again. */
export const schedulesType: OptionType = structure(
  'list of schedules',
  expected,
  z.array(entry, { error: expected }).max(SCHEDULES_MAX, { error: expected }),
)
