/** Can the judge of who acted beside whom fail? It is given signs that are right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sign } from '../e2e/act-ledger.ts'
import { type Acted, judgeActing, playedClear } from './acting.ts'
import { type Claim, holdsOf, Report } from './report.ts'

const SINCE = 1_000
const TWO = 'acted for by two at one moment'

const sign = (
  node: string,
  key: string,
  event: Sign['event'],
  at: number,
  actor = Number(node[1]),
): Sign => ({
  ...{ node, key, event, at, actor, pid: 1, accepted: true },
  token: String(at),
})

/** n1 acts for a, n4 for b. */
const ACTED = [sign('n1', 'a', 'start', 500), sign('n4', 'b', 'start', 500)]
/** n1 takes over from n4, as it may. */
const RIGHT = [...ACTED, sign('n4', 'b', 'stop', 2_000), sign('n1', 'b', 'start', 2_100, 11)]
/** n4 goes on for 50 ms beside it. */
const BOTH = [
  ...ACTED,
  sign('n1', 'b', 'start', 2_100, 11),
  sign('n4', 'b', 'stop', 2_150),
  sign('n1', 'b', 'act', 2_700, 11),
]
const PAUSES = [{ at: 2_160, ms: 200 }]

const failing = (claims: readonly Claim[]): readonly string[] =>
  claims.filter(claim => holdsOf(claim) === false).map(({ name }) => name)

const acted = (signs: readonly Sign[], pauses: Acted['pauses'] = []) =>
  judgeActing({ signs, pauses, since: SINCE })

test('one key acted for on both sides, a stale token that was accepted, and no sign at all', () => {
  assert.deepEqual(failing(acted(RIGHT).claims), [])
  assert.deepEqual(failing(acted(BOTH).claims), [TWO])
  const stale = [...RIGHT, { ...sign('n1', 'b', 'act', 3_000, 11), token: '3' }]
  assert.deepEqual(failing(acted(stale).claims), ['writes with a stale token that the register accepted'])
  assert.deepEqual(failing(acted(ACTED).claims), ['signs of those who acted, as the collector heard them'])
})

test('two who acted while the machine stood still do not hold; they are a reason to play again, and so much only', () => {
  assert.deepEqual(failing(acted(BOTH, PAUSES).claims), [TWO])
  assert.equal(acted(BOTH, PAUSES).isDisturbed, true)
  assert.equal(acted(BOTH, [{ at: 9_000, ms: 200 }]).isDisturbed, false)
  const longer = BOTH.map(each => (each.at === 2_150 ? { ...each, at: 2_600 } : each))
  assert.equal(acted(longer, PAUSES).isDisturbed, false)
  const elsewhere = [sign('n2', 'a', 'start', 7_000), sign('n1', 'a', 'stop', 7_010)]
  assert.equal(
    acted([...BOTH, ...elsewhere], PAUSES).isDisturbed,
    false,
    'another one that no pause explains',
  )
  assert.equal(acted(RIGHT, PAUSES).isDisturbed, false)
})

/** Each play of a scenario leaves the next of these. */
async function played(...plays: readonly Acted[]) {
  const report = new Report(() => undefined)
  const left = [...plays]
  const { found } = await playedClear(async () => {
    const next = left.shift()
    assert.ok(next, 'played more often than it may be')
    return next
  }, report)
  return { failed: report.failed.map(({ name }) => name), found: found.length, left: left.length }
}

const disturbed: Acted = { signs: BOTH, pauses: PAUSES, since: SINCE }
const clear: Acted = { signs: RIGHT, pauses: PAUSES, since: SINCE }

test('a scenario is played until no pause has a part in it, and that play is held to none who acted beside another', async () => {
  assert.deepEqual(await played(clear, clear), { failed: [], found: 0, left: 1 })
  assert.deepEqual(await played(disturbed, clear), { failed: [], found: 0, left: 0 })
  const bare: Acted = { signs: BOTH, pauses: [], since: SINCE }
  assert.deepEqual(await played(bare, clear), { failed: [TWO], found: 1, left: 1 })
  assert.deepEqual(await played(disturbed, bare), { failed: [TWO], found: 1, left: 0 })
  assert.deepEqual(await played(disturbed, disturbed, disturbed), { failed: [TWO], found: 1, left: 0 })
})

test('what was accepted in a scenario that is played again counts all the same', async () => {
  const signs = [...BOTH, { ...sign('n1', 'b', 'act', 3_000, 11), token: '3' }]
  const { failed } = await played({ ...disturbed, signs }, clear)
  assert.deepEqual(failed, ['writes with a stale token that the register accepted'])
})

test('a frozen one that says nothing does nothing; what a woken tree writes is held to the time of its end', () => {
  const woken = (at: number) => [
    ...ACTED,
    sign('n1', 'b', 'start', 4_000, 11),
    sign('n1', 'b', 'act', 9_000, 11),
    { ...sign('n4', 'b', 'act', at, 4), accepted: false },
    sign('n1', 'b', 'act', at + 10, 11),
  ]
  const frozen = (how: Acted['frozen'], signs: readonly Sign[], pauses: Acted['pauses'] = []) =>
    judgeActing({ signs, pauses, since: SINCE, frozen: how })
  assert.deepEqual(failing(frozen(undefined, woken(9_100)).claims), [TWO])
  assert.deepEqual(failing(frozen('daemon', woken(9_100)).claims), [TWO])
  assert.deepEqual(failing(frozen('tree', woken(9_100)).claims), [])
  const long = [
    ...woken(9_100),
    ...[9_300, 9_500].flatMap(at => [
      { ...sign('n4', 'b', 'act', at, 4), accepted: false },
      sign('n1', 'b', 'act', at, 11),
    ]),
  ]
  const longest = 'the longest that a woken one wrote beside the new owner'
  assert.deepEqual(failing(frozen('tree', long).claims), [longest])
  const pauses = [{ at: 9_500, ms: 500 }]
  assert.deepEqual(failing(frozen('tree', long, pauses).claims), [longest])
  assert.equal(frozen('tree', long, pauses).isDisturbed, true)
})
