import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from './fault.ts'
import { makeSchedule, QUIET_MS, type Schedule } from './schedule.ts'
import { EXTRAS, PROFILES, type Shape, shapeOf } from './shape.ts'

const SEEDS = 200

const all = (profile: Schedule['profile']): Schedule[] =>
  Array.from({ length: SEEDS }, (_, seed) => makeSchedule(shapeOf(seed, { profile, nodes: 8 })))

test('a schedule is a function of its seed', () => {
  for (const profile of PROFILES) {
    const make = (seed: number): Schedule => makeSchedule(shapeOf(seed, { profile, nodes: 8 }))
    assert.deepEqual(make(7), make(7))
    assert.notDeepEqual(make(7), make(8))
  }
})

test('every fault is over when the quiet period begins', () => {
  for (const profile of PROFILES) {
    for (const { faults: drawn, quietAt, endAt } of all(profile)) {
      const faults = drawn.filter(({ kind }) => kind !== 'ask')
      if (profile !== 'calm') assert.equal(endAt - quietAt, QUIET_MS)
      for (const fault of faults) {
        assert.ok(fault.at <= quietAt, `${fault.kind} at ${fault.at}`)
        if ('ms' in fault) assert.ok(fault.at + fault.ms <= quietAt, fault.kind)
      }
    }
  }
})

test('the mild profile stays within what is promised to bury nobody', () => {
  for (const { faults } of all('mild')) {
    for (const fault of faults) {
      assert.ok(
        ['ask', 'loss', 'delay', 'freeze', 'freeze-tree', 'schedule', 'stall-all', 'submit'].includes(
          fault.kind,
        ),
        fault.kind,
      )
      if (fault.kind === 'loss') assert.ok(fault.share <= 0.2)
      if (fault.kind === 'delay') assert.ok(fault.latencyMs + fault.jitterMs <= 180)
      if (fault.kind === 'freeze' || fault.kind === 'freeze-tree') assert.ok(fault.ms <= 2_000)
    }
    // Silent while its links are replaced, and then for a pause more: nobody could tell that from a death.
    const stall = faults.find(fault => fault.kind === 'stall-all')
    for (const fault of faults)
      if (stall && (fault.kind === 'freeze' || fault.kind === 'freeze-tree') && fault.host === stall.host)
        assert.ok(fault.at <= stall.at - 2_000 || fault.at >= stall.at + 2_000, `${fault.at}, ${stall.at}`)
  }
})

test('the mixed profile draws every kind of fault', () => {
  const kinds = new Set(all('mixed').flatMap(({ faults }) => faults.map(({ kind }) => kind)))
  const wanted = [
    'ask',
    'control',
    'crash',
    'crossed',
    'cut',
    'cut-one-way',
    'delay',
    'disk-fails',
    'disk-full',
    'disk-read-only',
    'disk-room',
    'freeze',
    'freeze-runner',
    'freeze-tree',
    'gone',
    'gossip-unrest',
    'kill-runner',
    'late',
    'leave',
    'lose-again',
    'loss',
    'partition',
    'power-off',
    'schedule',
    'slow-disk',
    'stall',
    'stall-all',
    'start',
    'submit',
    'suspend',
    'wall-step',
  ]
  assert.deepEqual([...kinds].sort(), wanted)
})

test('the disks that are lost leave a quorum of any voters', () => {
  for (const profile of PROFILES) {
    for (let seed = 0; seed < SEEDS; seed++) {
      const { faults, durability, voters } = makeSchedule(shapeOf(seed, { profile, mode: 'quorum' }))
      const lost = faults.filter(
        fault => fault.kind === 'gone' || (fault.kind === 'start' && fault.disk !== 'kept'),
      ).length
      const kept = voters.revived.length - lost
      assert.ok(2 * kept > voters.revived.length, `seed ${seed} loses ${lost} of ${voters.revived.length}`)
      assert.ok(lost < durability, `seed ${seed} loses ${lost}, with ${durability} copies`)
    }
  }
})

test('a quorum of the voters runs when the quiet begins', () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { voters, nodes } = makeSchedule(shapeOf(seed, { mode: 'quorum' }))
    if (voters.expectedNodes === undefined) assert.deepEqual(voters.revived, voters.named)
    else assert.equal(voters.revived.length, Math.min(9, nodes))
    assert.ok(voters.expectedNodes !== undefined || voters.named.length >= 3)
  }
})

test('of ten seeds six are mixed, of three two run in quorum mode, sizes are 3 to 16', () => {
  const shapes = Array.from({ length: 300 }, (_, seed) => shapeOf(seed))
  assert.equal(shapes.filter(({ profile }) => profile === 'mixed').length, 180)
  assert.equal(shapes.filter(({ mode }) => mode === 'quorum').length, 200)
  assert.deepEqual([...new Set(shapes.map(({ profile }) => profile))].sort(), [...PROFILES].sort())
  const sizes = [...new Set(shapes.map(({ nodes }) => nodes))].sort((a, b) => a - b)
  assert.deepEqual(
    sizes,
    Array.from({ length: 14 }, (_, index) => index + 3),
  )
})

test('in a quarter of the mixed runs all clocks are as far apart as is borne, in the others they differ less', () => {
  const rates = all('mixed').map(({ hosts }) => hosts.map(({ clock }) => clock.rate))
  for (const rate of rates.flat()) assert.ok(rate >= 0.9 && rate <= 1.1, `${rate}`)
  const apart = rates.filter(each => each.every(rate => rate === 0.9 || rate === 1.1))
  assert.ok(apart.length > SEEDS * 0.15 && apart.length < SEEDS * 0.35, `${apart.length} of ${SEEDS}`)
})

test('rings change within a lease of what makes somebody deaf to it', () => {
  const together = all('mixed').filter(({ faults }) =>
    faults.some(
      deaf =>
        ['partition', 'cut', 'freeze', 'stall'].includes(deaf.kind) &&
        faults.filter(({ kind, at }) => kind === 'control' && at >= deaf.at && at < deaf.at + 3_000).length >
          1,
    ),
  )
  assert.ok(together.length > SEEDS / 4, `${together.length} of ${SEEDS}`)
})

test('of ten seeds seven have extras, of each kind some; they move nothing else', () => {
  const shapes = Array.from({ length: 600 }, (_, seed) => shapeOf(seed))
  const share = (extras: Shape['extras']): number =>
    shapes.filter(each => each.extras === extras).length / 600
  assert.ok(share('none') > 0.25 && share('none') < 0.35)
  for (const extras of EXTRAS.slice(1, 4)) assert.ok(share(extras) > 0.12 && share(extras) < 0.22, extras)
  assert.ok(share('upheavals') > 0.1 && share('all') > 0.03)
  for (let seed = 0; seed < 20; seed++) {
    const of = (extras: Shape['extras']): Schedule =>
      makeSchedule(shapeOf(seed, { profile: 'mixed', mode: 'quorum', extras }))
    const { faults, ...usual } = of('none')
    const { faults: more, ...both } = of('both')
    const hosts = both.hosts.map(host => ({ ...host, joinDelayMs: 0 }))
    assert.deepEqual({ ...both, hosts, modes: [], extras: 'none' }, usual)
    assert.deepEqual(more.filter(isUsual), faults)
    assert.ok(more.length > faults.length)
  }
})

const isUsual = (fault: Fault): boolean => {
  if (fault.kind === 'control') return fault.request.kind !== 'forget'
  return !['crossed', 'gone', 'gossip-unrest'].includes(fault.kind)
}

test('in quorum mode a member is gone for good and forgotten in some runs with extras, and some keys have another mode', () => {
  const drawn = Array.from({ length: SEEDS }, (_, seed) =>
    makeSchedule(shapeOf(seed, { profile: 'mixed', mode: 'quorum', extras: 'voters' })),
  )
  const gone = drawn.filter(({ faults }) => faults.some(({ kind }) => kind === 'gone'))
  assert.ok(gone.length > SEEDS * 0.15 && gone.length < SEEDS * 0.45, `${gone.length}`)
  for (const { faults } of gone) {
    const lost = faults.find(fault => fault.kind === 'gone') ?? assert.fail('nobody is gone')
    const forgets = faults.filter(fault => fault.kind === 'control' && fault.request.kind === 'forget')
    assert.ok(forgets.length > 1)
    for (const { at } of forgets) assert.ok(at > lost.at)
  }
  const withModes = drawn.filter(({ modes }) => modes.length > 0).length
  assert.ok(withModes > SEEDS * 0.15 && withModes < SEEDS * 0.35, `${withModes}`)
  const delayed = drawn.filter(({ hosts }) => hosts.some(({ joinDelayMs }) => joinDelayMs > 0)).length
  assert.ok(delayed > SEEDS * 0.15 && delayed < SEEDS * 0.4, `${delayed}`)
})
