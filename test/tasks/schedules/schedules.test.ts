import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isoOf } from '../../../src/base/iso.ts'
import { type ScheduleRecord, slotTaskId } from '../../../src/tasks/schedules/state.ts'
import { definition, nextSlot } from './samples.ts'
import { START, Subject } from './subject.ts'

test('each slot becomes one task with the name as key and the slot in its id', () => {
  const subject = new Subject()
  subject.put(definition('tick', { task: { type: 'exec', payload: { command: 'x' }, priority: 3 } }))
  for (let i = 0; i < 35; i++) subject.pass(100)
  assert.deepEqual(
    subject.made('tick'),
    [1, 2, 3].map(s => slotTaskId('tick', START + s * 1_000)),
  )
  const [first] = subject.host.tasks.values()
  assert.equal(first?.id, 'tick@2023-11-14T22:13:21Z')
  assert.equal(first?.key, 'tick')
  assert.deepEqual([first?.type, first?.payload, first?.priority], ['exec', { command: 'x' }, 3])
  assert.equal(subject.events.filter(({ event }) => event === 'slot-run').length, 3)
  const { made, missed, lastMade } = subject.decidedOf('tick')
  assert.deepEqual([made, missed, lastMade], [3, 0, START + 3_000])
})

test('the next wake is the next slot', () => {
  const subject = new Subject()
  subject.put(definition('minutely', { cron: '* * * * *' }))
  subject.pass(1)
  const next = nextSlot('* * * * *', 'UTC', subject.wall)
  assert.equal(subject.schedules.nextWake(), subject.mono + (next as number) - subject.wall)
})

test('whoever may not decide makes nothing, and what was missed meanwhile goes by the policy', () => {
  for (const [catchUp, made, missed] of [
    ['none', 6, 54],
    ['last', 6, 54],
    ['all', 60, 0],
  ] as const) {
    const subject = new Subject()
    subject.put(definition('s', { catchUp }))
    subject.host.decides = false
    subject.pass(60_000)
    assert.deepEqual(subject.made('s'), [])
    subject.host.decides = true
    subject.pass(0)
    const decided = subject.decidedOf('s')
    assert.deepEqual([decided.made, decided.missed], [made, missed], catchUp)
    const [range] = decided.lately
    if (missed > 0)
      assert.deepEqual([range?.from, range?.to, range?.reason], [START + 1_000, START + 54_000, 'late'])
  }
})

test('a daily slot that falls into a gap still runs, unless its policy says none', () => {
  for (const [catchUp, made] of [
    ['none', 0],
    ['last', 1],
    ['all', 2],
  ] as const) {
    const subject = new Subject()
    subject.put(definition('nightly', { cron: '30 2 * * *', timeZone: 'Europe/Berlin', catchUp }))
    subject.host.decides = false
    subject.pass(48 * 3_600_000)
    subject.host.decides = true
    subject.pass(0)
    assert.equal(subject.made('nightly').length, made, catchUp)
    assert.equal(subject.decidedOf('nightly').missed, 2 - made)
  }
})

test('a slot whose task before still runs is skipped and listed where the schedule says so', () => {
  const subject = new Subject()
  subject.put(definition('s', { overlap: 'skip' }))
  for (let i = 0; i < 5; i++) subject.pass(1_000)
  assert.equal(subject.made('s').length, 1)
  const { missed, lately } = subject.decidedOf('s')
  assert.equal(missed, 4)
  const range = { from: START + 2_000, to: START + 5_000, count: 4, reason: 'overlap' }
  assert.deepEqual(
    lately.map(({ at: _, ...rest }) => rest),
    [range],
  )
  subject.host.unfinished.clear()
  subject.pass(1_000)
  assert.equal(subject.made('s').length, 2)
})

test('slots that were missed in a row make a line for each term under which they were listed', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.host.full = true
  for (const term of [5, 5, 7]) {
    subject.host.term = term
    subject.pass(1_000)
  }
  assert.deepEqual(
    subject.decidedOf('s').lately.map(({ count, term }) => [count, term]),
    [
      [2, 5],
      [1, 7],
    ],
  )
})

test('nothing is made where no more tasks are taken, and it is listed', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.host.full = true
  subject.pass(1_000)
  assert.deepEqual(
    subject.decidedOf('s').lately.map(({ reason }) => reason),
    ['queue-full'],
  )
})

test('slots that pass while a schedule is paused were never due', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'all' }))
  subject.order('s', { op: 'pause' })
  subject.pass(10_500)
  subject.order('s', { op: 'resume' })
  subject.pass(600)
  assert.deepEqual(subject.made('s'), [slotTaskId('s', START + 11_000)])
  assert.equal(subject.decidedOf('s').missed, 0)
  const events = subject.events.map(({ event }) => event).filter(event => event.startsWith('schedule-'))
  assert.deepEqual(events, ['schedule-put', 'schedule-paused', 'schedule-resumed'])
})

test('another definition takes the place of the one before; other slots begin anew', () => {
  const subject = new Subject()
  subject.put(definition('s', { catchUp: 'all' }))
  subject.host.decides = false
  subject.pass(30_000)
  subject.host.decides = true
  subject.put(definition('s', { everyMs: 10_000, catchUp: 'all' }))
  subject.pass(0)
  assert.deepEqual(subject.made('s'), [], 'those that lie behind are not due under it')
  subject.pass(10_000)
  assert.deepEqual(subject.made('s'), [slotTaskId('s', START + 40_000)])
  const { version } = (subject.host.of('s') as ScheduleRecord).schedule.ordered
  subject.put(definition('s', { everyMs: 10_000, catchUp: 'all' }))
  assert.equal(
    (subject.host.of('s') as ScheduleRecord).schedule.ordered.version,
    version,
    'the same changes nothing',
  )
})

test('a schedule that is deleted makes nothing, and may come back', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.pass(1_000)
  subject.order('s', { op: 'delete' })
  subject.pass(5_000)
  assert.equal(subject.made('s').length, 1)
  for (const op of ['delete', 'pause', 'resume'] as const) {
    const done = subject.order('s', { op })
    assert.equal('code' in done && done.code, 'SCHEDULE_UNKNOWN')
  }
  subject.put(definition('s'))
  subject.pass(1_000)
  assert.equal(subject.made('s').length, 2)
})

test('there are no more schedules than the configuration allows', () => {
  const subject = new Subject({ schedulesMax: 2 })
  subject.put(definition('a'))
  subject.put(definition('b'))
  const refused = subject.order('c', { op: 'put', definition: definition('c') })
  assert.deepEqual('code' in refused && [refused.code, refused.retryAfterS], ['SCHEDULES_FULL', 60])
  subject.put(definition('b', { catchUp: 'none' }))
  subject.order('a', { op: 'delete' })
  subject.put(definition('c'))
})

test('the configuration of the owner makes, changes and removes; the API may only pause', () => {
  const subject = new Subject()
  subject.put(definition('mine'))
  subject.schedules.configured([definition('theirs'), definition('both', { everyMs: 5_000 })])
  subject.pass(1)
  const stateOf = (name: string) => (subject.host.of(name) as ScheduleRecord).schedule.ordered
  assert.equal(stateOf('theirs').source, 'config')
  for (const order of [
    { op: 'put', definition: definition('theirs', { catchUp: 'none' }) },
    { op: 'delete' },
  ] as const) {
    const refused = subject.order('theirs', order)
    assert.equal('code' in refused && refused.code, 'SCHEDULE_FROM_CONFIG')
  }
  subject.order('theirs', { op: 'pause' })
  subject.pass(5_000)
  assert.ok(stateOf('theirs').paused, 'the configuration does not resume it')
  subject.schedules.configured([definition('theirs')])
  subject.pass(2_000)
  assert.ok(stateOf('both').deleted && !stateOf('mine').deleted)
  subject.schedules.configured([definition('theirs', { catchUp: 'none' })])
  subject.pass(2_000)
  assert.deepEqual([stateOf('theirs').definition.catchUp, stateOf('theirs').paused], ['none', false])
})

test('who paused a schedule of the configuration finds it paused whatever the defaults of the next life are', () => {
  const subject = new Subject()
  const ordered = () => (subject.host.of('s') as ScheduleRecord).schedule.ordered
  subject.schedules.configured([definition('s')])
  subject.pass(1)
  subject.order('s', { op: 'pause' })
  const task = { type: 'echo', maxAttempts: 9, timeoutMs: 7_000, backoffMs: 10, backoffMsMax: 20 }
  subject.schedules.configured([definition('s', { task })])
  subject.pass(5_000)
  assert.deepEqual([ordered().paused, ordered().definition.task.maxAttempts], [true, 9])
  assert.deepEqual(subject.made('s'), [])
  subject.schedules.configured([definition('s', { task, paused: true })])
  subject.pass(2_000)
  subject.order('s', { op: 'resume' })
  subject.schedules.configured([definition('s', { task: { ...task, maxAttempts: 3 }, paused: true })])
  subject.pass(2_000)
  assert.deepEqual([ordered().paused, ordered().definition.task.maxAttempts], [false, 3])
  assert.equal(subject.made('s').length, 2, 'and nothing is lost by that')
  subject.schedules.configured([definition('s', { task, paused: true, overlap: 'skip' })])
  subject.pass(2_000)
  assert.ok(ordered().paused, 'another definition says it for itself')
})

test('before the configuration is known nothing that came from one is removed', () => {
  const subject = new Subject()
  subject.schedules.configured([definition('theirs')])
  subject.pass(1)
  const reborn = new Subject()
  for (const record of subject.host.all) reborn.host.records.set('theirs', record)
  reborn.pass(5_000)
  assert.ok(!reborn.host.of('theirs')?.schedule.ordered.deleted)
})

test('a schedule of which its owner finds no further slot says so, and why', () => {
  const subject = new Subject()
  const one = definition('s')
  const odd = { cron: '0 9 * * *', timeZone: 'Mars/Olympus' }
  subject.put({ ...one, timing: odd })
  subject.put({ ...one, name: 't', timing: { cron: '0 0 30 2 *', timeZone: 'UTC' } })
  for (let i = 0; i < 3; i++) subject.pass(1_000)
  const waits = (name: string) =>
    String(subject.schedules.waits(subject.host.of(name) as ScheduleRecord, subject.now))
  assert.match(waits('s'), /cannot read.*time zone/)
  assert.match(waits('t'), /no further slot/)
  const said = subject.events.filter(({ event }) => event === 'schedule-without-slots')
  assert.deepEqual(
    said.map(({ fields }) => fields['schedule']),
    ['s', 't'],
  )
})

test('an order says up to where slots were decided before it', () => {
  const subject = new Subject()
  subject.put(definition('s'))
  subject.pass(2_000)
  subject.host.decides = false
  subject.pass(9_000)
  subject.order('s', { op: 'pause' })
  const { fields } = subject.events.find(({ event }) => event === 'schedule-paused') ?? {}
  assert.equal(fields?.['decidedTo'], isoOf(START + 2_000), 'what was due since is not made up for')
})

test('many schedules with long gaps are worked through in pieces, and none is forgotten', () => {
  const subject = new Subject()
  const names = Array.from({ length: 200 }, (_, i) => `s${i}`)
  for (const name of names) subject.put(definition(name, { everyMs: 1_000, catchUp: 'last' }))
  subject.host.decides = false
  subject.pass(100_000)
  subject.host.decides = true
  subject.pass(0)
  for (const name of names) {
    const { to, made, missed } = subject.decidedOf(name)
    assert.deepEqual([to, made + missed], [START + 100_000, 100], name)
  }
})

interface Move {
  readonly ms: number
  readonly wallMs: number
  readonly act: 'nothing' | 'lose' | 'gain' | 'pause' | 'resume' | 'finish' | 'apart' | 'together'
}

test('whatever happens to clocks and to the right to decide, each slot is made once, missed by name, or was never due', () => {
  const ms = fc.integer({ min: 0, max: 20_000 })
  const wallMs = fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.integer({ min: -60_000, max: 60_000 }) },
  )
  const act = fc.constantFrom<Move['act']>(
    'nothing',
    'nothing',
    'lose',
    'gain',
    'gain',
    'pause',
    'resume',
    'resume',
    'finish',
    'apart',
    'together',
    'together',
  )
  const move: fc.Arbitrary<Move> = fc
    .record({ ms, wallMs, act })
    .map(m => ({ ...m, wallMs: m.wallMs ?? m.ms }))
  const kind = fc.record({
    timing: fc.constantFrom(
      { cron: '* * * * * *' },
      { cron: '*/7 * * * * *', timeZone: 'Europe/Berlin' },
      { everyMs: 1_500 },
      { cron: '* * * * *' },
    ),
    catchUp: fc.constantFrom('none', 'last', 'all'),
    overlap: fc.constantFrom('allow', 'skip'),
  })
  fc.assert(
    fc.property(kind, fc.array(move, { minLength: 1, maxLength: 25 }), ({ timing, ...policy }, moves) => {
      const subject = new Subject({ catchUpMax: 7 })
      subject.put(definition('s', { ...timing, ...policy }))
      const never = new Set<number>()
      for (const { ms: passing, wallMs: onWall, act: what } of moves) {
        if (what === 'lose') subject.host.decides = false
        if (what === 'gain') subject.host.decides = true
        if (what === 'apart') subject.schedules.clockIs(9_000)
        if (what === 'together') subject.schedules.clockIs(0)
        if (what === 'finish') subject.host.unfinished.clear()
        const before = subject.decidedOf('s').to
        if (what === 'pause' || what === 'resume') subject.order('s', { op: what })
        const skipped = subject.decidedOf('s').to
        for (const slot of slotsBetween(timing, before, skipped)) never.add(slot)
        subject.pass(passing, onWall)
      }
      subject.host.decides = true
      subject.schedules.clockIs(0)
      subject.pass(0)
      const { to, made, missed, lately } = subject.decidedOf('s')
      const due = slotsBetween(timing, START, to).filter(slot => !never.has(slot))
      const lost = due.filter(slot => !subject.host.tasks.has(slotTaskId('s', slot)))
      assert.equal(made, subject.made('s').length)
      assert.equal(made + missed, due.length)
      if (lately.length < 64) {
        for (const slot of lost)
          assert.ok(
            lately.some(({ from, to: end }) => from <= slot && slot <= end),
            `slot ${slot} is listed`,
          )
        assert.equal(
          lately.reduce((sum, { count }) => sum + count, 0),
          lost.length,
        )
      }
    }),
    { numRuns: 150 },
  )
})

function slotsBetween(
  timing: { readonly cron?: string; readonly timeZone?: string; readonly everyMs?: number },
  after: number,
  to: number,
): number[] {
  const slots: number[] = []
  const { cron, everyMs = 0 } = timing
  for (let at = after; ; ) {
    const next =
      cron === undefined
        ? (Math.floor(at / everyMs) + 1) * everyMs
        : nextSlot(cron, timing.timeZone ?? 'UTC', at)
    if (typeof next !== 'number' || next > to) return slots
    slots.push(next)
    at = next
  }
}
