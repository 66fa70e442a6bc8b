/** Can the judges of a freeze fail? Each is given signs that are right, and then the same with one thing wrong in them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sign } from '../e2e/act-ledger.ts'
import { commandsOf, daemonClaims, daemonSeen, type TreeSeen, treeClaims, treeSeen } from './freeze-judges.ts'
import { type Claim, holdsOf } from './report.ts'

/** n4 is stopped at 1,000 and woken at 11,000. */
const FREEZE = { node: 'n4', stopped: 1_000, woken: 11_000 }

const sign = (
  ...[node, key, event, at, actor, more = {}]: [string, string, Sign['event'], number, number, Partial<Sign>?]
): Sign => ({ node, key, event, at, actor, token: String(at), pid: actor, accepted: true, ...more })

const failing = (claims: readonly Claim[]): readonly string[] =>
  claims.filter(claim => holdsOf(claim) === false).map(({ name }) => name)

/** n4 ran b; its command ends in time, n1 takes b, and n4 gets a key again after it woke. */
const THAWED = [
  sign('n4', 'b', 'start', 500, 4),
  sign('n4', 'b', 'gone', 2_500, 4),
  sign('n1', 'b', 'start', 4_000, 11),
  sign('n1', 'b', 'stop', 12_000, 11),
  sign('n4', 'b', 'start', 13_000, 41),
]
const thawed = (signs: readonly Sign[], commands = 1) =>
  failing(daemonClaims([daemonSeen(signs, FREEZE, commands)], [], 1))

const [COMMANDS, LAST, STARTS, EARLY] = [
  'SIGSTOP for 10 s of the daemon alone: commands it ran',
  'the last sign of anybody who acted there',
  'starts there after SIGCONT',
  'starts after SIGCONT without a newer token than any before',
]

test('a frozen daemon: what it ran ends with its lease, and it starts anew with new leave', () => {
  assert.deepEqual(thawed(THAWED), [])
  const stopped = commandsOf(THAWED.slice(0, 1), 'n4', ['b'])
  assert.deepEqual(
    stopped.map(({ actor }) => actor),
    [4],
  )
  assert.deepEqual(commandsOf(THAWED.slice(0, 2), 'n4', ['b']), [], 'it has ended')
  assert.deepEqual(commandsOf(THAWED.slice(0, 1), 'n4', ['c']), [], 'of an application')
})

test('a frozen daemon: one who acts past the lease, or of whom nobody knows that it acted', () => {
  const late = THAWED.map(each => (each.at === 2_500 ? { ...each, at: 3_001 } : each))
  assert.deepEqual(thawed([sign('n4', 'b', 'act', 3_001, 4), ...THAWED]), [LAST])
  assert.deepEqual(thawed(late), [LAST])
  assert.deepEqual(thawed(THAWED.slice(2)), [LAST])
  assert.deepEqual(thawed(THAWED, 0), [COMMANDS])
})

test('a frozen daemon: a start with the leave of before, with that of another, and no start at all', () => {
  const begun = (token: string) => THAWED.map(each => (each.actor === 41 ? { ...each, token } : each))
  assert.deepEqual(thawed(begun('500')), [EARLY])
  assert.deepEqual(thawed(begun('4000')), [EARLY])
  assert.deepEqual(thawed(begun('4001')), [])
  assert.deepEqual(thawed(THAWED.slice(0, 4)), [STARTS])
  const elsewhere = THAWED.map(each => (each.actor === 41 ? { ...each, node: 'n2' } : each))
  assert.deepEqual(thawed(elsewhere), [STARTS])
})

test('a frozen daemon: a trial that was left out, and one that was played again and did wrong', () => {
  const right = daemonSeen(THAWED, FREEZE, 1)
  assert.deepEqual(failing(daemonClaims([right], [], 2)), [COMMANDS, LAST, STARTS, EARLY])
  assert.deepEqual(failing(daemonClaims([right], [{ ...right, early: 1 }], 1)), [EARLY])
  assert.deepEqual(failing(daemonClaims([], [], 1)).length, 4)
})

const OFFERED = { offered: 1, denied: 1 }
const COMMAND = sign('n4', 'b', 'start', 500, 4)
/** n1 takes b, and what n4 ran writes once more as it wakes. */
const WOKEN = [
  COMMAND,
  sign('n1', 'b', 'start', 4_000, 11),
  sign('n4', 'b', 'act', 11_010, 4, { token: '500', accepted: false }),
  sign('n4', 'b', 'gone', 11_050, 4, { accepted: false }),
]
const woken = (signs: readonly Sign[], dead: number | null = 50, more: Partial<TreeSeen> = {}) =>
  failing(treeClaims([{ ...treeSeen(signs, FREEZE, [COMMAND], dead), ...OFFERED, ...more }], [], 1))

const [RAN, TAKEN, DEAD, REFUSED, NOT] = [
  'SIGSTOP for 10 s of the whole tree: commands it ran',
  'keys of its commands that others took',
  'its commands are dead after SIGCONT',
  'stale writes made on purpose in their names that it refused',
  'and that it did not',
]

test('a woken tree: dead in time, its keys taken, and what it wrote was refused', () => {
  assert.deepEqual(woken(WOKEN), [])
})

test('a woken tree: dead too late, or never', () => {
  assert.deepEqual(woken(WOKEN, 101), [DEAD])
  assert.deepEqual(woken(WOKEN, null), [DEAD])
})

test('a woken tree: nobody took its keys, but itself, for another key, too late, or in vain', () => {
  const by = (more: Partial<Sign>) =>
    woken(WOKEN.map(each => (each.actor === 11 ? { ...each, ...more } : each)))
  assert.deepEqual(by({ node: 'n4' }), [TAKEN])
  assert.deepEqual(by({ key: 'c' }), [TAKEN])
  assert.deepEqual(by({ at: 11_001 }), [TAKEN])
  assert.deepEqual(by({ accepted: false }), [TAKEN])
  assert.deepEqual(by({ event: 'gone' }), [TAKEN])
})

test('a woken tree: nothing stale that was offered, and something stale that was taken', () => {
  assert.deepEqual(woken(WOKEN, 50, { offered: 0, denied: 0 }), [REFUSED])
  assert.deepEqual(woken(WOKEN, 50, { offered: 2 }), [NOT])
  assert.deepEqual(woken(WOKEN, 50, { denied: 0 }), [REFUSED, NOT])
})

test('a woken tree: what it wrote and was refused is counted, of its own commands and after it woke', () => {
  const refused = (signs: readonly Sign[]) => treeSeen(signs, FREEZE, [COMMAND], 50).refused
  const last = (more: Partial<Sign>) =>
    refused(WOKEN.map(each => (each.at === 11_010 ? { ...each, ...more } : each)))
  assert.equal(refused(WOKEN), 1)
  assert.equal(refused(WOKEN.filter(({ at }) => at !== 11_010)), 0, 'its end is no write')
  assert.equal(last({ accepted: true }), 0)
  assert.equal(last({ at: 10_999 }), 0)
  assert.equal(last({ actor: 99 }), 0)
})

test('a woken tree: a trial that was left out, and one that was played again and did wrong', () => {
  const right: TreeSeen = { ...treeSeen(WOKEN, FREEZE, [COMMAND], 50), ...OFFERED }
  assert.deepEqual(failing(treeClaims([right], [{ ...right, offered: 2 }], 1)), [NOT])
  assert.deepEqual(failing(treeClaims([], [], 1)), [RAN, TAKEN, DEAD, REFUSED, NOT])
  assert.deepEqual(failing(treeClaims([right], [], 2)), [RAN, TAKEN, DEAD, REFUSED, NOT])
})
