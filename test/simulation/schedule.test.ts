import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeSchedule, PROFILES, profileOf, QUIET_MS, type Schedule } from './schedule.ts'

const SEEDS = 200

const all = (profile: Schedule['profile']): Schedule[] =>
  Array.from({ length: SEEDS }, (_, seed) => makeSchedule({ seed, profile, nodes: 8, seconds: 60 }))

test('a schedule is a function of its seed', () => {
  for (const profile of PROFILES) {
    const make = (seed: number): Schedule => makeSchedule({ seed, profile, nodes: 8, seconds: 60 })
    assert.deepEqual(make(7), make(7))
    assert.notDeepEqual(make(7), make(8))
  }
})

test('every fault is over when the quiet period begins', () => {
  for (const profile of PROFILES) {
    for (const { faults, quietAt, endAt } of all(profile)) {
      if (profile !== 'calm') assert.equal(endAt - quietAt, QUIET_MS)
      for (const fault of faults) {
        assert.ok(fault.at <= quietAt, `${fault.kind} at ${fault.at}`)
        if ('ms' in fault && fault.kind !== 'freeze') assert.ok(fault.at + fault.ms <= quietAt, fault.kind)
      }
    }
  }
})

test('the mild profile stays within what is promised to bury nobody', () => {
  for (const { faults } of all('mild')) {
    for (const fault of faults) {
      assert.ok(['loss', 'delay', 'freeze', 'submit'].includes(fault.kind), fault.kind)
      if (fault.kind === 'loss') assert.ok(fault.share <= 0.2)
      if (fault.kind === 'delay') assert.ok(fault.latencyMs + fault.jitterMs <= 180)
      if (fault.kind === 'freeze') assert.ok(fault.ms <= 2_000)
    }
  }
})

test('the mixed profile draws every kind of fault', () => {
  const kinds = new Set(all('mixed').flatMap(({ faults }) => faults.map(({ kind }) => kind)))
  const wanted = [
    'crash',
    'cut',
    'cut-one-way',
    'delay',
    'freeze',
    'leave',
    'loss',
    'partition',
    'power-off',
    'slow-disk',
    'start',
    'submit',
    'wall-step',
  ]
  assert.deepEqual([...kinds].sort(), wanted)
})

test('of ten seeds six are mixed', () => {
  const profiles = Array.from({ length: 10 }, (_, seed) => profileOf(seed))
  assert.equal(profiles.filter(profile => profile === 'mixed').length, 6)
  assert.deepEqual([...new Set(profiles)].sort(), [...PROFILES].sort())
})
