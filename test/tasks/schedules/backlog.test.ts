import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Backlog, type BacklogRules, LOOKED_MAX, type Verdict } from '../../../src/tasks/schedules/backlog.ts'
import { CLOCK_APART_MS } from '../../../src/tasks/schedules/clocks.ts'
import { slotAfter, type Timing } from '../../../src/tasks/schedules/timing.ts'

const none = () => 'no cron here'
const START = 1_700_000_000_000

/** Nothing late is made, and no task is there, unless told. */
const rulesOf = (timing: Timing, changes: Partial<BacklogRules> = {}): BacklogRules => ({
  timing,
  nextSlot: none,
  keepMax: 0,
  onlyNewest: false,
  isMade: () => false,
  madeAfter: () => undefined,
  ...changes,
})

/** Looks in pieces, as the steps of a node do. */
function verdictOf(backlog: Backlog, wall: number, piece: number): Verdict {
  for (let i = 0; i < 1_000_000; i++) {
    const verdict = backlog.look(wall, piece)
    if (verdict !== undefined) return verdict
  }
  return assert.fail('it never ends')
}

function dueOf(timing: Timing, after: number, wall: number): number[] {
  const due: number[] = []
  for (
    let at = slotAfter(timing, after, none);
    at !== undefined && at <= wall;
    at = slotAfter(timing, at, none)
  )
    due.push(at)
  return due
}

test('every slot that is due is made or counted as missed, never both, by the rule of its policy', () => {
  const policy = fc.constantFrom(['none', 0], ['last', 1], ['all', 3], ['all', 1_000]) as fc.Arbitrary<
    readonly [string, number]
  >
  const gap = fc.integer({ min: 0, max: 1_500_000 })
  fc.assert(
    fc.property(
      policy,
      fc.integer({ min: 1_000, max: 90_000 }),
      gap,
      fc.integer({ min: 1, max: 40 }),
      ([name, keep], everyMs, gapMs, piece) => {
        const timing = { everyMs }
        const wall = START + gapMs
        const due = dueOf(timing, START, wall)
        if (due.length >= LOOKED_MAX) return
        const { make, late, to } = verdictOf(
          new Backlog(START, rulesOf(timing, { keepMax: keep, onlyNewest: name === 'last' })),
          wall,
          piece,
        )
        assert.equal(make.length + (late[0]?.count ?? 0), due.length)
        assert.deepEqual(make, due.slice(due.length - make.length), 'the newest, oldest first')
        assert.equal(to, due.at(-1) ?? START)
        const onTime = due.filter(slot => wall - slot <= CLOCK_APART_MS)
        const kept = name === 'last' && onTime.length > 0 ? 0 : Math.min(keep, due.length - onTime.length)
        assert.equal(make.length, onTime.length + kept)
        const [range] = late
        if (range === undefined) return
        const missed = due.slice(0, range.count)
        assert.deepEqual(late, [{ from: missed[0], to: missed.at(-1), count: range.count, more: false }])
      },
    ),
    { numRuns: 1_000 },
  )
})

test('a gap of a month of seconds is not walked through, and says that it counted no further', () => {
  const wall = START + 30 * 86_400_000
  let looks = 0
  const counting = (_: string, __: string, after: number) => {
    looks++
    return (Math.floor(after / 1_000) + 1) * 1_000
  }
  const timing = { cron: '* * * * * *', timeZone: 'UTC' }
  const { make, late, to } = verdictOf(
    new Backlog(START, rulesOf(timing, { keepMax: 100, nextSlot: counting })),
    wall,
    16,
  )
  assert.ok(looks < 30_000, `${looks} looks`)
  assert.equal(make.length, 100 + CLOCK_APART_MS / 1_000 + 1)
  assert.deepEqual(make.at(-1), wall)
  const [range] = late
  assert.ok(range?.more)
  assert.equal(range.from, START + 1_000)
  assert.equal(range.to, (make[0] as number) - 1_000)
  assert.equal(to, wall)
})

test('what was made already parts those that are missed before it from those after it', () => {
  const made = START + 20_000
  const backlog = new Backlog(
    START,
    rulesOf({ everyMs: 1_000 }, { keepMax: 1, onlyNewest: true, isMade: slot => slot === made }),
  )
  const { make, late } = verdictOf(backlog, START + 40_000, 16)
  assert.equal(make[0], made)
  const ranges = late.map(({ from, to, count }) => [from - START, to - START, count])
  assert.deepEqual(ranges, [
    [1_000, 19_000, 19],
    [21_000, 34_000, 14],
  ])
})

test('also across a jump every slot is run once or lies in one range of missed ones', () => {
  const ms = fc.integer({ min: 0, max: 4_000 })
  const everyMs = fc.constantFrom(1_000, 1_500)
  const keep = fc.constantFrom(0, 1, 50, 1_000, LOOKED_MAX + 500)
  const slots = fc.integer({ min: 1, max: 3 * LOOKED_MAX })
  const there = fc.array(fc.integer({ min: 1, max: 3 * LOOKED_MAX }), { maxLength: 5 })
  fc.assert(
    fc.property(keep, everyMs, slots, ms, there, fc.boolean(), (keepMax, every, count, more, made, last) => {
      const timing = { everyMs: every }
      const start = START - (START % every)
      const wall = start + count * every + more
      const isThere = new Set(made.map(n => start + n * every))
      const madeAfter = (after: number) => [...isThere].sort((a, b) => a - b).find(slot => slot > after)
      const isMade = (slot: number) => isThere.has(slot)
      const rules = rulesOf(timing, { keepMax, onlyNewest: last, isMade, madeAfter })
      const backlog = new Backlog(start, rules)
      const { make, late, to } = verdictOf(backlog, wall, 64)
      const due = dueOf(timing, start, wall)
      assert.equal(to >= (due.at(-1) ?? start), true)
      const runs = new Set(make)
      let at = 0
      for (const slot of due) {
        while (at < late.length && (late[at]?.to ?? 0) < slot) at++
        const range = late[at]
        const listed = range !== undefined && range.from <= slot
        assert.equal(runs.has(slot) !== listed, true, `${(slot - start) / every} of ${due.length}`)
        if (isThere.has(slot)) assert.ok(runs.has(slot))
      }
      for (const [i, { from, to: end }] of late.entries()) {
        assert.ok(from <= end)
        assert.ok(from > (late[i - 1]?.to ?? 0), 'ranges stand in order and apart')
      }
    }),
    { numRuns: 100 },
  )
})

test('a slot that was on time when it was looked at stands in no range of those that were late later on', () => {
  const backlog = new Backlog(START, rulesOf({ everyMs: 1_000 }))
  assert.equal(backlog.look(START + 2_000, 1), undefined)
  // The process stood still between two looks.
  const { make, late } = verdictOf(backlog, START + 60_000, 16)
  assert.equal(make[0], START + 1_000)
  assert.deepEqual(
    late.map(({ from, to, count }) => [from - START, to - START, count]),
    [[2_000, 54_000, 53]],
  )
  const before = new Backlog(START, rulesOf({ everyMs: 1_000 }))
  assert.equal(before.look(START + 60_000, 3), undefined)
  assert.equal(before.look(START + 5_000, 1), undefined)
  const parted = verdictOf(before, START + 60_000, 16)
  assert.equal(parted.make[0], START + 4_000)
  assert.deepEqual(
    parted.late.map(({ from, to, count }) => [from - START, to - START, count]),
    [
      [1_000, 3_000, 3],
      [5_000, 54_000, 50],
    ],
  )
})

test('a jump leaves at least as much behind it as was walked through before it', () => {
  const backlog = new Backlog(START, rulesOf({ everyMs: 1_000 }, { keepMax: 100 }))
  const due = LOOKED_MAX + 50
  const { make, late } = verdictOf(backlog, START + due * 1_000, 64)
  assert.equal(make.length, 106)
  assert.deepEqual(late, [
    { from: START + 1_000, to: START + (due - 106) * 1_000, count: due - 106, more: false },
  ])
})
