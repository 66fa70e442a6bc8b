/** Can the judges of a rolling restart fail? Each is given a restart that is right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ringOf } from './cluster.ts'
import { type ActingSpan, bothActed } from './owner-polls.ts'
import {
  type Ended,
  judged,
  passages,
  type RingLine,
  type Rolled,
  ringsSeen,
  rollingClaims,
  type TaskSign,
} from './rolling-judges.ts'

const NAMES = ['n1', 'n2', 'n3']
const KEYS = Array.from({ length: 30 }, (_, i) => `rolling/${i}`)
const without = (name: string) => NAMES.filter(other => other !== name)

const line = (node: string, at: number, event: string, members: readonly string[] = []): RingLine => ({
  ...{ node, at, event },
  fields: { members },
})

/** Each goes and comes back, and the others see that; at its start it knows only itself. */
const RINGS = NAMES.flatMap((victim, i) => {
  const at = 100 * (i + 1)
  const seen = without(victim).flatMap(node => [
    line(node, at, 'ring-changed', without(victim)),
    line(node, at + 50, 'ring-changed', NAMES),
  ])
  const own = [line(victim, at + 20, 'listening'), line(victim, at + 21, 'ring-changed', [victim])]
  return [...seen, ...own, line(victim, at + 51, 'ready')]
}).toSorted((a, b) => a.at - b.at)

test('rings: each key leaves once and comes back once, and nothing moves that need not', () => {
  const { ideal, movedMost, changesMost } = ringsSeen(NAMES, RINGS, KEYS, 0)
  assert.equal(ideal, 2 * KEYS.length)
  assert.ok(movedMost <= ideal && movedMost > 0)
  assert.equal(changesMost, 4)
})

test('rings: a restart by which keys moved once more is more than the ideal, and what was before is none of it', () => {
  const flaps = [1, 2, 3].flatMap(i => [
    line('n1', 400 + i, 'ring-changed', ['n1']),
    line('n1', 400.5 + i, 'ring-changed', NAMES),
  ])
  const seen = ringsSeen(NAMES, [...RINGS, ...flaps], KEYS, 0)
  assert.ok(seen.movedMost > seen.ideal, `${seen.movedMost} of ${seen.ideal}`)
  assert.equal(seen.changesMost, 10)
  assert.equal(ringsSeen(NAMES, [...flaps, ...RINGS], KEYS, 1_000).movedMost, 0)
})

const KEY = KEYS[0] ?? ''
const HOME = ringOf(NAMES).owner(KEY) ?? ''
const HEIR = without(HOME)[0] ?? ''

const span = (node: string, from: number, to: number, round = 1): ActingSpan => ({
  ...{ node, key: KEY, token: '1', round, from, to },
})
const SPANS = [span(HOME, 0, 100), span(HEIR, 300, 500), span(HOME, 900, 1_000)]

test('passages: a key leaves and comes back, each with its gap; a lapse of one node is no move', () => {
  const ways = passages(NAMES, SPANS.toReversed()).moves.map(({ way, gapMs }) => [way, gapMs])
  assert.deepEqual(ways, [
    ['leave', 200],
    ['return', 400],
  ])
  const lapse = passages(NAMES, [span(HOME, 0, 100), span(HOME, 150, 200)])
  assert.deepEqual(lapse, { moves: [], lapsesMs: [50] })
  const unasked = passages(NAMES, [span(HOME, 0, 100), span(HOME, 150, 200, 2)])
  assert.deepEqual(unasked, { moves: [], lapsesMs: [] }, 'nobody asked between two rounds')
})

test('two that said yes at one moment are found, one after the other and one with itself are not', () => {
  assert.deepEqual(bothActed(SPANS), [])
  assert.equal(bothActed([...SPANS, span(HEIR, 950, 960)]).length, 1)
  assert.equal(bothActed([...SPANS, span(HOME, 950, 960)]).length, 0)
  assert.equal(bothActed([...SPANS, { ...span(HEIR, 950, 960), key: 'other' }]).length, 0)
})

const sign = (task: string, actor: number, at: number, more: Partial<TaskSign> = {}): TaskSign => ({
  ...{ task, actor, at, event: 'start', key: task, token: String(at), node: 'n1', pid: 1, accepted: true },
  ...more,
})
const ended = (id: string, ...outcomes: readonly string[]): Ended => ({
  ...{ id, state: 'succeeded' },
  attempts: outcomes.map(outcome => ({ outcome })),
})
/** b was lost once by the node that ran it, and its record says so. */
const LEDGER = [sign('a', 1, 10), sign('b', 2, 20), sign('b', 3, 900)]
const SETTLED = [ended('a', 'succeeded'), ended('b', 'lost', 'succeeded')]

test('tasks: one that was run again for a reason', () => {
  assert.deepEqual(judged(LEDGER, SETTLED), {
    overlapsMs: [],
    stale: 0,
    tasks: { accepted: 2, lost: 0, repeated: 1, unexplained: 0 },
  })
})

test('tasks: one that did not succeed, that nobody ran, that was run again for no reason, by two, with a stale token', () => {
  const dead = { ...ended('a', 'failed'), state: 'dead' }
  assert.equal(judged(LEDGER, [dead, ...SETTLED.slice(1)]).tasks.lost, 1)
  assert.equal(judged(LEDGER.slice(1), SETTLED).tasks.lost, 1)
  assert.equal(judged([], SETTLED).tasks.lost, 2)
  assert.equal(judged([...LEDGER, sign('a', 4, 700)], SETTLED).tasks.unexplained, 1)
  const beside = [sign('b', 3, 20), sign('b', 3, 40, { event: 'stop' })]
  assert.deepEqual(judged([...LEDGER.slice(0, 2), ...beside], SETTLED).overlapsMs, [0])
  assert.equal(judged([...LEDGER, sign('b', 5, 2_000, { token: '3' })], SETTLED).stale, 1)
})

const moved = (gapMs: number) =>
  KEYS.flatMap(key => [
    { key, from: 'n1', to: 'n2', way: 'leave', gapMs } as const,
    { key, from: 'n2', to: 'n1', way: 'return', gapMs } as const,
  ])
const RIGHT: Rolled = {
  tookMs: 60_000,
  rings: { ideal: 60, movedMost: 60, changesMost: 4 },
  moves: moved(900),
  ...{ lapsesMs: [], errorsMs: [30], bothActingMs: [], overlapsMs: [], stale: 0, falseDeaths: 0 },
  tasks: { accepted: 100, lost: 0, repeated: 2, unexplained: 0 },
  acceptMs: [5],
  refusals: {},
}
const failing = (more: Partial<Rolled> = {}, delayMs = 0) =>
  rollingClaims(delayMs, KEYS.length, { ...RIGHT, ...more })
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim.replace(/^join delay \d+ ms: /, '').trim())

test('a rolling restart that keeps to its limits, and each of them by itself', () => {
  assert.deepEqual(failing(), [])
  const more = { ...RIGHT.rings, movedMost: 61 }
  assert.deepEqual(failing({ rings: more }), ['moved, the most that any node saw'])
  assert.deepEqual(failing({ rings: more }, 5_000), [], 'told only, where a join is delayed')
  assert.deepEqual(failing({ moves: [...moved(900).slice(1), ...moved(15_001).slice(0, 1)] }), ['worst'])
  assert.deepEqual(failing({ bothActingMs: [3] }), ['keys that two might act for at one moment'])
  assert.deepEqual(failing({ overlapsMs: [3] }), ['keys that two did act for at one moment'])
  assert.deepEqual(failing({ stale: 1 }), ['writes with a stale token that were accepted'])
  assert.deepEqual(failing({ falseDeaths: 1 }), ['nobody was taken for dead'])
  const tasks = (one: Partial<Rolled['tasks']>) => failing({ tasks: { ...RIGHT.tasks, ...one } })
  assert.deepEqual(tasks({ lost: 1 }), ['tasks lost'])
  assert.deepEqual(tasks({ accepted: 0 }), ['tasks lost'])
  assert.deepEqual(tasks({ unexplained: 1 }), ['and their record does not say why'])
})

test('a restart of which nobody saw a key move, come back, or more than a few of them', () => {
  const seen = 'most keys were seen to leave their node and to come back, by those who act'
  assert.deepEqual(failing({ moves: [] }), [seen, 'worst'])
  assert.deepEqual(failing({ moves: moved(900).filter(({ way }) => way === 'leave') }), [seen])
  assert.deepEqual(failing({ moves: moved(900).slice(0, 30) }), [seen])
})
