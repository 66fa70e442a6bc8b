import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grantsDefaults } from '../../src/grants/config.ts'
import { modesText } from '../../src/node/acting.ts'

const rules = (...prefixes: string[]) => ({
  ...grantsDefaults(),
  mode: 'quorum' as const,
  modes: prefixes.map(prefix => ({ prefix, mode: 'available' as const })),
})

test('the text of modes is for people, and does not depend on the order of prefixes', () => {
  assert.equal(modesText(rules(), 2), 'quorum copies=2')
  assert.equal(modesText(rules('cache/', 'a/'), 2), 'quorum a/*=available cache/*=available copies=2')
  assert.equal(modesText(rules('a/', 'cache/'), 2), modesText(rules('cache/', 'a/'), 2))
})

test('many prefixes are told as a hash that tells them apart', () => {
  const many = Array.from({ length: 40 }, (_, i) => `prefix-${i}/`)
  const text = modesText(rules(...many), 2)
  assert.match(text, /^quorum 40 prefixes #/)
  assert.notEqual(text, modesText(rules(...many.slice(1), 'other/'), 2))
})

test('where nothing needs leave no copies are counted, and nobody differs by their number', () => {
  assert.equal(modesText({ ...rules(), mode: 'available' }, 3), 'available')
})

test('many prefixes and another number of copies are other rules', () => {
  const many = rules(...Array.from({ length: 40 }, (_, i) => `prefix-${i}/`))
  assert.notEqual(modesText(many, 2), modesText(many, 3))
})
