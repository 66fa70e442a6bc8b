/**
 * Whether an expression that wants a day of the month and a weekday at once (`+` before the weekday) has any day.
 *
 * croner looks for one through four centuries, in one go. Where there is none that takes up to a second or two, in which the
 * node would stand still; and whoever may read may ask for it. Every month begins with every weekday in some year, so to look
 * at each month once for each of them is enough. What fits a day is as `_matchDayValue` of croner has it.
 */
import type { CronPattern } from 'croner'

const WEEK_DAYS = 7
const SUNDAY = 0
const SATURDAY = 6
/** How many days each month may have. */
const LENGTHS = [[31], [28, 29], [31], [30], [31], [30], [31], [31], [30], [31], [30], [31]] as const
/** The bit of a weekday that counts when it is the last one of its month. The one of the first is 1, of the second 2, then 4. */
const LAST = 32

/** A month that may be: how long it is, and the weekday that it begins with. */
interface Month {
  readonly length: number
  readonly first: number
}

export function fitsSomeDay(pattern: CronPattern): boolean {
  if (!pattern.useAndLogic || pattern.starDOW) return true
  return LENGTHS.some(
    (lengths, month) =>
      pattern.month[month] !== 0 && lengths.some(length => fitsSomeBeginning(pattern, length)),
  )
}

function fitsSomeBeginning(pattern: CronPattern, length: number): boolean {
  for (let first = 0; first < WEEK_DAYS; first++) {
    const month = { length, first }
    if (daysOf(pattern, month).some(day => fitsWeekday(pattern, day, month))) return true
  }
  return false
}

const weekdayOf = (day: number, { first }: Month): number => (first + day - 1) % WEEK_DAYS

/** The days that the expression names by their place in the month. */
function daysOf(pattern: CronPattern, month: Month): number[] {
  const days: number[] = []
  for (let day = 1; day <= month.length; day++) {
    if (pattern.day[day - 1] !== 0) days.push(day)
    if (pattern.nearestWeekdays[day - 1] !== 0) days.push(nearestWeekday(day, month))
  }
  if (pattern.lastDayOfMonth) days.push(month.length)
  if (pattern.lastWeekday) days.push(nearestWeekday(month.length, month))
  return days
}

/** The day itself from Monday to Friday, else the one of these beside it, in the same month. */
function nearestWeekday(day: number, month: Month): number {
  const weekday = weekdayOf(day, month)
  if (weekday === SUNDAY) return day === month.length ? day - 2 : day + 1
  if (weekday === SATURDAY) return day === 1 ? day + 2 : day - 1
  return day
}

/** A weekday of an expression has a bit for each place among its like that it may have in the month. */
function fitsWeekday(pattern: CronPattern, day: number, month: Month): boolean {
  const places = pattern.dayOfWeek[weekdayOf(day, month)] ?? 0
  const place = 1 << (Math.ceil(day / WEEK_DAYS) - 1)
  return (places & place) !== 0 || ((places & LAST) !== 0 && day + WEEK_DAYS > month.length)
}
