/** Wall clock times as ISO 8601 text in UTC, for rooms that have no `Date`. */

const DAY_MS = 86_400_000

/** The largest time that has a text here, in ms: the end of the year 9999. */
export const ISO_MS_MAX = 253_402_300_799_999

/**
 * `2026-11-22T02:00:00Z`, with milliseconds only where there are some.
 * @param ms whole milliseconds since 1970, from 0 to `ISO_MS_MAX`; anything else is cut to that
 */
export function isoOf(ms: number): string {
  const at = Math.min(ISO_MS_MAX, Math.max(0, Math.floor(ms)))
  const { year, month, day } = dateOf(Math.floor(at / DAY_MS))
  const inDay = at % DAY_MS
  const time = [inDay / 3_600_000, (inDay / 60_000) % 60, (inDay / 1_000) % 60].map(part =>
    digits(Math.floor(part), 2),
  )
  const millis = at % 1_000
  const fraction = millis === 0 ? '' : `.${digits(millis, 3)}`
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${time.join(':')}${fraction}Z`
}

const PATTERN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?Z$/

/** The ms of a text that `isoOf` makes; undefined for any other, also of a time that there is. */
export function msOfIso(text: string): number | undefined {
  const found = PATTERN.exec(text)
  if (found === null) return undefined
  const [, year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0, millis = 0] = found.map(Number)
  const inDay = hours * 3_600_000 + minutes * 60_000 + seconds * 1_000
  const ms = daysOf(year, month, day) * DAY_MS + inDay + (Number.isNaN(millis) ? 0 : millis)
  return isoOf(ms) === text ? ms : undefined
}

/** His `days_from_civil`, for years from 0 on. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leaps + ofYear - 719_468
}

/** Howard Hinnant's `civil_from_days`: years begin in March there, so that the day that comes and goes is the last. */
function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  }
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0')
