/** A node whose disk takes nothing new: what it refuses, what goes on, and that it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskReply } from '../../src/tasks/messages.ts'
import { failureOfStore } from '../../src/tasks/store-failure.ts'
import { Cluster } from './cluster.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const failureOf = (reply: TaskReply | undefined) => (reply?.ok === false ? reply.failure : undefined)

const cases = [
  ['full', 'STORE_FULL', 10],
  ['read-only', 'STORE_READ_ONLY', 10],
  ['slow', 'OVERLOADED', 1],
] as const

for (const [condition, code, retryAfterS] of cases) {
  test(`a ${condition} disk refuses new tasks as ${code}, answers for known ones, and ends what it had accepted`, () => {
    const cluster = new Cluster({ run: () => ({ ms: 1_000, outcome: { ok: true, result: null } }) })
    cluster.start(['n1'])
    const known = spec('known')
    assert.ok(cluster.ask('n1', { kind: 'submit', spec: known }).ok)
    const { machine, storeSight } = cluster.host('n1')
    storeSight.failure = failureOfStore(condition, 'the disk says so')
    const refused = failureOf(cluster.ask('n1', { kind: 'submit', spec: spec('new') }))
    assert.deepEqual([refused?.code, refused?.retryAfterS], [code, retryAfterS])
    assert.match(String(refused?.detail), /the disk says so.* Said by node n1/)
    assert.equal(machine.get(spec('new').id), undefined)
    const again = cluster.ask('n1', { kind: 'submit', spec: known })
    assert.ok(again.ok && again.existed, 'what is known is not new')
    cluster.until(() => machine.get(known.id)?.state === 'succeeded')
    storeSight.failure = failureOfStore('ok', 'there is room again')
    assert.ok(cluster.ask('n1', { kind: 'submit', spec: spec('new') }).ok)
  })
}

test('it is the disk of the owner that counts, wherever a task is handed in', () => {
  const three = names(3)
  const cluster = new Cluster({ run: () => ({ ms: 600_000, outcome: { ok: true, result: null } }) })
  cluster.start(three)
  cluster.host('n2').storeSight.failure = failureOfStore('full', 'no room')
  const ring = ringOf(three)
  for (const task of specs(40)) {
    const reply = cluster.ask('n1', { kind: 'submit', spec: task })
    const expected = ring.owner(task.key) === 'n2' ? 'STORE_FULL' : undefined
    assert.equal(failureOf(reply)?.code, expected)
  }
})
