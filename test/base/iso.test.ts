import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ISO_MS_MAX, isoOf } from '../../src/base/iso.ts'

test('a time is written as the platform writes it, without milliseconds that are none', () => {
  const anyTime = fc.integer({ min: 0, max: ISO_MS_MAX })
  const wholeSeconds = fc.integer({ min: 0, max: Math.floor(ISO_MS_MAX / 1_000) }).map(s => s * 1_000)
  fc.assert(
    fc.property(fc.oneof(anyTime, wholeSeconds), ms => {
      assert.equal(isoOf(ms), new Date(ms).toISOString().replace('.000Z', 'Z'))
    }),
    { numRuns: 2_000 },
  )
})

test('leap days, turns of years and what lies outside', () => {
  for (const text of [
    '2024-02-29T23:59:59Z',
    '2100-02-28T00:00:00Z',
    '2000-02-29T12:00:00Z',
    '1999-12-31T23:59:59Z',
  ])
    assert.equal(isoOf(Date.parse(text)), text)
  assert.equal(isoOf(-1), '1970-01-01T00:00:00Z')
  assert.equal(isoOf(ISO_MS_MAX + 5), '9999-12-31T23:59:59.999Z')
  assert.equal(isoOf(1_500.7), '1970-01-01T00:00:01.500Z')
})
