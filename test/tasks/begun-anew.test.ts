/** A node that runs a task of another one begins anew, so soon that nobody has missed it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { SCAN_MAX } from '../../src/tasks/placing.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { Cluster } from './cluster.ts'
import { ringOf, specs } from './samples.ts'
import { own, THREE } from './scene.ts'
import { Solo } from './solo.ts'

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

/** Of a key of n1: n2 runs it, as its record says. */
function ran(): TaskRecord {
  const record = freshRecord(own('ran'), 'api', wallOf(0), THREE.map(asNodeId), 1)
  const attempt = { number: 1, node: asNodeId('n2'), startedAt: wallOf(1), token: '1' }
  return { ...record, state: 'running', attempts: [attempt], revision: 2 }
}

/** n1, as it takes over. */
const takingOver = (): Solo => new Solo(undefined, { inventoryMs: 1_000 }, THREE, { records: [ran()] })

let answers = 0
/** The node answers the latest question. */
function answer(solo: Solo, node: string, running: readonly TaskRecord[]): void {
  const asked = solo.of('send').findLast(({ to, message }) => to === node && message.type === 'inventory')
  assert.ok(asked?.message.type === 'inventory', `${node} was asked`)
  const page = {
    answer: ++answers,
    page: 0,
    records: [],
    running: running.map(({ spec }) => spec.id),
    done: true,
  }
  solo.hear(node, { type: 'inventory-reply', id: asked.message.id, agreed: true, ...page })
}

const isElsewhere = (solo: Solo): boolean => solo.tasks.waiting(ran().spec.id)?.code === 'runs-elsewhere'

test('what a member was to be asked, when a takeover asks all, is looked at when that is over', () => {
  const solo = takingOver()
  answer(solo, 'n2', [ran()])
  answer(solo, 'n3', [])
  assert.ok(isElsewhere(solo))
  solo.see(THREE)
  solo.see(['n1', 'n2'])
  solo.pass(100)
  answer(solo, 'n2', [])
  solo.pass(5_000)
  assert.equal(solo.orders.length, 1, 'it runs nowhere else')
})

test('what a member said before it began anew is not believed when the takeover is over', () => {
  const solo = takingOver()
  answer(solo, 'n2', [ran()])
  solo.see(THREE)
  solo.pass(2_000)
  assert.ok(isElsewhere(solo), 'n3 is not waited for any longer')
  solo.pass(2_000)
  answer(solo, 'n2', [])
  solo.pass(100)
  assert.equal(solo.orders.length, 1)
})

test('what it has on its disk for another owner is offered to that one, however much there is to place', () => {
  const holders = THREE.map(asNodeId)
  const records = specs(SCAN_MAX + 100).map(each => freshRecord(each, 'api', wallOf(0), holders, 1))
  const solo = new Solo(undefined, {}, ['n1'], { records })
  const theirs = records.filter(({ spec: { key } }) => ringOf(THREE).owner(key) === 'n2')
  const sent = new Set<string>()
  let seen = 0
  solo.see(THREE)
  for (let turns = 0; turns < 50; turns++) {
    solo.tick()
    const effects = solo.of('send')
    for (const { to, message } of effects.slice(seen)) {
      if (message.type !== 'replicate') continue
      if (to === 'n2') for (const record of message.records) sent.add(record.spec.id)
      solo.hear(to, { type: 'replicated', batch: message.batch })
    }
    seen = effects.length
  }
  assert.deepEqual(
    theirs.filter(({ spec: { id } }) => !sent.has(id)),
    [],
  )
})
