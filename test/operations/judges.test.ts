/** Can the judge of the repeats fail? It is given figures that are right, and then the same with one thing wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excessOf, judge, LIMITS } from './judges.ts'
import { type Figures, KINDS } from './trials.ts'

const KNOWN = 'until EVERY survivor says dead'
const ACTS = 'until another acts for every key of it'

const kill = (more: Figures = {}): Figures => ({
  [KNOWN]: 150,
  [ACTS]: 400,
  'false deaths': 0,
  'keys that two acted for': 0,
  'error of the key figures': 30,
  ...more,
})

const failing = (trials: readonly Figures[], repeats = 50, disturbed: readonly Figures[] = []) =>
  judge('kill', { trials, disturbed }, repeats)
    .filter(({ holds }) => holds === false)
    .map(({ claim }) => claim.trim())

/** 50 of them, the last one special. */
const fifty = (last: Figures = kill()): readonly Figures[] => [
  ...Array.from({ length: 49 }, () => kill()),
  last,
]

const without = (figures: Figures, name: string): Figures =>
  Object.fromEntries(Object.entries(figures).filter(([key]) => key !== name))

test('fifty repeats that keep to all limits, and the worst of them is told', () => {
  const shown = judge('kill', { trials: fifty(kill({ [KNOWN]: 900 })), disturbed: [] }, 50)
  assert.deepEqual(
    shown.filter(({ holds }) => holds === false),
    [],
  )
  const told = shown.find(({ claim }) => claim === `kill: ${KNOWN}`)
  assert.match(told?.figure ?? '', /median 150, .* worst 900 ms of 50/)
})

test('a repeat that was left out does not hold, and a kind that was never played holds nothing', () => {
  assert.deepEqual(failing(fifty().slice(1)), ['kill: repeats'])
  for (const kind of KINDS) {
    const shown = judge(kind, undefined, 50).filter(({ holds }) => holds !== undefined)
    assert.ok(shown.length > Object.keys(LIMITS[kind]).length)
    assert.deepEqual(
      shown.filter(({ holds }) => holds === true),
      [],
      kind,
    )
  }
})

test('one late verdict fails the worst case, half of them fail the median', () => {
  assert.deepEqual(failing(fifty(kill({ [KNOWN]: 1_001 }))), ['worst'])
  const late = Array.from({ length: 50 }, (_, i) => kill({ [KNOWN]: i % 2 === 0 ? 290 : 320 }))
  assert.deepEqual(failing(late), ['median'])
})

test('a figure that one trial does not have, or that never came, is the worst there is', () => {
  assert.deepEqual(failing(fifty(without(kill(), KNOWN))), ['worst'])
  assert.deepEqual(failing(fifty(kill({ [ACTS]: Number.POSITIVE_INFINITY }))), ['worst'])
  assert.deepEqual(failing(fifty(kill({ [KNOWN]: Number.NaN }))), ['worst'])
  assert.deepEqual(failing(fifty().map(figures => without(figures, KNOWN))), ['median', 'worst'])
})

test('a false death and a key for two count in every trial, also where the machine stood still', () => {
  assert.deepEqual(failing(fifty(kill({ 'false deaths': 1 }))), ['kill: false deaths'])
  assert.deepEqual(failing(fifty(), 50, [kill({ 'keys that two acted for': 1 })]), [
    'kill: keys that two acted for',
  ])
  assert.deepEqual(failing(fifty(without(kill(), 'false deaths'))), ['kill: false deaths'], 'nobody counted')
})

test('a trial is over by its worst figure, and one without a figure without end', () => {
  assert.equal(excessOf('kill', kill()), 0)
  assert.equal(excessOf('kill', kill({ [KNOWN]: 1_200 })), 200)
  assert.equal(excessOf('kill', without(kill(), ACTS)), Number.POSITIVE_INFINITY)
})
