/** Keys in available mode beside keys in quorum mode: what those wait for is no business of these. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { NEVER, wallOf } from '../../src/base/time.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import type { Inventory } from '../../src/tasks/messages.ts'
import type { Leave } from '../../src/tasks/right.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { own, ring, Scene, THREE } from './scene.ts'

/** Keys that begin so are in available mode. */
const OPEN = 'cache/'
const isOpen = (key: string): boolean => key.startsWith(OPEN)

class MixedRight extends CountedRight {
  constructor() {
    super()
    this.epochs.only = false
    this.epochs.isQuorum = key => !isOpen(key)
  }

  override leaveFor(key = ''): Leave | undefined {
    return isOpen(key) ? { until: NEVER, token: { value: '1', safe: false } } : super.leaveFor()
  }
}

function mixed(config: Partial<TasksConfig>, records: readonly TaskRecord[] = []): Scene {
  const scene = new Scene(config, { records }, new MixedRight())
  scene.take()
  return scene
}

const later = own(`${OPEN}later`, { runAt: wallOf(1e15) })

test('a task in available mode, whose copies nobody counts, does not keep the notes of older rings', () => {
  const scene = mixed({ durability: 3 })
  for (const node of ['n2', 'n3']) scene.answer(node)
  scene.solo.submit(later)
  for (const node of ['n2', 'n3']) assert.ok(scene.acknowledge(node).length > 0)
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, ring.checksum)
})

test('nor does a holder that has its id under another key, and it is accepted however often it is sent', () => {
  const scene = mixed({})
  for (const node of ['n2', 'n3']) scene.answer(node)
  scene.solo.submit(later)
  scene.acknowledge('n2', { unwritten: [0], conflicts: [[0, 'another']] })
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, ring.checksum)
  assert.equal(scene.code(scene.solo.submit(later)), 'ok')
})

test('a task in available mode that was written in quorum mode is not held for over, whatever is known of that', () => {
  const scene = mixed({})
  for (const node of ['n2', 'n3']) scene.answer(node)
  const record = { ...freshRecord(later, 'api', wallOf(0), THREE.map(asNodeId), 1), term: 4, copies: 2 }
  const batch = { type: 'replicate', batch: 1, records: [record], ring: ring.checksum, terms: [0] } as const
  scene.solo.hear('n2', batch)
  assert.ok(scene.solo.tasks.get(later.id))
})

/** n2 runs it, as its record says. */
function ran(): TaskRecord {
  const record = freshRecord(own(`${OPEN}ran`), 'api', wallOf(0), THREE.map(asNodeId), 1)
  const attempt = { number: 1, node: asNodeId('n2'), startedAt: wallOf(1), token: '1' }
  return { ...record, state: 'running', attempts: [attempt], revision: 2 }
}

let answers = 0
/** n2 answers the latest question. */
function answer(scene: Scene, running: readonly string[]): void {
  const { id } = scene.sent('n2', 'inventory').at(-1) as Inventory
  const page = { answer: ++answers, page: 0, records: [], done: true, disk: 'disk-n2' }
  const said = { type: 'inventory-reply', id, agreed: true, running: running.map(asTaskId), ...page } as const
  scene.solo.hear('n2', said)
}

test('what a member that began anew does not run any more is tried again, though keys in quorum mode wait for another', () => {
  const record = ran()
  const scene = mixed({ durability: 1 }, [record])
  answer(scene, [record.spec.id])
  scene.solo.pass(1_000)
  assert.equal(scene.solo.tasks.waiting(record.spec.id)?.code, 'runs-elsewhere')
  assert.deepEqual(scene.solo.tasks.takeoverOf('billing')?.missing, ['n3'])
  scene.solo.see(THREE)
  scene.solo.pass(2_000)
  answer(scene, [])
  scene.solo.pass(100)
  assert.deepEqual(
    scene.solo.orders.map(({ task }) => task),
    [record.spec.id],
  )
})
