import { setImmediate as turn } from 'node:timers/promises'
import { CodedError, type Problem } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { Enqueue } from '../runtime/ports.ts'
import { parseDefinition } from '../tasks/schedules/definition.ts'
import type { ScheduleDefinition } from '../tasks/schedules/state.ts'
import type { NextSlot } from '../tasks/schedules/timing.ts'

/** Work between two turns of the event loop, in ms: to read a thousand expressions takes most of a second. */
const SLICE_MS = 5

/** The schedules of the configuration. Throws CONFIG_INVALID with everything that is wrong with them. */
export async function readSchedules(
  config: Config,
  nextSlot: NextSlot,
): Promise<readonly ScheduleDefinition[]> {
  const problems: Problem[] = []
  const found = new Map<string, ScheduleDefinition>()
  let pauseAt = performance.now() + SLICE_MS
  for (const [i, entry] of config.schedules.entries()) {
    if (performance.now() >= pauseAt) {
      await turn()
      pauseAt = performance.now() + SLICE_MS
    }
    const parsed = parseDefinition(entry, { defaults: config.tasks, nextSlot })
    if (!parsed.ok) {
      for (const problem of parsed.problems) problems.push({ ...problem, at: `schedules.${i}.${problem.at}` })
      continue
    }
    const { name } = parsed.definition
    if (found.has(name)) {
      const expected = 'a name that no other schedule has'
      problems.push({ at: `schedules.${i}.name`, expected, got: JSON.stringify(name) })
    }
    found.set(name, parsed.definition)
  }
  if (problems.length === 0) return [...found.values()]
  const lines = problems.map(({ at, expected, got }) => `\n  ${at}: expected ${expected}; got ${got}`)
  throw new CodedError('CONFIG_INVALID', `the schedules have problems:${lines.join('')}`, { problems })
}

/** Hands them to the core. */
export function offerSchedules(definitions: readonly ScheduleDefinition[], enqueue: Enqueue): void {
  enqueue({ kind: 'schedules', definitions })
}
