/** What another node is said to run, when the question for it meets a takeover. Of keys in available mode. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { NEVER, wallOf } from '../../src/base/time.ts'
import type { Inventory } from '../../src/tasks/messages.ts'
import type { Leave } from '../../src/tasks/right.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { ringOf, spec } from './samples.ts'
import { Solo } from './solo.ts'

const THREE = ['n1', 'n2', 'n3']
const TWO = ['n1', 'n2']

/** Of n1, by either ring. */
const task = (() => {
  for (let i = 0; ; i++) {
    const key = `key-${i}`
    if ([THREE, TWO].every(ids => ringOf(ids).owner(key) === 'n1')) return spec('a', { key })
  }
})()

/** n2 runs it, as a copy says. */
function running(): TaskRecord {
  const ready = freshRecord(task, 'api', wallOf(0), THREE.map(asNodeId), 1)
  const attempt = { number: 1, node: asNodeId('n2'), startedAt: wallOf(0), token: '1' }
  return { ...ready, state: 'running', attempts: [attempt], revision: 2 }
}

let answers = 0
/** Answers the latest question to it: nothing runs there. */
function answer(solo: Solo, from: NodeId): void {
  const asked = solo.of('send').findLast(({ to, message }) => to === from && message.type === 'inventory')
  assert.ok(asked, `${from} was asked`)
  const { id } = asked.message as Inventory
  const disk = `disk-${from}`
  const whole = { agreed: true, answer: ++answers, page: 0, records: [], running: [], done: true, disk }
  solo.hear(from, { type: 'inventory-reply', id, ...whole })
}

test('what nobody runs is tried again, also where its node says so as part of a takeover for which its key does not wait', () => {
  const solo = new Solo(undefined, {}, THREE)
  for (const node of ['n2', 'n3']) answer(solo, asNodeId(node))
  solo.see(TWO)
  // Its key has not changed hands, so it does not wait for what n2 is asked.
  solo.hear('n2', { type: 'replicate', batch: 1, records: [running()] })
  assert.equal(solo.tasks.waiting(task.id)?.code, 'runs-elsewhere')
  answer(solo, asNodeId('n2'))
  solo.pass(5_000)
  assert.deepEqual(
    solo.orders.map(({ task: id, attempt }) => [id, attempt]),
    [['a', 2]],
  )
})

/** The key of the task in available mode, all others in quorum mode. */
class MixedRight extends CountedRight {
  constructor() {
    super()
    this.epochs.only = false
    this.epochs.isQuorum = (key?: string) => key !== task.key
  }

  override leaveFor(key?: string): Leave | undefined {
    if (key !== task.key) return super.leaveFor()
    return { until: NEVER, token: { value: '1', safe: false }, term: 0 }
  }
}

test('nor does it wait for those whom keys in quorum mode wait for', () => {
  const right = new MixedRight()
  // Whoever answers has another disk by now, so nobody's answer is enough.
  right.epochs.rings = [{ ring: ringOf(THREE), counts: () => false }]
  right.epochs.members = THREE.map(asNodeId)
  const solo = new Solo(right, {}, THREE)
  solo.step(() => {
    right.take(5)
    return []
  })
  answer(solo, asNodeId('n2'))
  solo.pass(5_000)
  assert.ok(
    solo.logged('takeover-complete').length > 0,
    'for keys in available mode it is over, though n3 is silent',
  )
  solo.hear('n2', { type: 'replicate', batch: 1, records: [running()] })
  assert.equal(solo.tasks.waiting(task.id)?.code, 'runs-elsewhere')
  solo.pass(500)
  answer(solo, asNodeId('n2'))
  solo.pass(1_000)
  assert.deepEqual(
    solo.orders.map(({ task: id, attempt }) => [id, attempt]),
    [['a', 2]],
  )
})
