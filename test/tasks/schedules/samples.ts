/** Schedules for tests. */
import assert from 'node:assert/strict'
import { cronSlots } from '../../../src/adapters/system/cron.ts'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { parseDefinition } from '../../../src/tasks/schedules/definition.ts'
import type { ScheduleDefinition } from '../../../src/tasks/schedules/state.ts'

export const nextSlot = cronSlots()
export const rules = { defaults: tasksDefaults(4), nextSlot }

/** Every second, echo, unless told. */
export function definition(
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
): ScheduleDefinition {
  const timing = 'everyMs' in changes ? {} : { cron: '* * * * * *' }
  const parsed = parseDefinition({ name, ...timing, task: { type: 'echo' }, ...changes }, rules)
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.definition
}
