import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recent } from '../../src/base/recent.ts'

test('what is asked for again outlives a flood of others', () => {
  const recent = new Recent<string, number>(4)
  recent.set('wanted', 1)
  for (let i = 0; i < 100; i++) {
    recent.set(`other ${i}`, i)
    assert.equal(recent.get('wanted'), 1)
  }
  assert.equal(recent.get('other 0'), undefined)
})

test('what nobody asks for is forgotten after two generations, and not before one', () => {
  const recent = new Recent<string, number>(4)
  recent.set('first', 1)
  for (let i = 0; i < 7; i++) recent.set(`other ${i}`, i)
  assert.equal(recent.get('other 0'), 0)
  for (let i = 7; i < 12; i++) recent.set(`other ${i}`, i)
  assert.equal(recent.get('first'), undefined)
})

test('cleared, it knows nothing of either generation', () => {
  const recent = new Recent<string, number>(1)
  recent.set('old', 1)
  recent.set('young', 2)
  recent.clear()
  assert.deepEqual([recent.get('old'), recent.get('young')], [undefined, undefined])
})
