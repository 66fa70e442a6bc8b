/** What is answered about a task right after a change of the ring: many tasks are still to be placed, or are on their way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.ts'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Forward, Replicate, TaskQuestion } from '../../src/tasks/messages.ts'
import { SCAN_MAX } from '../../src/tasks/placing.ts'
import type { TaskRecord, TaskState } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { Scene, THREE } from './scene.ts'
import { Solo } from './solo.ts'

const TWO = names(2)
const SIX = names(6)
const [two, six] = [ringOf(TWO), ringOf(SIX)]
const task = asTaskId('last')
const NOW = wallOf(1_700_000_000_000)

/** A key of this node among two, of which it holds nothing among six. */
function keyThatGoes(): string {
  for (let i = 0; ; i++)
    if (two.owner(`k-${i}`) === 'n1' && !six.preferenceList(`k-${i}`, 3).includes(asNodeId('n1')))
      return `k-${i}`
}
/** A key of another node among six, which is this node's among two. */
function keyThatComes(): string {
  for (let i = 0; ; i++) {
    const holders = six.preferenceList(`k-${i}`, 3)
    if (holders[0] !== 'n1' && holders.includes(asNodeId('n1')) && two.owner(`k-${i}`) === 'n1')
      return `k-${i}`
  }
}

/** More than are placed in one step, so that the last one is not. */
const others = (): TaskRecord[] =>
  specs(SCAN_MAX).map(each => ({
    ...freshRecord(each, 'api', NOW, [asNodeId('n1')], 1),
    state: 'dead',
  }))

const asked = (solo: Solo, to: string): Forward | undefined => {
  const sent = solo.of('send').findLast(effect => effect.to === to && effect.message.type === 'forward')
  return sent?.message.type === 'forward' ? sent.message : undefined
}

const codeOf = (solo: Solo, id: string): ErrorCode | 'ok' | undefined => {
  const reply = solo.reply(id)
  return reply === undefined ? undefined : reply.ok ? 'ok' : reply.failure.code
}

/** A task that waits for its time on this node, among two; then there are six, and it is not placed yet. */
function unplaced(): Solo {
  const solo = new Solo(undefined, { deadMax: 10_000 }, TWO, { records: others() })
  solo.pass(200)
  solo.submit(spec('last', { key: keyThatGoes(), runAt: wallOf(1e15) }))
  solo.see(SIX)
  return solo
}

/** All that is sent to others comes to their disks. */
function acknowledge(solo: Solo): void {
  const sent = solo.effects.splice(0).flatMap(effect => (effect.kind === 'send' ? [effect] : []))
  for (const { to, message } of sent)
    if (message.type === 'replicate')
      solo.hear(to, { type: 'replicated', batch: (message as Replicate).batch })
}

test('who asks for the end of a task that goes to another node is not told that there is none', () => {
  const solo = unplaced()
  const id = solo.request({ kind: 'get', task, waitMs: 5_000 })
  const heir = six.owner(keyThatGoes()) ?? ''
  const question = asked(solo, heir)
  assert.equal(question?.request.kind, 'get', 'it is asked, and not waited for here')
  for (let i = 0; i < 20; i++) {
    acknowledge(solo)
    solo.pass(50)
  }
  assert.equal(solo.tasks.get(task), undefined, 'it lies elsewhere by now')
  assert.equal(codeOf(solo, id), undefined)
})

/** Copies of another owner's task among many, whose key comes to this node, which has yet to ask what others know of it. */
function gained(state: TaskState): Solo {
  const right = new CountedRight()
  right.epochs.note(two, six)
  right.epochs.members = SIX.map(asNodeId)
  const of = spec('last', { key: keyThatComes() })
  const record = {
    ...freshRecord(of, 'api', NOW, six.preferenceList(of.key, 3), 1),
    revision: 3,
    term: 4,
    copies: 2,
    state,
  }
  const solo = new Solo(right, { deadMax: 10_000 }, SIX, { records: [...others(), record] })
  solo.pass(200)
  solo.see(TWO)
  return solo
}

test('a new owner says of a copy that is not placed yet neither that it ended nor that there is none', () => {
  const solo = gained('succeeded')
  const request: TaskQuestion = { kind: 'get', task, ring: two.checksum }
  solo.hear('n2', { type: 'forward', id: asRequestId('q'), hops: 1, request })
  const reply = solo.of('send').findLast(({ message }) => message.type === 'forward-reply')?.message
  assert.ok(reply?.type === 'forward-reply' && !reply.reply.ok, 'no end that nobody counted')
  assert.equal(reply.reply.failure.code, 'TAKEOVER_INCOMPLETE')
  assert.equal(codeOf(solo, solo.request({ kind: 'get', task })), 'TAKEOVER_INCOMPLETE')
})

test('an end whose owner is gone is asked for of all others, and is not told for what a copy says', () => {
  const of = spec('a', { key: keyOf('n2') })
  const copy = {
    ...freshRecord(of, 'api', NOW, ['n2', 'n1'].map(asNodeId), 1),
    revision: 3,
    term: 4,
    copies: 2,
  }
  const scene = new Scene({}, { records: [{ ...copy, state: 'succeeded', settledAt: NOW }] })
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node)
  scene.solo.step(() =>
    scene.solo.tasks.viewChanged(ringOf(THREE), ['n1', 'n3'].map(asNodeId), scene.solo.at),
  )
  const id = scene.get('a')
  assert.equal(scene.code(id), undefined, 'others are asked')
  scene.tell('n3', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(id), 'OWNER_UNREACHABLE')
  const reply = scene.solo.reply(id)
  assert.ok(reply?.ok === false && (reply.failure.retryAfterS ?? 0) > 0)
})

function keyOf(node: string): string {
  for (let i = 0; ; i++) if (ringOf(THREE).owner(`o-${i}`) === node) return `o-${i}`
}

test('nobody is told that there is no task when owners have changed since the others were asked', () => {
  const solo = new Solo(undefined, {}, THREE)
  const id = solo.request({ kind: 'get', task })
  const deny = (from: string): void => {
    const question = asked(solo, from)
    assert.ok(question)
    const failure = { code: 'TASK_UNKNOWN', detail: 'said by the test' } as const
    solo.hear(from, { type: 'forward-reply', id: question.id, reply: { ok: false, failure } })
  }
  deny('n2')
  solo.see(SIX)
  deny('n3')
  assert.equal(codeOf(solo, id), 'TAKEOVER_INCOMPLETE')
})

test('who sees other members than the one that asks does not say that there is no task', () => {
  const solo = new Solo(undefined, {}, TWO)
  const code = (ring: string): ErrorCode | undefined => {
    solo.hear('n2', { type: 'forward', id: asRequestId(ring), hops: 1, request: { kind: 'get', task, ring } })
    const reply = solo.of('send').findLast(({ message }) => message.type === 'forward-reply')?.message
    return reply?.type === 'forward-reply' && !reply.reply.ok ? reply.reply.failure.code : undefined
  }
  assert.equal(code(six.checksum), 'TAKEOVER_INCOMPLETE')
  assert.equal(code(two.checksum), 'TASK_UNKNOWN')
})
