/**
 * Cron expressions, by `croner`: given an instant, the next slot. Nothing of it runs here: no timer, no clock.
 *
 * What a change of the clocks does (`fixedTimeRule: no-wildcard`): an expression whose minutes and hours are numbers,
 * lists or ranges names times of day. One that the night in spring leaves out comes at the first instant after the gap (several
 * of them as one slot), and one that the night in autumn has twice comes once, the first time. With `*` or `/` in either
 * field it means a rhythm: every wall time that exists counts, each time that it exists.
 */
import { Cron } from 'croner'
import type { NextSlot } from '../../tasks/schedules/timing.ts'

/** Expressions that are kept parsed; the rest are parsed again, some 0.1 ms each. */
const KEPT_MAX = 4_096

/** Five fields, or six with seconds first; or a name such as `@daily`. No dates, no year, nothing that depends on a start. */
const EXPRESSION = /^(?:@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)|\S+(?: \S+){4,5})$/i

/**
 * The port of the core, on croner.
 *
 * `nextSlot(expression, zone, afterMs)` is the first slot after that instant, in ms since 1970; undefined when there is
 * none; a text saying what was expected when expression or zone is not valid. About 0.2 ms a call.
 */
export function cronSlots(): NextSlot {
  const kept = new Map<string, Cron | string>()
  return (expression, zone, afterMs) => {
    const name = `${zone}\n${expression}`
    const cron = kept.get(name) ?? parsed(expression, zone)
    if (kept.size >= KEPT_MAX) kept.clear()
    kept.set(name, cron)
    if (typeof cron === 'string') return cron
    return cron.nextRun(new Date(afterMs))?.getTime()
  }
}

function parsed(expression: string, zone: string): Cron | string {
  if (!EXPRESSION.test(expression)) {
    return 'five fields (minute hour day month weekday), six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly'
  }
  const problem = problemOfZone(zone)
  if (problem !== undefined) return problem
  try {
    const options = {
      timezone: zone,
      paused: true,
      mode: '5-or-6-parts',
      fixedTimeRule: 'no-wildcard',
    } as const
    return new Cron(expression, options)
  } catch (error) {
    // The library throws TypeError and RangeError, and nothing else, for what it cannot read.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    return `a cron expression (${error.message.replace(/^CronPattern: /, '')})`
  }
}

function problemOfZone(zone: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return undefined
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return 'an IANA time zone such as Europe/Berlin'
  }
}
