import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId } from '../../../src/base/ids.ts'
import { wallOf } from '../../../src/base/time.ts'
import { mergeRecords } from '../../../src/tasks/merge.ts'
import { isFailure, obey, type ScheduleOrder } from '../../../src/tasks/schedules/orders.ts'
import {
  isOfSlot,
  isSchedule,
  isSlotDecided,
  recordOf,
  type ScheduleRecord,
  type ScheduleState,
  slotOf,
  slotTaskId,
} from '../../../src/tasks/schedules/state.ts'
import { freshRecord } from '../../../src/tasks/transition.ts'
import { definition } from './samples.ts'

const definitions = [
  definition('a'),
  definition('a', { everyMs: 5_000 }),
  definition('a', { catchUp: 'none' }),
]
const ordered = fc.record({
  version: fc.integer({ min: 1, max: 3 }),
  definition: fc.constantFrom(...definitions),
  source: fc.constantFrom('api' as const, 'config' as const),
  paused: fc.boolean(),
  deleted: fc.boolean(),
  at: fc.integer({ min: 0, max: 3 }).map(wallOf),
})
const missed = fc.record({
  from: fc.nat({ max: 9 }),
  to: fc.nat({ max: 9 }),
  count: fc.nat({ max: 3 }),
  reason: fc.constantFrom('late' as const, 'overlap' as const),
  at: fc.constant(wallOf(5)),
})
const decided = fc.record(
  {
    to: fc.integer({ min: 0, max: 3 }),
    anew: fc.constantFrom(1, 2),
    made: fc.nat({ max: 2 }),
    missed: fc.nat({ max: 2 }),
    lately: fc.array(missed, { maxLength: 2 }),
  },
  { requiredKeys: ['to', 'made', 'missed', 'lately'] },
)
const record: fc.Arbitrary<ScheduleRecord> = fc
  .tuple(
    fc.record({ ordered, decided }),
    fc.subarray(['n1', 'n2', 'n3'].map(asNodeId)),
    fc.nat({ max: 3 }),
    fc.constantFrom({}, { copies: 1 }, { copies: 2 }),
  )
  .map(([state, holders, revision, counted]) =>
    structuredClone({ ...recordOf(state, holders, revision), ...counted }),
  )

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const merge = (a: ScheduleRecord, b: ScheduleRecord): ScheduleRecord => {
  const merged = mergeRecords(a, b)
  assert.ok(isSchedule(merged))
  return merged
}

test('copies of a schedule come to the same in whatever order and however often they meet', () => {
  fc.assert(
    fc.property(record, record, record, (a, b, c) => {
      assert.deepEqual(plain(merge(a, b)), plain(merge(b, a)))
      assert.deepEqual(plain(merge(merge(a, b), c)), plain(merge(a, merge(b, c))))
      assert.equal(merge(a, structuredClone(a)), a, 'what adds nothing changes nothing')
      assert.deepEqual(plain(merge(merge(a, b), b)), plain(merge(a, b)))
    }),
    { numRuns: 1_000 },
  )
})

/** Begun by who knew nothing of it, and no slot has come since. */
const isBlank = ({ schedule: { ordered, decided } }: ScheduleRecord): boolean =>
  ordered.version === 1 && decided.anew === undefined && decided.made + decided.missed === 0
const anewOf = ({ schedule }: ScheduleRecord): number => schedule.decided.anew ?? 0

test('the newest order counts, and how far slots are decided only rises, unless it began anew', () => {
  fc.assert(
    fc.property(record, record, (a, b) => {
      const { schedule, revision, state } = merge(a, b)
      if (anewOf(a) !== anewOf(b)) {
        const { decided: newer } = (anewOf(a) > anewOf(b) ? a : b).schedule
        assert.deepEqual(plain(schedule.decided), plain(newer))
        return
      }
      if (isBlank(a) !== isBlank(b)) {
        assert.deepEqual(plain(schedule.decided), plain((isBlank(a) ? b : a).schedule.decided))
        return
      }
      assert.equal(schedule.ordered.version, Math.max(a.schedule.ordered.version, b.schedule.ordered.version))
      assert.equal(schedule.decided.to, Math.max(a.schedule.decided.to, b.schedule.decided.to))
      assert.equal(revision, Math.max(a.revision, b.revision))
      assert.equal(state, schedule.ordered.deleted ? 'cancelled' : 'scheduled')
    }),
  )
})

test('the id of a task tells whether its slot is decided', () => {
  const { task } = definition('a')
  const instant = fc.integer({ min: 0, max: 4_000_000_000_000 })
  const pair = fc.tuple(instant, fc.oneof(instant, fc.constantFrom(-1_000, -500, -1, 0, 1, 500, 1_000)))
  fc.assert(
    fc.property(pair, fc.constantFrom('a', 'a.b-c'), ([slot, other], name) => {
      const to = Math.max(0, Math.abs(other) <= 1_000 ? slot + other : other)
      const made = { id: slotTaskId(name, slot), key: name, ...task }
      const record = freshRecord(made, `schedule:${name}`, wallOf(0), [], 1)
      const schedule = { ordered: undefined as never, decided: { to, made: 0, missed: 0, lately: [] } }
      assert.equal(isSlotDecided(record, schedule), slot <= to)
      assert.equal(slotOf(record), slot)
      assert.ok(isOfSlot(record) && !isOfSlot({ ...record, source: 'api' }))
    }),
    { numRuns: 2_000 },
  )
})

const ordersOf = (...orders: readonly (readonly [ScheduleOrder, number])[]): ScheduleState => {
  let state: ScheduleState | undefined
  for (const [order, at] of orders) {
    const next = obey(state, 'a', order, 'api', wallOf(at))
    assert.ok(!isFailure(next))
    state = next
  }
  assert.ok(state)
  return state
}

test('what is put anew where its end is known no more is newer than that end, which somebody still has', () => {
  const put = { op: 'put', definition: definition('a') } as const
  const ended = ordersOf([put, 1_000], [{ op: 'pause' }, 2_000], [{ op: 'delete' }, 3_000])
  const anew = ordersOf([put, 60_000])
  const [old, young] = [ended, anew].map(state => recordOf(state, [asNodeId('n1')], 60_001))
  assert.ok(old && young)
  for (const met of [merge(old, young), merge(young, old)])
    assert.deepEqual([met.state, met.schedule.ordered.deleted], ['scheduled', false])
})
