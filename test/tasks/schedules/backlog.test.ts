import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Backlog, LOOKED_MAX, type Verdict } from '../../../src/tasks/schedules/backlog.ts'
import { CLOCK_APART_MS } from '../../../src/tasks/schedules/clocks.ts'
import { slotAfter, type Timing } from '../../../src/tasks/schedules/timing.ts'

const none = () => 'no cron here'
const START = 1_700_000_000_000

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
          new Backlog(timing, START, keep, name === 'last', none),
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
  const { make, late, to } = verdictOf(new Backlog(timing, START, 100, false, counting), wall, 16)
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
  const backlog = new Backlog({ everyMs: 1_000 }, START, 1, true, none, slot => slot === made)
  const { make, late } = verdictOf(backlog, START + 40_000, 16)
  assert.equal(make[0], made)
  const ranges = late.map(({ from, to, count }) => [from - START, to - START, count])
  assert.deepEqual(ranges, [
    [1_000, 19_000, 19],
    [21_000, 34_000, 14],
  ])
})
