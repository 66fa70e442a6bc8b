/** What the owner of a task says of it to whoever asks all nodes, also while it refuses to say how it stands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { cancelTask } from '../../src/tasks/attempts.ts'
import type { TaskStanding } from '../../src/tasks/survey.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { DONE, own, ready, ring, Scene, THREE } from './scene.ts'

/** What this node says to a question that all are asked; the others do not know the task. */
function explain(scene: Scene, task: string): TaskStanding {
  const { solo } = scene
  const id = asRequestId(`ask-${solo.effects.length}`)
  solo.step(() => solo.tasks.survey(id, { kind: 'explain', task: asTaskId(task) }, solo.at))
  for (const node of ['n2', 'n3']) {
    const question = scene.sent(node, 'survey').at(-1)
    assert.ok(question, `${node} is asked`)
    solo.hear(node, { type: 'survey-reply', id: question.id, answer: { kind: 'explain' } })
  }
  const reply = solo.of('surveyed').find(each => each.id === id)?.reply
  const answer = reply?.ok ? reply.answers.find(({ node }) => node === 'n1')?.answer : undefined
  assert.ok(answer?.kind === 'explain' && answer.standing)
  return answer.standing
}

/** Of n2. */
function theirs(id: string): TaskSpec {
  for (let i = 0; ; i++) if (ring.owner(`${id}-${i}`) === 'n2') return spec(id, { key: `${id}-${i}` })
}

const codesOf = ({ why }: TaskStanding) => why.map(({ code }) => code)

test('an attempt that waits for copies does not run, and it is said what it waits for', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  assert.equal(scene.solo.orders.length, 0)
  const waits = explain(scene, 'a')
  assert.deepEqual(waits.why, [
    {
      code: 'starting',
      text: 'attempt 1 is written down and begins when enough holders have its record on their disks',
    },
  ])
  assert.equal(waits.key, own('a').key)
  scene.solo.pass(1_000)
  scene.acknowledge('n2')
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.pass(200)
  assert.match(explain(scene, 'a').why[0]?.text ?? '', /^attempt 1 has run here for 200 ms, /)
})

test('an attempt that is noted and waits for a place does not run either', () => {
  const scene = ready({ concurrency: 1 })
  // A note that takes much longer than the work: the next ones are noted ahead.
  scene.solo.submit(own('slow'))
  scene.solo.pass(1_600)
  scene.acknowledge('n2')
  scene.solo.pass(50)
  scene.solo.end('slow', 1, DONE)
  scene.acknowledge('n2')
  for (const id of ['a', 'b']) {
    scene.solo.submit(own(id))
    scene.acknowledge('n2')
  }
  assert.deepEqual(
    scene.solo.orders.map(({ task }) => task),
    ['slow', 'a'],
  )
  assert.deepEqual(explain(scene, 'b').why, [
    { code: 'starting', text: 'attempt 1 is written down and begins when a worker is free' },
  ])
})

test('an end on too few disks is not told, but that it waits for them is', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  scene.solo.end('a', 1, DONE)
  const waits = explain(scene, 'a')
  assert.equal(waits.state, 'running')
  assert.deepEqual(codesOf(waits), ['ending'])
  assert.doesNotMatch(JSON.stringify(waits), /succeeded/)
  scene.acknowledge('n2')
  const told = explain(scene, 'a')
  assert.equal(told.state, 'succeeded')
  assert.ok(told.revision > waits.revision)
  assert.deepEqual(codesOf(told), ['settled'])
})

test('a copy that says that a task ended is told as a copy: its owner says whether that counts', () => {
  const scene = ready()
  const task = theirs('a')
  const copy = { ...freshRecord(task, 'api', scene.solo.at.wall, THREE.map(asNodeId), 1), term: 6, copies: 2 }
  const cancelled = cancelTask(copy, scene.solo.at.wall, copy.holders)
  scene.solo.hear('n2', {
    type: 'replicate',
    batch: 1,
    records: [cancelled],
    ring: ring.checksum,
    terms: [6],
  })
  const [why] = explain(scene, 'a').why
  assert.equal(why?.code, 'settled')
  assert.match(why.text, /^it is cancelled: .*; this is a copy: its owner, n2, says whether that counts$/)
})

test('an owner that may not act refuses to say how a task stands, and says why it does not run', () => {
  const scene = ready({ concurrency: 1 })
  for (const id of ['a', 'b']) {
    scene.solo.submit(own(id))
    scene.acknowledge('n2')
  }
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(100)
  assert.equal(scene.code(scene.get('b')), 'NOT_ACTING')
  assert.deepEqual(codesOf(explain(scene, 'b')), ['no-leave'])
})

test('an owner that takes over refuses to say how a task stands, and says that it takes over', () => {
  const scene = new Scene()
  scene.take()
  const copy = freshRecord(own('a'), 'api', wallOf(0), THREE.map(asNodeId), 1)
  scene.solo.hear('n2', { type: 'replicate', batch: 1, records: [copy] })
  assert.equal(scene.code(scene.get('a')), 'TAKEOVER_INCOMPLETE')
  assert.deepEqual(codesOf(explain(scene, 'a')), ['takeover'])
})
