/** The mode was changed there and back: what was accepted between is on as many disks as available mode asks for, which is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { cancelTask } from '../../src/tasks/attempts.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { own, Scene, THREE } from './scene.ts'
import { Solo } from './solo.ts'

const task = own('a', { runAt: wallOf(1e15) })
const holders = THREE.map(asNodeId)
/** As it was written in quorum mode. */
const waiting: TaskRecord = { ...freshRecord(task, 'api', wallOf(0), holders, 1), term: 4, copies: 2 }

/** A node in available mode, with this on its disk from before; what it says to another that is to hold it, at last. */
function sentOn(record: TaskRecord, order: (solo: Solo) => void): TaskRecord {
  const solo = new Solo(undefined, {}, ['n1'], { records: [record] })
  order(solo)
  solo.see(['n1', 'n2'])
  solo.pass(2_000)
  const sent = solo
    .of('send')
    .flatMap(({ message }) => (message.type === 'replicate' ? message.records : []))
    .filter(({ spec }) => spec.id === task.id)
    .at(-1)
  assert.ok(sent)
  return sent
}

/** In quorum mode again: one of its three holders has it, and the others say that they have nothing. */
function stays(record: TaskRecord): boolean {
  const scene = new Scene()
  scene.take()
  scene.answer('n2')
  scene.answer('n3', [record])
  scene.solo.pass(500, () => scene.acknowledge('n2'))
  return scene.solo.tasks.get(task.id) !== undefined
}

test('what was tried again in available mode is no leftover in quorum mode, on however few disks', () => {
  const cancelled = cancelTask(waiting, wallOf(1_700_000_000_000), holders)
  const retried = sentOn(cancelled, solo => {
    const id = solo.request({ kind: 'retry', task: task.id, key: task.key })
    assert.equal(solo.reply(id)?.ok, true)
  })
  assert.equal(retried.state, 'scheduled')
  assert.equal(retried.term, 4, 'it is newer than all that was written before')
  assert.ok(stays(retried))
})

test('nor is what was only handed on there', () => {
  assert.equal(stays(waiting), false, 'as a copy of quorum mode it had ended')
  assert.ok(stays(sentOn(waiting, () => undefined)))
})
