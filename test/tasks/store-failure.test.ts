/** A node whose disk takes nothing new: what it refuses, what goes on, and that it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../../src/base/errors.ts'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import type { TaskReply } from '../../src/tasks/messages.ts'
import { type DiskSight, failureOfStore } from '../../src/tasks/store-failure.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { CountedRight } from './counted-right.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

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

/** Alone in quorum mode, with leave to act. */
function acting(disk: DiskSight): Solo {
  const right = new CountedRight()
  right.epochs.note(ringOf(['n1']))
  right.epochs.members = [asNodeId('n1')]
  const solo = new Solo(right, {}, ['n1'], { disk })
  solo.step(() => {
    right.take(5)
    return []
  })
  return solo
}

/** What it says at once to whoever lists the tasks of all nodes. */
function listed(solo: Solo): readonly string[] {
  const before = solo.of('surveyed').length
  const question = { kind: 'page', filter: {}, limit: 10 } as const
  solo.step(() => solo.tasks.survey(asRequestId('list'), question, solo.at))
  const reply = solo.of('surveyed').slice(before)[0]?.reply
  assert.ok(reply?.ok, 'it is answered')
  return reply.answers.flatMap(({ answer }) =>
    'tasks' in answer ? answer.tasks.map(task => task.spec.id) : [],
  )
}

for (const mode of ['available', 'quorum'] as const) {
  test(`in ${mode} mode a disk in trouble keeps nobody waiting who asks how a task stands`, () => {
    const disk: { failure: Failure | undefined } = { failure: undefined }
    const solo = mode === 'quorum' ? acting(disk) : new Solo(undefined, {}, ['n1'], { disk })
    const [done, runs, late] = [spec('done'), spec('runs'), spec('late')]
    for (const task of [done, runs]) solo.submit(task)
    solo.end(done.id, 1, { ok: true, result: 'well' })
    const get = (task: TaskSpec) => solo.reply(solo.request({ kind: 'get', task: task.id }))
    const stateOf = (reply: TaskReply | undefined) => (reply?.ok ? reply.record.state : undefined)
    solo.diskHangs = true
    const submitted = solo.submit(late)
    const early = solo.request({ kind: 'get', task: late.id })
    disk.failure = failureOfStore('read-only', 'it is read-only')
    assert.equal(stateOf(get(done)), 'succeeded')
    assert.equal(stateOf(get(runs)), 'running')
    assert.equal(failureOf(get(late))?.code, 'STORE_READ_ONLY')
    assert.deepEqual(listed(solo), ['done', 'late', 'runs'], 'nor who lists them')
    solo.end(runs.id, 1, { ok: true, result: 'well' })
    const refused = failureOf(get(runs))
    assert.equal(refused?.code, 'STORE_READ_ONLY', 'its end is not durable, so nobody hears of it')
    assert.match(refused?.detail ?? '', /it is read-only.* once it is on the disk/)
    const retried = solo.request({ kind: 'retry', task: runs.id, key: runs.key })
    // There it waits for copies, of which its own disk is one.
    const code = failureOf(solo.reply(retried))?.code
    assert.equal(code, mode === 'available' ? 'STORE_READ_ONLY' : undefined)
    assert.deepEqual([solo.reply(submitted), solo.reply(early)], [undefined, undefined])
    disk.failure = undefined
    solo.diskGoesOn()
    assert.ok(solo.reply(submitted)?.ok && solo.reply(early)?.ok)
    assert.equal(stateOf(get(runs)), 'succeeded')
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
