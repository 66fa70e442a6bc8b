import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonTexts } from '../../src/runtime/json-texts.ts'

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
  for (let i = 0; i < 2_000; i++) texts.of({ i })
  assert.equal(texts.of(value), '2')
})

test('large texts are kept no longer than their length allows, and one that is too large not at all', () => {
  let times = 0
  const value = { toJSON: () => ++times }
  const texts = new JsonTexts()
  texts.of(value)
  for (let i = 0; i < 4; i++) texts.of({ text: `${i}${'x'.repeat(600_000)}` })
  assert.equal(texts.of(value), '2')
  const large = { toJSON: () => `${++times}${'x'.repeat(2_000_000)}` }
  texts.of(large)
  assert.ok(texts.of(large).startsWith('"4'))
})
