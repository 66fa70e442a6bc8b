import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import type { TaskReply } from '../../src/tasks/messages.ts'
import type { Outcome, TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const THREE = names(3)
const FAILS: Outcome = { ok: false, retryable: false, error: { code: 'THREW', message: 'never works' } }
const WORKS: Outcome = { ok: true, result: 'done' }

const code = (reply: TaskReply | undefined) => (reply?.ok === false ? reply.failure.code : undefined)

function ownedBy(node: string): TaskSpec {
  const found = specs(400).find(({ key }) => ringOf(THREE).owner(key) === node)
  assert.ok(found)
  return found
}

test('a task that runs is cancelled from any node: its attempt is stopped and the record says so', () => {
  const cluster = new Cluster({ run: () => ({ ms: 600_000, outcome: WORKS }) })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.runsOf(task.id).length === 1)
  const reply = cluster.ask('n3', { kind: 'cancel', task: task.id, key: task.key })
  assert.ok(reply.ok)
  assert.equal(reply.record.state, 'cancelled')
  assert.deepEqual(
    reply.record.attempts.map(({ outcome, error }) => [outcome, error?.code]),
    [['cancelled', 'CANCELLED']],
  )
  cluster.until(() => cluster.runsOf(task.id)[0]?.endedAt !== undefined, 1_000)
  cluster.until(() => cluster.quiet())
  for (const host of cluster.living) assert.equal(host.machine.get(task.id)?.state, 'cancelled')
  const again = cluster.ask('n1', { kind: 'cancel', task: task.id, key: task.key })
  assert.ok(again.ok, 'cancelling is safe to repeat')
})

test('a task that waits is cancelled and never starts; those behind it go on', () => {
  const cluster = new Cluster({ run: () => ({ ms: 500, outcome: WORKS }), config: { concurrency: 1 } })
  cluster.start(['n1'])
  const [first, second, third] = specs(3).map(each => ({ ...each, key: 'one' })) as [
    TaskSpec,
    TaskSpec,
    TaskSpec,
  ]
  for (const each of [first, second, third]) cluster.ask('n1', { kind: 'submit', spec: each })
  assert.ok(cluster.ask('n1', { kind: 'cancel', task: second.id, key: 'one' }).ok)
  cluster.until(() => cluster.host('n1').machine.get(third.id)?.state === 'succeeded')
  assert.equal(cluster.runsOf(second.id).length, 0)
  assert.equal(code(cluster.ask('n1', { kind: 'cancel', task: third.id, key: 'one' })), 'TASK_SETTLED')
  assert.equal(
    code(cluster.ask('n1', { kind: 'cancel', task: asTaskId('nowhere'), key: 'one' })),
    'TASK_UNKNOWN',
  )
})

test('a dead letter is tried again with all its attempts, and what was tried before stays in the record', () => {
  let works = false
  const cluster = new Cluster({ run: () => ({ ms: 5, outcome: works ? WORKS : FAILS }) })
  cluster.start(THREE)
  const task = { ...ownedBy('n3'), maxAttempts: 1 }
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.atOwner(task.id, task.key)?.state === 'dead')
  cluster.until(() => cluster.quiet())
  assert.equal(code(cluster.ask('n2', { kind: 'cancel', task: task.id, key: task.key })), 'TASK_SETTLED')
  works = true
  const reply = cluster.ask('n1', { kind: 'retry', task: task.id, key: task.key })
  assert.ok(reply.ok)
  cluster.until(() => cluster.atOwner(task.id, task.key)?.state === 'succeeded')
  cluster.until(() => cluster.quiet())
  for (const host of cluster.living) {
    const record = host.machine.get(task.id)
    assert.deepEqual([record?.state, record?.redriven?.times, record?.error], ['succeeded', 1, undefined])
    assert.deepEqual(
      record?.attempts.map(({ number, outcome }) => [number, outcome]),
      [
        [1, 'failed'],
        [2, 'succeeded'],
      ],
    )
  }
  assert.equal(code(cluster.ask('n1', { kind: 'retry', task: task.id, key: task.key })), 'TASK_SETTLED')
})

test('a redriven task has lost nothing when its owner is killed: the old copies do not win', () => {
  let outcome: Outcome = FAILS
  const cluster = new Cluster({ run: () => ({ ms: 5, outcome }) })
  cluster.start(THREE)
  const task = { ...ownedBy('n2'), maxAttempts: 1 }
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.atOwner(task.id, task.key)?.state === 'dead')
  cluster.until(() => cluster.quiet())
  outcome = { ok: false, retryable: true, error: { code: 'THREW', message: 'again' } }
  assert.ok(cluster.ask('n1', { kind: 'retry', task: task.id, key: task.key }).ok)
  cluster.until(() => cluster.quiet())
  outcome = WORKS
  cluster.kill('n2')
  cluster.agree()
  const left = ringOf(['n1', 'n3'])
  cluster.until(() => ['succeeded', 'dead'].includes(cluster.atOwner(task.id, task.key, left)?.state ?? ''))
})

test('a pause before the next attempt is ended by ordering it now', () => {
  const cluster = new Cluster({
    run: order => ({ ms: 5, outcome: order.attempt > 1 ? WORKS : { ...FAILS, retryable: true } }),
  })
  cluster.start(['n1'])
  const task = spec('a', { backoffMs: 3_600_000, backoffMsMax: 3_600_000 })
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.host('n1').machine.get(task.id)?.state === 'retrying')
  const at = cluster.now
  assert.ok(cluster.ask('n1', { kind: 'retry', task: task.id, key: task.key }).ok)
  cluster.until(() => cluster.host('n1').machine.get(task.id)?.state === 'succeeded')
  assert.ok(cluster.now - at < 1_000)
})

test('who waits for the end of a task is answered when it comes, or when the time is up', () => {
  const cluster = new Cluster({ run: () => ({ ms: 2_000, outcome: WORKS }) })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  const at = cluster.now
  const early = cluster.ask('n1', { kind: 'get', task: task.id, waitMs: 500 })
  assert.ok(early.ok && early.record.state === 'running')
  assert.ok(cluster.now - at >= 500 && cluster.now - at < 700, `${cluster.now - at} ms`)
  for (const face of THREE) {
    const reply = cluster.request(face, { kind: 'get', task: task.id, waitMs: 9_000 })
    cluster.pass(100)
    if (face !== 'n3') assert.equal(cluster.reply(reply), undefined)
    if (face === 'n3') cluster.until(() => cluster.reply(reply) !== undefined)
  }
  assert.ok(cluster.now - at < 2_300)
  for (const [, replies] of cluster.replies) for (const reply of replies) assert.ok(reply.ok)
})
