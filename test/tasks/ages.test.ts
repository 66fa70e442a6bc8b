import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Ages } from '../../src/tasks/ages.ts'

const at = (mono: number, wall: number) => ({ mono: instantOf(mono), wall: wallOf(wall) })

test('what is equally old stays so, however the two clocks are read when it is queued again', () => {
  const ages = new Ages()
  assert.equal(ages.since(7_000, at(100.9, 9_000)), ages.since(7_000, at(105.1, 9_005)))
})

test('what was accepted by a clock that was set back since is older than what is accepted then', () => {
  const ages = new Ages()
  const before = ages.since(9_000_000, at(100, 9_000_000))
  const after = ages.since(5_000_100, at(200, 5_000_100))
  assert.equal(after - before, 100)
  assert.ok(ages.since(9_000_050, at(300, 5_000_200)) > after, 'queued again it begins anew')
})

test('after a clock was set forward what waits is as old as it was', () => {
  const ages = new Ages()
  const before = ages.since(1_000, at(100, 1_000))
  assert.equal(ages.since(7_000_000, at(150, 7_000_000)) - before, 50)
})
