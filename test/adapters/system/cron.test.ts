/** Cron expressions through the port of the core, changes of the clocks included. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cronSlots } from '../../../src/adapters/system/cron.ts'
import { slotsAfter } from '../../../src/tasks/schedules/timing.ts'

const nextSlot = cronSlots()

const slots = (cron: string, timeZone: string, from: string, count: number): string[] =>
  slotsAfter({ cron, timeZone }, Date.parse(from), count, nextSlot).map(slot =>
    new Date(slot).toISOString().replace(':00.000Z', 'Z'),
  )

const BERLIN = 'Europe/Berlin'

test('a time of day that the night in spring leaves out comes at the first instant after the gap, once', () => {
  // 02:00 to 03:00 is not there; 03:00 is 01:00 UTC.
  assert.deepEqual(slots('30 2 * * *', BERLIN, '2026-03-28T00:00:00Z', 3), [
    '2026-03-28T01:30Z',
    '2026-03-29T01:00Z',
    '2026-03-30T00:30Z',
  ])
  assert.deepEqual(slots('15,45 2 * * *', BERLIN, '2026-03-28T12:00:00Z', 3), [
    '2026-03-29T01:00Z',
    '2026-03-30T00:15Z',
    '2026-03-30T00:45Z',
  ])
})

test('a time of day that the night in autumn has twice comes once, the first time', () => {
  assert.deepEqual(slots('30 2 * * *', BERLIN, '2026-10-24T12:00:00Z', 2), [
    '2026-10-25T00:30Z',
    '2026-10-26T01:30Z',
  ])
  assert.deepEqual(slots('15,45 1 * * *', 'America/New_York', '2026-11-01T04:00:00Z', 3), [
    '2026-11-01T05:15Z',
    '2026-11-01T05:45Z',
    '2026-11-02T06:15Z',
  ])
  // Also for whoever asks between the two.
  assert.deepEqual(slots('30 2 * * *', BERLIN, '2026-10-25T00:45:00Z', 1), ['2026-10-26T01:30Z'])
})

test('a rhythm counts every wall time that exists, each time that it exists', () => {
  assert.deepEqual(slots('*/30 * * * *', BERLIN, '2026-03-29T00:00:00Z', 3), [
    '2026-03-29T00:30Z',
    '2026-03-29T01:00Z',
    '2026-03-29T01:30Z',
  ])
  assert.deepEqual(slots('*/30 * * * *', BERLIN, '2026-10-24T23:45:00Z', 5), [
    '2026-10-25T00:00Z',
    '2026-10-25T00:30Z',
    '2026-10-25T01:00Z',
    '2026-10-25T01:30Z',
    '2026-10-25T02:00Z',
  ])
  // Within an hour that is not there nothing of a rhythm exists.
  assert.deepEqual(slots('*/20 2 * * *', BERLIN, '2026-03-28T12:00:00Z', 1), ['2026-03-30T00:00Z'])
})

test('a midnight that does not exist is the first instant of that day', () => {
  assert.deepEqual(slots('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z', 2), [
    '2018-11-04T03:00Z',
    '2018-11-05T02:00Z',
  ])
})

test('six fields begin with seconds, and names stand for expressions', () => {
  const from = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(nextSlot('*/15 * * * * *', 'UTC', from), from + 15_000)
  assert.equal(nextSlot('* * * * * *', 'UTC', from + 1), from + 1_000)
  assert.equal(nextSlot('@hourly', 'UTC', from), from + 3_600_000)
  assert.equal(nextSlot('0 0 30 2 *', 'UTC', from), undefined)
})

test('what is no expression, or no zone, is answered with what was expected', () => {
  for (const expression of [
    '',
    '* * *',
    '61 * * * *',
    '@reboot',
    '2026-12-01T00:00:00',
    '* * * * * * *',
    'a b c d e',
  ])
    assert.equal(typeof nextSlot(expression, 'UTC', 0), 'string', expression)
  for (const zone of ['Mars/Phobos', '', 'Berlin, Germany'])
    assert.match(String(nextSlot('* * * * *', zone, 0)), /time zone/)
})

const field = (min: number, max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: Math.min(30, max - min) }).map(step => `*/${step}`),
    fc.integer({ min, max }).map(String),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(ends => {
      const [low, high] = ends[0] < ends[1] ? ends : [ends[1], ends[0]]
      return `${low}-${high}`
    }),
  )
const ZONES = [
  'UTC',
  BERLIN,
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Sao_Paulo',
  'Pacific/Apia',
]
const expression = fc
  .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
  .map(parts => parts.join(' '))
const instant = fc.integer({
  min: Date.parse('2011-01-01T00:00:00Z'),
  max: Date.parse('2031-01-01T00:00:00Z'),
})

test('slots only go forward, and the next slot is the same from wherever before it one asks', () => {
  fc.assert(
    fc.property(
      expression,
      fc.constantFrom(...ZONES),
      instant,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (cron, zone, from, part) => {
        const first = nextSlot(cron, zone, from)
        if (first === undefined) return
        assert.ok(typeof first === 'number' && first > from, `${cron} ${zone}`)
        const between = from + Math.floor((first - 1 - from) * part)
        assert.equal(nextSlot(cron, zone, between), first, `${cron} ${zone} from ${between}`)
        assert.equal(cronSlots()(cron, zone, from), first)
        const second = nextSlot(cron, zone, first)
        assert.ok(second === undefined || (typeof second === 'number' && second > first))
      },
    ),
    { numRuns: 300 },
  )
})

const numbersOf = (text: string, min: number, max: number): ReadonlySet<number> => {
  const all = Array.from({ length: max - min + 1 }, (_, i) => min + i)
  const [range = '*', step = '1'] = text.split('/')
  const [low = min, high = low] = range === '*' ? [min, max] : range.split('-').map(Number)
  return new Set(all.filter(n => n >= low && n <= high && (n - low) % Number(step) === 0))
}

/** Looks at each minute by the calendar of the platform. Knows rhythms only, whose every existing wall time counts. */
function bySearch(
  minutes: string,
  hours: string,
  zone: string,
  from: number,
  limit: number,
): number | undefined {
  const [inMinutes, inHours] = [numbersOf(minutes, 0, 59), numbersOf(hours, 0, 23)]
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  for (let at = (Math.floor(from / 60_000) + 1) * 60_000; at <= limit; at += 60_000) {
    const [hour = 0, minute = 0] = format.format(at).split(':').map(Number)
    if (inHours.has(hour) && inMinutes.has(minute)) return at
  }
  return undefined
}

test('rhythms agree with a search through the calendar, also over changes of the clocks', () => {
  const changes = [
    '2026-03-29T00:00:00Z',
    '2026-10-25T00:00:00Z',
    '2026-03-08T06:00:00Z',
    '2026-11-01T05:00:00Z',
    '2026-04-04T14:00:00Z',
  ]
  const near = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -10_000_000, max: 10_000_000 }))
    .map(([change, ms]) => Date.parse(change) + ms)
  const rhythm = fc.tuple(
    fc.integer({ min: 2, max: 45 }).map(step => `*/${step}`),
    field(0, 23),
  )
  fc.assert(
    fc.property(rhythm, fc.constantFrom(...ZONES), near, ([minutes, hours], zone, from) => {
      const limit = from + 3 * 3_600_000
      const found = nextSlot(`${minutes} ${hours} * * *`, zone, from)
      const expected = bySearch(minutes, hours, zone, from, limit)
      const seen = typeof found === 'number' && found <= limit ? found : undefined
      assert.equal(seen, expected, `${minutes} ${hours} ${zone} from ${new Date(from).toISOString()}`)
    }),
    { numRuns: 150 },
  )
})
