import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pressure } from '../../../src/adapters/storage/pressure.ts'

function pressure() {
  const said: string[] = []
  const subject = new Pressure((condition, detail) => {
    said.push(condition)
    assert.ok(condition === 'ok' || detail.length > 0, condition)
  })
  return { subject, said }
}

test('a disk that falls behind is said once, and once more when it has caught up well', () => {
  const { subject, said } = pressure()
  for (const fullness of [0.1, 0.49, 0.5, 0.7, 0.4, 0.26, 0.6, 0.24, 0.3, 0.49]) subject.queueIs(fullness)
  assert.deepEqual(said, ['slow', 'ok'])
})

test('what the disk itself says goes before how far it is behind', () => {
  const { subject, said } = pressure()
  subject.queueIs(0.6)
  subject.diskIs('full', 'no room')
  subject.queueIs(0.9)
  subject.diskIs('ok', 'there is room again')
  subject.queueIs(0)
  assert.deepEqual(said, ['slow', 'full', 'slow', 'ok'])
})

test('a write that does not end is said once, and once more when it has ended', () => {
  const { subject, said } = pressure()
  for (const ms of [0, 900, 4_900, 5_000, 9_000, 0, 300]) subject.writeTakes(ms)
  assert.deepEqual(said, ['slow', 'ok'])
  assert.equal(subject.condition, 'ok')
  subject.writeTakes(6_000)
  assert.match(subject.detail, /has taken more than 5 s/)
})
