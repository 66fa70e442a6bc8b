/** Schedules for people. Slots are shown in UTC and, for a cron expression, in its own time zone. */
import type { Missed } from '../tasks/schedules/state.ts'
import { cut, sheet, table } from './table.ts'

interface Timed {
  readonly cron?: string
  readonly timeZone?: string
  readonly everyMs?: number
}

/** One line of a list. */
export interface ScheduleLine {
  readonly name: string
  readonly owner: string
  readonly timing: Timed
  readonly type: string
  readonly source: string
  readonly paused: boolean
  readonly lastMade?: number
  readonly made: number
  readonly missed: number
  readonly waits?: string
}

/** One schedule as the API shows it. */
export interface ScheduleSheet extends Timed {
  readonly name: string
  readonly owner: string | null
  readonly task: object
  readonly catchUp: string
  readonly overlap: string
  readonly paused: boolean
  readonly source: string
  readonly version: number
  readonly changedAt: number
  readonly decidedTo: number
  readonly lastMade?: number
  readonly made: number
  readonly missed: number
  readonly lately: readonly Missed[]
  readonly next: readonly number[]
  readonly waits?: string
}

const EXPRESSION_COLUMNS = 40

export function scheduleTable(lines: readonly ScheduleLine[]): string {
  return table(lines, [
    { title: 'NAME', cell: line => line.name },
    { title: 'WHEN', cell: line => cut(timingText(line.timing), EXPRESSION_COLUMNS) },
    { title: 'TYPE', cell: line => line.type },
    { title: 'OWNER', cell: line => line.owner },
    { title: 'MADE', cell: line => line.made, right: true },
    { title: 'MISSED', cell: line => line.missed, right: true },
    { title: 'LAST', cell: line => (line.lastMade === undefined ? undefined : timeText(line.lastMade)) },
    { title: 'NOTE', cell: line => line.waits ?? (line.source === 'config' ? 'from the configuration' : '') },
  ])
}

export function scheduleSheet(found: ScheduleSheet): string {
  const head = sheet([
    ['name', found.name],
    ['when', timingText(found)],
    ['owner', found.owner ?? 'nobody'],
    ['task', JSON.stringify(found.task)],
    ['catch up', found.catchUp],
    ['overlap', found.overlap],
    ['paused', found.paused ? 'yes' : 'no'],
    ['source', found.source],
    ['version', `${found.version}, of ${timeText(found.changedAt)}`],
    ['decided to', timeText(found.decidedTo)],
    ['made', found.made],
    ['missed', found.missed],
    ...(found.waits === undefined ? [] : [['waits', found.waits] as const]),
  ])
  const next = found.next.length === 0 ? '' : `\nNext slots:\n${slotLines(found)}`
  return `${head}${next}${missedText(found.lately)}`
}

/** One slot a line. */
export function slotLines({ next, timeZone }: Pick<ScheduleSheet, 'next' | 'timeZone'>): string {
  return next.map(slot => `  ${timeText(slot)}${zonedText(slot, timeZone)}\n`).join('')
}

function missedText(lately: readonly Missed[]): string {
  if (lately.length === 0) return ''
  const rows = table(lately.toReversed(), [
    { title: '  FROM', cell: missed => `  ${timeText(missed.from)}` },
    { title: 'TO', cell: missed => timeText(missed.to) },
    {
      title: 'SLOTS',
      cell: missed => `${missed.count}${missed.more === true ? ' or more' : ''}`,
      right: true,
    },
    { title: 'WHY', cell: missed => missed.reason },
  ])
  return `\nSlots that were not made, newest first:\n${rows}`
}

const timingText = ({ cron, timeZone, everyMs }: Timed): string =>
  everyMs === undefined ? `${cron ?? ''} (${timeZone ?? 'UTC'})` : `every ${everyMs} ms`

const timeText = (ms: number): string => new Date(ms).toISOString()

const LOCAL: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
}

function zonedText(ms: number, zone: string | undefined): string {
  if (zone === undefined || zone === 'UTC') return ''
  const local = new Date(ms).toLocaleString('sv-SE', { ...LOCAL, timeZone: zone })
  return `  ${local} ${zone}`
}
