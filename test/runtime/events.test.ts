import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { EventLog, teeLogger, typeOf } from '../../src/runtime/events.ts'

const AT = wallOf(1_790_000_000_000)

const numbersIn = (log: EventLog): number[] => {
  const numbers: number[] = []
  for (let n = log.first; n < log.next; n++) numbers.push(log.at(n)?.number ?? -1)
  return numbers
}

const metricOf = (log: EventLog, name: string): number | undefined =>
  log.metrics().find(metric => metric.name === name)?.samples[0]?.value

test('events are numbered from 1 and found by their number while they are kept', () => {
  const log = new EventLog('7.0a1b2c', { eventsMax: 3 })
  assert.equal(log.first, log.next)
  for (const event of ['a', 'b', 'c', 'd', 'e']) log.add('info', event, { name: event }, AT)
  assert.deepEqual([log.first, log.next], [3, 6])
  assert.deepEqual(
    [log.at(2), log.at(6), log.at(3)?.event, log.at(5)?.event],
    [undefined, undefined, 'c', 'e'],
  )
  assert.equal(log.idOf(5), '7.0a1b2c-5')
})

test('whatever comes, the buffer holds its two bounds, and the numbers in it have no gap', () => {
  const limits = { eventsMax: 20, bytesMax: 8_000, eventBytesMax: 2_000 }
  const text = fc.string({ maxLength: 1_500 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 3_000 }), texts => {
      const log = new EventLog('1', limits)
      for (const each of texts) log.add('info', 'task-succeeded', { each }, AT)
      assert.ok((metricOf(log, 'events_kept') ?? 0) <= limits.eventsMax)
      assert.ok((metricOf(log, 'events_kept_bytes') ?? 0) <= limits.bytesMax)
      const expected = Array.from({ length: log.next - log.first }, (_, i) => log.first + i)
      assert.deepEqual(numbersIn(log), expected)
      assert.equal(log.next, texts.length + 1)
    }),
    { numRuns: 30 },
  )
})

test('the memory of dropped events is given back, also after very many', () => {
  const log = new EventLog('1', { eventsMax: 10 })
  for (let i = 0; i < 10_000; i++) log.add('info', 'task-succeeded', { i }, AT)
  const kept = metricOf(log, 'events_kept_bytes')
  assert.ok(kept !== undefined && kept < 10 * 400, String(kept))
  assert.deepEqual(numbersIn(log), [9_991, 9_992, 9_993, 9_994, 9_995, 9_996, 9_997, 9_998, 9_999, 10_000])
})

test('a flood of tasks pushes no other event out, and every number leads to its event or to none', () => {
  const log = new EventLog('1', { eventsMax: 100 })
  log.add('warn', 'member-dead', { member: 'n2' }, AT)
  for (let i = 0; i < 5_000; i++) {
    log.add('info', 'task-succeeded', { i }, AT)
    if (i % 1_000 === 0) log.add('info', 'ring-changed', { i }, AT)
  }
  assert.equal(log.first, 1)
  assert.equal(log.at(1)?.event, 'member-dead')
  const names: string[] = []
  for (let event = log.from(1); event !== undefined; event = log.from(event.number + 1)) {
    assert.deepEqual(log.at(event.number), event)
    names.push(event.event)
  }
  const rare = names.filter(name => name !== 'task-succeeded')
  assert.deepEqual(rare, ['member-dead', ...Array.from({ length: 5 }, () => 'ring-changed')])
  assert.equal(names.length, 106)
  assert.deepEqual([log.at(2), log.at(4_900), log.at(log.next)], [undefined, undefined, undefined])
  assert.equal(metricOf(log, 'events_kept'), 106)
  const gone = log.metrics().find(({ name }) => name === 'events_gone_total')?.samples
  assert.deepEqual(gone, [
    { labels: { share: 'tasks' }, value: 4_900 },
    { labels: { share: 'others' }, value: 0 },
  ])
})

test('what is gone is known by type, and how much of a stretch is', () => {
  const log = new EventLog('1', { eventsMax: 3 })
  // 1, 2: members; 3 to 7: tasks, of which 5 to 7 are left; 8 to 10: grants, which push the members out.
  for (let i = 0; i < 2; i++) log.add('info', 'member-dead', {}, AT)
  for (let i = 0; i < 5; i++) log.add('info', 'task-succeeded', {}, AT)
  assert.deepEqual([log.goneTo('member'), log.goneTo('task'), log.goneTo('grant')], [0, 4, 0])
  assert.equal(log.goneBetween(1, 4), 2)
  for (let i = 0; i < 3; i++) log.add('info', 'lease-lost', {}, AT)
  assert.deepEqual([log.goneTo('member'), log.goneTo('task'), log.goneTo('grant')], [2, 4, 0])
  assert.deepEqual([log.goneBetween(1, 4), log.goneBetween(2, 6), log.goneBetween(5, 10)], [4, 3, 0])
  assert.equal(log.goneBetween(9, 4), 0)
  assert.equal(log.first, 5)
})

test('an event too large for the buffer keeps its name, and says that its fields are missing', () => {
  const log = new EventLog('1', { eventBytesMax: 100 })
  log.add('info', 'verdict', { accusers: Array.from({ length: 100 }, () => 'somebody') }, AT)
  assert.equal(log.at(1)?.event, 'verdict')
  assert.equal(log.at(1)?.fields['fieldsLeftOut'], true)
  assert.equal(metricOf(log, 'events_cut_total'), 1)
})

test('debug lines are no events', () => {
  const log = new EventLog('1')
  log.add('debug', 'link-down', {}, AT)
  assert.equal(log.next, 1)
})

test('a logger that is listened to logs as before, and its lines become events with their time', () => {
  const log = new EventLog('2')
  const lines: string[] = []
  const logger = { log: (level: string, event: string) => lines.push(`${level} ${event}`) }
  let heard = 0
  const unlisten = log.onEvent(() => heard++)
  const told = teeLogger(logger, log, { now: () => ({ mono: instantOf(1), wall: AT }) })
  told.log('warn', 'member-dead', { member: 'n2' })
  unlisten()
  told.log('debug', 'link-down')
  told.log('info', 'ready')
  assert.deepEqual(lines, ['warn member-dead', 'debug link-down', 'info ready'])
  assert.equal(heard, 1)
  const { number: _, ...first } = log.at(1) ?? { number: 0 }
  assert.partialDeepStrictEqual(first, {
    at: AT,
    type: 'member',
    level: 'warn',
    event: 'member-dead',
    fields: { member: 'n2' },
  })
})

test('every event is of one type, by its name', () => {
  const types = {
    'member-suspect': 'member',
    verdict: 'member',
    refuted: 'member',
    'claim-withdrawn': 'member',
    'seed-trouble': 'member',
    island: 'member',
    'ring-changed': 'ring',
    'task-succeeded': 'task',
    'attempt-failed': 'task',
    'dead-letters-purged': 'task',
    'executor-missing': 'task',
    'executor-missing-over': 'task',
    'executor-threw': 'task',
    'progress-refused': 'task',
    'ended-copy-dropped': 'task',
    'copies-refused': 'task',
    'may-have-lost': 'task',
    'takeover-complete': 'task',
    'lease-lost': 'grant',
    'voters-changed': 'grant',
    'fenced-keys': 'grant',
    'stood-still': 'node',
    ready: 'node',
    'http-listening': 'node',
  }
  for (const [event, type] of Object.entries(types)) assert.equal(typeOf(event), type, event)
})
