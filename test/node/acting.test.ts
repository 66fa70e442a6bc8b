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
  assert.equal(modesText(rules()), 'quorum')
  assert.equal(modesText(rules('cache/', 'a/')), 'quorum a/*=available cache/*=available')
  assert.equal(modesText(rules('a/', 'cache/')), modesText(rules('cache/', 'a/')))
})

test('many prefixes are told as a hash that tells them apart', () => {
  const many = Array.from({ length: 40 }, (_, i) => `prefix-${i}/`)
  const text = modesText(rules(...many))
  assert.match(text, /^quorum 40 prefixes #/)
  assert.notEqual(text, modesText(rules(...many.slice(1), 'other/')))
})
