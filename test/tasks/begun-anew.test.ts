/** A node that runs a task of another one begins anew, so soon that nobody has missed it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'
import { ringOf, specs } from './samples.ts'

const TWO = ['n1', 'n2']

/** n1 has begun a task that lasts long, and then n2 came, which owns it now. */
function running() {
  const cluster = new Cluster({
    run: ({ attempt }) => ({ ms: attempt === 1 ? 600_000 : 5, outcome: { ok: true, result: attempt } }),
  })
  cluster.start(['n1'])
  const task = specs(400).find(({ key }) => ringOf(TWO).owner(key) === 'n2')
  assert.ok(task)
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.executions.length === 1)
  cluster.boot('n2')
  cluster.agree()
  cluster.open('n2')
  cluster.until(() => cluster.host('n2').machine.get(task.id)?.state === 'running')
  cluster.pass(5_000)
  return { cluster, task }
}

for (const disk of ['its disk', 'an empty disk']) {
  test(`what ran on a node that begins anew with ${disk} is tried again, though it was never found dead`, () => {
    const { cluster, task } = running()
    cluster.kill('n1')
    if (disk === 'an empty disk') cluster.host('n1').disk.clear()
    cluster.boot('n1')
    cluster.agree()
    cluster.open('n1')
    cluster.until(() => cluster.host('n2').machine.get(task.id)?.state === 'succeeded', 10_000)
    assert.equal(cluster.executions.length, 2)
  })
}

test('what still runs on a node of which there is only other news is waited for', () => {
  const { cluster, task } = running()
  cluster.agree()
  cluster.pass(10_000)
  assert.equal(cluster.host('n2').machine.waiting(task.id)?.code, 'runs-elsewhere')
  assert.equal(cluster.executions.length, 1)
})
