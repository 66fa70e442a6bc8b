import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonTexts } from '../../src/runtime/json-texts.ts'

/** Text with all that a wrong cut would tear: quotes, braces, letters of more than one unit. */
const LONG = '{"spec":0,\u00e9\u{1f600}"}'.repeat(200)

const specOf = (payload: unknown) => ({ id: 't-1', key: 'k', payload })

test('the text of every version of a record is its JSON, whatever was written before', () => {
  for (const payload of [{}, { long: LONG }, LONG, null]) {
    const texts = new JsonTexts()
    const spec = specOf(payload)
    const first = { spec, state: 'ready', revision: 1 }
    const second = { ...first, state: 'running', revision: 2, result: LONG }
    for (const version of [first, second, { ...second, revision: 3 }, first]) {
      assert.equal(texts.of(version), JSON.stringify(version))
    }
  }
})

test('a spec is written out once for all versions of its record', () => {
  const texts = new JsonTexts()
  let written = 0
  const payload = {
    toJSON: () => {
      written++
      return { long: LONG }
    },
  }
  const spec = specOf(payload)
  for (let revision = 1; revision <= 3; revision++) texts.of({ spec, state: 'ready', revision })
  assert.equal(written, 1)
})

test('a record whose spec is not in front is written out as it is', () => {
  const texts = new JsonTexts()
  const spec = specOf({ long: LONG })
  texts.of({ spec, state: 'ready' })
  const late = { state: 'running', spec, revision: 2 }
  assert.equal(texts.of(late), JSON.stringify(late))
})

test('the same object has the same text, and a value without a spec is written out', () => {
  const texts = new JsonTexts()
  const value = { book: [1, 2] }
  assert.equal(texts.of(value), JSON.stringify(value))
  assert.equal(texts.of(value), texts.of(value))
})

test('a value is written out once while others want its text', () => {
  let times = 0
  const value = {
    toJSON: () => {
      times++
      return { a: 1 }
    },
  }
  const texts = new JsonTexts()
  assert.equal(texts.of(value), '{"a":1}')
  assert.equal(texts.of(value), '{"a":1}')
  assert.equal(times, 1)
})

test('few texts are kept: the text of a value is made again after many others', () => {
  let times = 0
  const value = { toJSON: () => ++times }
  const texts = new JsonTexts()
  texts.of(value)
  for (let i = 0; i < 5_000; i++) texts.of({ i })
  assert.equal(texts.of(value), '2')
})

test('large texts are kept no longer than their length allows, and one that is too large not at all', () => {
  let times = 0
  const value = { toJSON: () => ++times }
  const texts = new JsonTexts()
  texts.of(value)
  for (let i = 0; i < 4; i++) texts.of({ text: `${i}${'x'.repeat(5_000_000)}` })
  assert.equal(texts.of(value), '2')
  const large = { toJSON: () => `${++times}${'x'.repeat(9_000_000)}` }
  texts.of(large)
  assert.ok(texts.of(large).startsWith('"4'))
})
