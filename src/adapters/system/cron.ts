/**
 * Cron expressions, by `croner`: given an instant, the next slot. Nothing of it runs here: no timer, no clock.
 *
 * What a change of the clocks does (`fixedTimeRule: no-wildcard`): an expression whose minutes and hours are numbers,
 * lists or ranges names times of day. One that the night in spring leaves out comes at the first instant after the gap (several
 * of them as one slot), and one that the night in autumn has twice comes once, the first time. With `*` or `/` in either
 * field it means a rhythm: every wall time that exists counts, each time that it exists.
 */
import { Cron, CronPattern } from 'croner'
import type { NextSlot } from '../../tasks/schedules/timing.ts'
import { fitsSomeDay } from './fits-some-day.ts'

/** Expressions that are kept parsed: each takes 80 KB, for a list of all years. The rest are parsed again, some 0.1 ms each. */
const KEPT_MAX = 256

const MODE = '5-or-6-parts'

/** Five fields, or six with seconds first; or a name such as `@daily`. No dates, no year, nothing that depends on a start. */
const EXPRESSION = /^(?:@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)|\S+(?: \S+){4,5})$/i

/**
 * The port of the core, on croner.
 *
 * `nextSlot(expression, zone, afterMs)` is the first slot after that instant, in ms since 1970; undefined when there is
 * none; a text saying what was expected when expression or zone is not valid. About 0.2 ms a call.
 */
export function cronSlots(): NextSlot {
  const kept = new Map<string, Search>()
  return (expression, zone, afterMs) => {
    const name = `${zone}\n${expression}`
    const known = kept.get(name)
    if (known !== undefined) return known(afterMs)
    if (kept.size >= KEPT_MAX) kept.clear()
    const search = searchOf(expression, zone)
    kept.set(name, search)
    return search(afterMs)
  }
}

/** The port for one expression in one zone. */
type Search = (afterMs: number) => ReturnType<NextSlot>

function searchOf(expression: string, zone: string): Search {
  if (!EXPRESSION.test(expression)) {
    return () =>
      'five fields (minute hour day month weekday), six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly'
  }
  const timezone = zoneOf(zone)
  if (timezone === undefined) return () => 'an IANA time zone such as Europe/Berlin'
  try {
    const cron = new Cron(expression, { timezone, paused: true, mode: MODE, fixedTimeRule: 'no-wildcard' })
    const fits = fitsSomeDay(new CronPattern(expression, timezone, { mode: MODE }))
    return fits ? afterMs => cron.nextRun(new Date(afterMs))?.getTime() : () => undefined
  } catch (error) {
    // The library throws TypeError and RangeError, and nothing else, for what it cannot read.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    const problem = `a cron expression (${error.message.replace(/^CronPattern: /, '')})`
    return () => problem
  }
}

/**
 * A zone by the one spelling of its name, whichever of upper and lower case it came in; undefined when there is none. The
 * library keeps what it needs of each spelling for ever.
 */
function zoneOf(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return undefined
  }
}
