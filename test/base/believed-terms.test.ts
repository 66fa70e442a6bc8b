import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BelievedTerms, CLOCK_MAX, TERM_MAX, TERM_STEP } from '../../src/base/believed-terms.ts'

test('whatever a clock may say is believed', () => {
  const terms = new BelievedTerms()
  for (const term of [0, 1, Date.UTC(2026), Date.UTC(2200), CLOCK_MAX]) assert.ok(terms.takes(term))
  assert.equal(terms.refused, 0)
})

test('one word of the highest term moves the bound by a step, and leaves room above', () => {
  const terms = new BelievedTerms()
  assert.equal(terms.takes(TERM_MAX), false)
  assert.equal(terms.refused, 1)
  assert.ok(terms.takes(CLOCK_MAX + 2 * TERM_STEP))
})

test('who is asked again and again by those who have come farther believes them in the end', () => {
  const terms = new BelievedTerms()
  const far = CLOCK_MAX + 5 * TERM_STEP
  const words = Array.from({ length: 5 }, () => terms.takes(far))
  assert.deepEqual(words, [false, false, false, false, true])
})

test('what the node has itself is the least that it goes by, and no step leads above the last term', () => {
  const terms = new BelievedTerms()
  const known = TERM_MAX - 1
  assert.ok(terms.takes(known + 1, known))
  assert.equal(terms.takes(TERM_MAX + 1, known), false)
})

test('that somebody was not believed is said once', () => {
  const terms = new BelievedTerms()
  assert.deepEqual(
    ['n1', 'n2', 'n1'].map(peer => terms.isFirstOf(peer)),
    [true, true, false],
  )
})
