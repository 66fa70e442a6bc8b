/**
 * When a schedule is due: its slots, as instants of the wall clock (ms since 1970).
 *
 * A slot does not depend on who asks or when: those of a cron expression follow from the expression and its time zone,
 * those of an interval are its multiples since 1970. So every node names a slot alike, and two nodes that both make one make
 * one task.
 */

/** The shortest pause between two slots, in ms. Cron expressions cannot say less. */
export const INTERVAL_MS_MIN = 1_000
/** The longest interval, in ms: a year. */
export const INTERVAL_MS_MAX = 366 * 86_400_000

/** By cron expression in a time zone, or by interval. */
export type Timing =
  | { readonly cron: string; readonly timeZone: string }
  /** A slot every so many ms since 1970, 00:00 UTC. */
  | { readonly everyMs: number }

/**
 * The port for cron expressions: the first slot after an instant (both in ms since 1970). Undefined: there is none any
 * more. Text: expression or zone is not valid, and this was expected. A pure function.
 */
export type NextSlot = (expression: string, zone: string, afterMs: number) => number | string | undefined

/** The first slot after this instant; undefined when there is none. A timing that was accepted once is valid. */
export function slotAfter(timing: Timing, afterMs: number, nextSlot: NextSlot): number | undefined {
  if ('everyMs' in timing) return (Math.floor(afterMs / timing.everyMs) + 1) * timing.everyMs
  const found = nextSlot(timing.cron, timing.timeZone, afterMs)
  // Strictly after: a slot at or before the instant would be one for ever.
  return typeof found === 'number' && found > afterMs ? found : undefined
}

/** The next slots after an instant, `count` at most. */
export function slotsAfter(timing: Timing, afterMs: number, count: number, nextSlot: NextSlot): number[] {
  const slots: number[] = []
  for (let at = afterMs; slots.length < count; ) {
    const next = slotAfter(timing, at, nextSlot)
    if (next === undefined) break
    slots.push(next)
    at = next
  }
  return slots
}

export const sameTiming = (a: Timing, b: Timing): boolean =>
  'everyMs' in a
    ? 'everyMs' in b && a.everyMs === b.everyMs
    : 'cron' in b && a.cron === b.cron && a.timeZone === b.timeZone
