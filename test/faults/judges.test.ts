/** Can the judges fail? Each is given a history that is right, and then the same with one thing wrong in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sign } from '../e2e/act-ledger.ts'
import type { History, Word } from './history.ts'
import { packetsDelayed } from './hosts.ts'
import {
  AFTER_MS,
  blackholeClaims,
  blackholeSeen,
  busyClaims,
  halvesClaims,
  halvesSeen,
  linkClaims,
  linkSeen,
  onewayClaims,
  onewaySeen,
  partitionClaims,
  partitionSeen,
  pauseClaims,
  pauseSeen,
  type Waits,
  weatherClaims,
  weatherSeen,
} from './judges.ts'
import { type Claim, count, holdsOf, Report } from './report.ts'

const NAMES = ['n1', 'n2', 'n3', 'n4']
const [LOW, HIGH] = [NAMES.slice(0, 2), NAMES.slice(2)]

/** The fault comes at 1,000, is mended at 10,000, and all is over at 20,000. */
const [SINCE, MENDED, UNTIL] = [1_000, 10_000, 20_000]

const say = (by: string, type: string, at: number, node = by): Word => ({ by, type, node, at })

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

/** All know each other from the start on. */
const BEGUN = NAMES.flatMap(by => NAMES.map(node => say(by, 'alive', 0, node)))

/** n1 acts for a, n4 for b. */
const ACTED = [sign('n1', 'a', 'start', 500), sign('n4', 'b', 'start', 500)]

function history(
  words: readonly Word[],
  signs: readonly Sign[] = ACTED,
  more: Partial<History> = {},
): History {
  const times = { since: SINCE, mended: MENDED, until: UNTIL }
  return { members: NAMES, ...times, words: [...BEGUN, ...words], signs, keys: ['a', 'b'], ...more }
}

const failing = (claims: readonly Claim[]): readonly string[] =>
  claims.filter(claim => holdsOf(claim) === false).map(({ name }) => name)

/** n4 goes and comes back; n1 acts for its key meanwhile. */
const GONE = [
  ...['n1', 'n2', 'n3'].flatMap(by => [say(by, 'failed', 3_400, 'n4'), say(by, 'alive', 11_000, 'n4')]),
  say('n4', 'fenced', 2_800),
]
const TAKEN = [
  ...ACTED,
  sign('n4', 'b', 'stop', 2_700),
  sign('n1', 'b', 'start', 4_000, 11),
  sign('n1', 'b', 'stop', 12_000, 11),
  sign('n4', 'b', 'start', 12_500, 41),
]
const blackholed = (words: readonly Word[], signs = TAKEN, more: Partial<History> = {}) =>
  failing(blackholeClaims([blackholeSeen(history(words, signs, more), 'n4')], 1))

test('a blackhole: known to the others, to itself, silent and healed', () => {
  assert.deepEqual(blackholed(GONE), [])
})

test('a blackhole: a late verdict, a late fence, one that never knew itself, and one that went on to act', () => {
  const [others, itself, silent] = [
    'blackhole of one host: every other knows',
    'the isolated host knows itself (lease lost)',
    'the last sign of anybody who acted there',
  ]
  const late = (by: string, type: string, at: number) =>
    GONE.map(word => (word.by === by && word.type === type ? { ...word, at } : word))
  assert.deepEqual(blackholed(late('n2', 'failed', 4_100)), [others])
  assert.deepEqual(blackholed(late('n4', 'fenced', 3_100)), [itself])
  assert.deepEqual(blackholed(GONE.filter(({ type }) => type !== 'fenced')), [itself])
  // It said so only when the network was whole again.
  assert.deepEqual(blackholed(late('n4', 'fenced', 10_500)), [itself])
  assert.deepEqual(blackholed(GONE.filter(({ by, type }) => by !== 'n3' || type !== 'failed')), [others])
  const acted = TAKEN.map(each => (each.at === 2_700 ? { ...each, at: 3_050 } : each))
  assert.deepEqual(blackholed(GONE, acted), [silent])
})

test('who did not act as the fault began is no sign that anybody stops', () => {
  const idle = TAKEN.filter(({ node }) => node !== 'n4')
  assert.ok(blackholed(GONE, idle).includes('the last sign of anybody who acted there'))
})

test('a heal that never comes, that comes late, and one that does not last', () => {
  const agree = ['heal: all agree again']
  assert.deepEqual(blackholed(GONE.filter(({ by, at }) => by !== 'n2' || at !== 11_000)), agree)
  assert.deepEqual(blackholed(GONE.map(word => (word.at === 11_000 ? { ...word, at: 15_100 } : word))), agree)
  assert.deepEqual(blackholed([...GONE, say('n2', 'failed', 19_000, 'n1')]), agree)
  const unowned = TAKEN.filter(({ actor }) => actor !== 41 && actor !== 11)
  assert.deepEqual(blackholed(GONE, unowned), ['heal: somebody acts for every key'])
})

test('a trial that was left out does not hold, and neither does a scenario without one', () => {
  const trial = blackholeSeen(history(GONE, TAKEN), 'n4')
  assert.equal(failing(blackholeClaims([trial], 2)).length, 5)
  assert.equal(failing(blackholeClaims([], 1)).length, 5)
  assert.equal(failing(partitionClaims([], 1)).length, 6)
  assert.equal(failing(halvesClaims([])).length, 4)
  assert.equal(failing(linkClaims([], [], 25_000)).length, 4)
})

/** n1 and n2 are cut off from n3 and n4, which bury them and take their key. */
const CUT = [
  ...HIGH.flatMap(by =>
    LOW.flatMap(node => [say(by, 'failed', 3_500, node), say(by, 'alive', 11_000, node)]),
  ),
  ...LOW.map(by => say(by, 'fenced', 2_500)),
]
const CUT_SIGNS = [...ACTED, sign('n1', 'a', 'stop', 2_400), sign('n3', 'a', 'start', 4_500)]
const parted = (words: readonly Word[], signs: readonly Sign[]) =>
  failing(partitionClaims([partitionSeen(history(words, signs), LOW, HIGH)], 1))

test('a partition: the few stop, the many agree and act', () => {
  assert.deepEqual(parted(CUT, CUT_SIGNS), [])
})

test('a partition: one fences late, one never, the many do not agree, a key finds nobody', () => {
  const fenced = (at: number) =>
    CUT.map(word => (word.by === 'n2' && word.type === 'fenced' ? { ...word, at } : word))
  assert.deepEqual(parted(fenced(3_001), CUT_SIGNS), ['the 3 know that they may not act'])
  assert.deepEqual(
    parted(
      CUT.filter(({ by, type }) => by !== 'n2' || type !== 'fenced'),
      CUT_SIGNS,
    ),
    ['the 3 know that they may not act'],
  )
  const blind = CUT.filter(({ by, node, type }) => type !== 'failed' || by !== 'n4' || node !== 'n1')
  assert.deepEqual(parted(blind, CUT_SIGNS), ['partition 3|5: the 5 agree on themselves'])
  assert.deepEqual(parted(CUT, CUT_SIGNS.slice(0, 3)), [
    'the 5 act for every key',
    'heal: somebody acts for every key',
  ])
})

test('4|4: the half with the lowest name acts, and only it', () => {
  const halved = (signs: readonly Sign[]) =>
    failing(halvesClaims([halvesSeen(history([], signs), LOW, HIGH)]))
  const right = [...ACTED, sign('n4', 'b', 'stop', 2_900), sign('n2', 'b', 'start', 4_000)]
  assert.deepEqual(halved(right), [])
  // The other half acts on, or acts anew; the right one does not act; nobody of the other half ever did.
  const other = 'the last sign of anybody who acted in the other half'
  assert.deepEqual(halved([...right, sign('n3', 'c', 'start', 6_000)]), [other])
  assert.deepEqual(halved([...right.slice(0, 3)]), [
    '4|4: the half with the lowest name acts for every key',
    'heal: somebody acts for every key',
  ])
  assert.deepEqual(halved(right.filter(({ node }) => node !== 'n4')), [other])
})

test('a link between two: nobody is dead, and both ends show it', () => {
  const linked = (words: readonly Word[], shown: readonly (number | null)[], more: Partial<History> = {}) =>
    failing(linkClaims([linkSeen(history(words, ACTED, more), shown)], [], 25_000))
  const [dead, fault] = [
    'only the link between two cut, for 25 s: declared dead',
    'the fault of that link is shown at both of its ends',
  ]
  assert.deepEqual(linked([], [2_000, 2_100]), [])
  assert.deepEqual(linked([], [2_000, null]), [fault])
  assert.deepEqual(linked([], [2_000]), [fault])
  assert.deepEqual(linked([], [2_000, 12_000]), [fault])
  const died = [say('n1', 'failed', 5_000, 'n4'), say('n1', 'alive', 6_000, 'n4')]
  assert.deepEqual(linked(died, [2_000, 2_100]), [dead])
  assert.deepEqual(linked([], [2_000, 2_100], { until: MENDED + AFTER_MS - 1 }), [dead])
  const trials = [linkSeen(history([]), [2_000, 2_100])]
  assert.deepEqual(failing(linkClaims(trials, [1], 25_000)), [dead], 'of a trial that was played again too')
})

test('a cut one way: one that does not heal, that nobody noticed, and one whose victim acted on', () => {
  const cut = (words: readonly Word[], signs: readonly Sign[]): readonly string[] =>
    failing(onewayClaims([onewaySeen(history(words, signs), 'n4')], 'cannot send'))
  const [acts, silent] = ['a host that cannot send: the others act for every key', 'its own last sign']
  assert.deepEqual(cut(GONE, TAKEN), [])
  assert.deepEqual(
    cut(
      GONE.filter(({ at }) => at !== 11_000),
      TAKEN,
    ),
    ['heal: all agree again'],
  )
  assert.deepEqual(cut([], [...ACTED, sign('n4', 'b', 'act', 9_900)]), [acts, silent])
  assert.deepEqual(
    cut(
      GONE,
      TAKEN.map(each => (each.at === 2_700 ? { ...each, at: 3_050 } : each)),
    ),
    [silent],
  )
  assert.equal(failing(onewayClaims([], 'cannot send')).length, 4)
})

const PAUSE = { what: 'SIGSTOP', ms: 1_500, claimed: true, repeats: 1 }
const paused = (words: readonly Word[], pausedMs: number | null = 1_505, more: Partial<History> = {}) =>
  failing(pauseClaims([pauseSeen(history(words, [], more), pausedMs)], PAUSE)).map(name => name.trim())
const DEAD = 'SIGSTOP for 1.5 s: views in which somebody died, until all agreed again and 3 s after'

test('a pause: a false death at any time until the victim is back, and a while after', () => {
  assert.deepEqual(paused([]), [])
  const died = (at: number) => [say('n1', 'failed', at, 'n4'), say('n1', 'alive', at + 100, 'n4')]
  assert.deepEqual(paused(died(2_000)), [DEAD])
  assert.deepEqual(paused(died(MENDED + 1)), [DEAD])
  assert.deepEqual(paused(died(18_000)), [DEAD, 'all agree again, from its waking'])
  assert.deepEqual(paused(died(500)), [], 'before the pause it is none of it')
})

test('a pause: an end that nobody saw, a victim that never came back, a pause that never was', () => {
  assert.deepEqual(paused([], 1_505, { until: MENDED + AFTER_MS - 1 }), [DEAD])
  assert.deepEqual(paused([say('n1', 'left', 9_000, 'n4')]), [DEAD, 'all agree again, from its waking'])
  assert.deepEqual(paused([], null), ['the victim stood still'])
  assert.deepEqual(paused([], 1_400), ['the victim stood still'])
  assert.equal(failing(pauseClaims([], PAUSE)).length, 3)
})

test('beyond what is claimed a death is shown and held to nothing, but the pause must have been', () => {
  const trial = pauseSeen(history([say('n1', 'failed', 2_000, 'n4')]), 100)
  assert.deepEqual(failing(pauseClaims([trial], { ...PAUSE, claimed: false })), [
    '    the victim stood still',
  ])
})

test('busy loops: one that ended, a time too short, a death, an end that nobody saw', () => {
  const busy = (words: readonly Word[], ran: number, more: Partial<History> = {}) =>
    failing(busyClaims(history(words, [], more), { wanted: 8, ran, ms: 9_000 })).map(name => name.trim())
  const dead =
    '8 daemons and 8 busy loops on one core for 9 s: declared dead, until all agreed again and a while after'
  assert.deepEqual(busy([], 8), [])
  assert.deepEqual(busy([], 7), ['loops that ran all the time'])
  assert.deepEqual(busy([], 8, { mended: MENDED - 1 }), ['for'])
  assert.deepEqual(busy([say('n1', 'failed', 5_000, 'n2'), say('n1', 'alive', 5_500, 'n2')], 8), [dead])
  assert.deepEqual(busy([], 8, { until: MENDED }), [dead])
})

test('weather: a death, no sign that there was any, a heal that comes late; Serf is held to nothing', () => {
  const weather = (words: readonly Word[], again: readonly number[], claimed = true) =>
    failing(weatherClaims([weatherSeen(history(words, []), again)], { name: 'loss', claimed, earlier: [] }))
  const dead = [say('n1', 'failed', 5_000, 'n2'), say('n1', 'alive', 16_000, 'n2')]
  assert.deepEqual(weather([], [3, 4]), [])
  assert.deepEqual(weather(dead, [3, 4]), ['loss: live ones declared dead', 'heal: all agree again'])
  assert.deepEqual(weather([], [3, 0]), ['TCP segments sent again, by host'])
  assert.deepEqual(weather([], [3, Number.NaN]), ['TCP segments sent again, by host'])
  assert.deepEqual(weather(dead, [0], false), [])
})

test('delay: packets that pass at once on one host, on all, to the end, or of which nobody knows', () => {
  const delayed = (waits: Waits | undefined, claimed = true) => {
    const trials = [weatherSeen(history([], []), [3, 4], waits)]
    return failing(weatherClaims(trials, { name: 'delay', claimed, earlier: [], waitMs: 20 }))
  }
  const [packets, trips] = [
    'packets that waited to its end, by host',
    'least round trip from host to host meanwhile',
  ]
  assert.deepEqual(delayed({ packets: [900, 800], roundTripsMs: [41, 300] }), [])
  assert.deepEqual(delayed({ packets: [900, null], roundTripsMs: [41, 300] }), [packets], 'its program ended')
  assert.deepEqual(delayed({ packets: [900, 0], roundTripsMs: [41, 300] }), [packets])
  assert.deepEqual(delayed({ packets: [900], roundTripsMs: [41, 300] }), [packets])
  assert.deepEqual(delayed({ packets: [900, 800], roundTripsMs: [41, 2] }), [trips])
  assert.deepEqual(delayed({ packets: [900, 800], roundTripsMs: [41] }), [trips])
  assert.deepEqual(delayed(undefined), [packets, trips])
  assert.deepEqual(delayed(undefined, false), [])
})

test('what the kernel says of a queue: its last packet, and nothing of one that is left, or of another one', () => {
  const line = '   77  12345     3 1     0     0     0     4711  1\n'
  assert.equal(packetsDelayed(line), 4_711)
  assert.equal(packetsDelayed(`    7  12346     3 1     0     0     0       12  1\n${line}`), 4_711)
  assert.equal(packetsDelayed(line.replace('77', '78')), null)
  assert.equal(packetsDelayed(''), null)
})

test('a report holds nothing that was not seen', () => {
  const bound = { most: 5 }
  assert.equal(holdsOf(count('never tried', [], bound)), false)
  assert.equal(holdsOf(count('never happened', [1, null], bound)), false)
  assert.equal(holdsOf(count('no number', [Number.NaN], bound)), false)
  assert.equal(holdsOf(count('left out', [1], { ...bound, wanted: 2 })), false)
  assert.equal(holdsOf(count('all of them', [1, 2], { ...bound, wanted: 2 })), true)
  assert.equal(holdsOf(count('only shown', [])), undefined)
  const told: string[] = []
  const report = new Report(text => told.push(text))
  report.tell([count('left out', [1], { ...bound, wanted: 2 })])
  assert.deepEqual(
    report.failed.map(({ name }) => name),
    ['left out'],
  )
  assert.match(told[0] ?? '', /FAILS {2}left out: 1 \(at most 5, 1 of 2 samples\)/)
})
