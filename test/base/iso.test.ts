import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ISO_MS_MAX, isoOf, msOfIso } from '../../src/base/iso.ts'

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

test('what was written is read again, and nothing else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: ISO_MS_MAX }), ms => {
      assert.equal(msOfIso(isoOf(ms)), ms)
      const second = ms - (ms % 1_000)
      assert.equal(msOfIso(isoOf(second)), second)
    }),
    { numRuns: 2_000 },
  )
  for (const text of [
    '',
    '2026-11-22',
    '2026-11-22T02:00:00',
    '2026-11-22T02:00:00.000Z',
    '2026-11-22T02:00:00+00:00',
    '2026-02-30T02:00:00Z',
    '2026-13-01T02:00:00Z',
    '2026-11-22T24:00:00Z',
    '1969-12-31T23:59:59Z',
    ' 2026-11-22T02:00:00Z',
  ])
    assert.equal(msOfIso(text), undefined, text)
})
