import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { FORWARDS_MAX } from '../../src/tasks/forwarding.ts'
import type { TaskReply } from '../../src/tasks/messages.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

const THREE = names(3)
const forever = () => ({ ms: 600_000, outcome: { ok: true, result: null } as const })

function ownedBy(node: string, among: readonly string[] = THREE): TaskSpec {
  const found = specs(400).find(({ key }) => ringOf(among).owner(key) === node)
  assert.ok(found)
  return found
}

const code = (reply: TaskReply | undefined) => (reply?.ok === false ? reply.failure.code : undefined)

function cutOff(cluster: Cluster, name: string): void {
  for (const other of cluster.hosts.keys()) {
    cluster.cut.add(`${other} ${name}`)
    cluster.cut.add(`${name} ${other}`)
  }
}

test('a task can be submitted to any node and is on the disk of its owner when that is said', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(THREE)
  for (const node of THREE) {
    for (const face of THREE) {
      const task = { ...ownedBy(node), id: asTaskId(`${node}-${face}`) }
      const reply = cluster.ask(face, { kind: 'submit', spec: task })
      assert.ok(reply.ok)
      assert.deepEqual([reply.existed, reply.durableCopies], [false, 1])
      assert.ok(cluster.host(node).disk.has(task.id))
    }
  }
})

test('the same task again is the same task, and another one under its id is refused', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  for (const face of THREE) {
    const again = cluster.ask(face, { kind: 'submit', spec: structuredClone(task) })
    assert.ok(again.ok && again.existed)
    const other = cluster.ask(face, { kind: 'submit', spec: { ...task, payload: 'other' } })
    assert.equal(code(other), 'TASK_CONFLICT')
  }
  assert.equal(cluster.executions.length, 1)
})

test('a reply about a task that is not yet on disk waits until it is', () => {
  const cluster = new Cluster({ commitMs: [100, 100] })
  cluster.start(['n1'])
  const task = spec('a')
  const first = cluster.request('n1', { kind: 'submit', spec: task })
  const second = cluster.request('n1', { kind: 'submit', spec: task })
  const third = cluster.request('n1', { kind: 'get', task: task.id })
  cluster.pass(99)
  for (const id of [first, second, third]) assert.equal(cluster.reply(id), undefined)
  cluster.until(() => cluster.reply(third) !== undefined)
  assert.ok(cluster.host('n1').disk.has('a'))
})

test('a full queue refuses, and says when to come again', () => {
  const cluster = new Cluster({ run: forever, config: { queueMax: 5 } })
  cluster.start(['n1'])
  const replies = specs(6).map(task => cluster.ask('n1', { kind: 'submit', spec: task }))
  assert.equal(code(replies[5]), 'QUEUE_FULL')
  assert.ok(replies[5]?.ok === false && (replies[5].failure.retryAfterS ?? 0) > 0)
  assert.ok(
    cluster.ask('n1', { kind: 'submit', spec: spec('task-0') }).ok,
    'what is there may be asked for again',
  )
})

test('an owner that does not answer is reported after the time limit', () => {
  const cluster = new Cluster({ config: { forwardMs: 2_000 } })
  cluster.start(THREE)
  cutOff(cluster, 'n2')
  const at = cluster.now
  const reply = cluster.ask('n1', { kind: 'submit', spec: ownedBy('n2') })
  assert.equal(code(reply), 'OWNER_UNREACHABLE')
  assert.ok(cluster.now - at >= 2_000 && cluster.now - at < 2_200)
  assert.equal(metric(cluster.host('n1'), 'requests_in_flight_to_peers'), 0)
})

test('a submission whose owner dies goes to the next owner without waiting for the limit', () => {
  for (const heir of ['n1', 'n3']) {
    const cluster = new Cluster()
    cluster.start(THREE)
    const task = specs(400).find(
      ({ key }) => ringOf(THREE).owner(key) === 'n2' && ringOf(['n1', 'n3']).owner(key) === heir,
    )
    assert.ok(task)
    cluster.kill('n2')
    const id = cluster.request('n1', { kind: 'submit', spec: task })
    cluster.pass(50)
    assert.equal(cluster.reply(id), undefined)
    const at = cluster.now
    cluster.agree()
    cluster.until(() => cluster.reply(id) !== undefined)
    assert.ok(cluster.reply(id)?.ok)
    assert.ok(cluster.now - at < 100)
  }
})

test('nodes that disagree on the owner give up after two forwards and name whom they believe in', () => {
  const cluster = new Cluster()
  cluster.start(names(4))
  const live = names(4).map(asNodeId)
  const task = ownedBy('n4', names(4))
  // n1 believes in n2, n2 in n3, n3 in n4: nobody ever asks the right one.
  for (const [node, believed] of [
    ['n1', 'n2'],
    ['n2', 'n3'],
    ['n3', 'n4'],
  ] as const) {
    cluster.show(node, ringOf([believed]), live)
  }
  const reply = cluster.ask('n1', { kind: 'submit', spec: task })
  assert.equal(code(reply), 'TOO_MANY_HOPS')
  assert.match(reply.ok ? '' : reply.failure.detail, /n4/)
  assert.equal(cluster.executions.length, 0)
})

test('a task is found from any node, whether it holds a copy or not', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(names(5))
  const task = spec('somewhere')
  cluster.ask('n1', { kind: 'submit', spec: task })
  for (const face of names(5)) {
    const reply = cluster.ask(face, { kind: 'get', task: task.id })
    assert.ok(reply.ok)
    assert.equal(reply.record.spec.id, task.id)
  }
})

test('the owner says how a task stands, even when a copy at hand is older', () => {
  const cluster = new Cluster({ run: () => ({ ms: 1_000, outcome: { ok: true, result: 7 } }) })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n2', { kind: 'submit', spec: task })
  cluster.pass(500)
  assert.equal(cluster.host('n1').machine.get(task.id)?.state, 'running')
  // From now on n1 hears nothing of it but what it asks for.
  const stale = cluster.host('n1').machine.get(task.id)
  cluster.cut.add('n2 n1')
  cluster.pass(550)
  cluster.cut.clear()
  assert.equal(cluster.host('n1').machine.get(task.id)?.state, stale?.state)
  const reply = cluster.ask('n1', { kind: 'get', task: task.id })
  assert.ok(reply.ok)
  assert.equal(reply.record.state, 'succeeded')
})

test('a task of a shared list that nobody started is ready, and done once its owner did it', () => {
  const cluster = new Cluster({
    config: { concurrency: 1 },
    run: () => ({ ms: 1_000, outcome: { ok: true, result: 7 } }),
  })
  const [first, second] = specs(400).filter(({ key }) => ringOf(names(6)).owner(key) === 'n2')
  assert.ok(first && second)
  cluster.list('work', [first, second])
  cluster.start(names(6))
  const state = (task: TaskSpec, face: string) => {
    const reply = cluster.ask(face, { kind: 'get', task: task.id })
    return reply.ok ? reply.record.state : reply.failure.code
  }
  cluster.until(() => cluster.executions.length === 1)
  for (const face of names(6)) assert.equal(state(second, face), 'ready')
  cluster.pass(5_000)
  for (const face of names(6)) assert.equal(state(second, face), 'succeeded')
})

test('a task that nobody knows is unknown only when everybody has said so', () => {
  const cluster = new Cluster({ config: { forwardMs: 1_000 } })
  cluster.start(THREE)
  assert.equal(code(cluster.ask('n1', { kind: 'get', task: asTaskId('none') })), 'TASK_UNKNOWN')
  cutOff(cluster, 'n3')
  assert.equal(code(cluster.ask('n1', { kind: 'get', task: asTaskId('none') })), 'OWNER_UNREACHABLE')
})

test('more requests in flight than the bound are refused, and the bound is free again afterwards', () => {
  const cluster = new Cluster({ config: { forwardMs: 5_000 } })
  cluster.start(THREE)
  cutOff(cluster, 'n2')
  const task = ownedBy('n2')
  for (let i = 0; i < FORWARDS_MAX; i++) {
    cluster.request('n1', { kind: 'submit', spec: { ...task, id: asTaskId(`t${i}`) } })
  }
  const one = cluster.request('n1', { kind: 'submit', spec: task })
  assert.equal(code(cluster.reply(one)), 'OVERLOADED')
  cluster.until(() => metric(cluster.host('n1'), 'requests_in_flight_to_peers') === 0)
})

test('an answer that nobody waits for is counted and changes nothing', () => {
  const cluster = new Cluster()
  cluster.start(THREE)
  const reply: TaskReply = { ok: false, failure: { code: 'TASK_UNKNOWN', detail: '' } }
  cluster.deliver('n1', 'n2', { type: 'forward-reply', id: asRequestId('made-up'), reply })
  cluster.deliver('n1', 'n2', { type: 'replicated', batch: 12 })
  cluster.deliver('n1', 'n2', {
    type: 'inventory-reply',
    id: 1,
    agreed: true,
    answer: 1,
    page: 0,
    records: [],
    running: [],
    done: true,
  })
  assert.equal(metric(cluster.host('n1'), 'replies_unknown_total'), 3)
})

test('an id that is there under another key keeps its key, and nobody falls over it', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(THREE)
  const mine = ownedBy('n1')
  cluster.ask('n1', { kind: 'submit', spec: mine })
  cluster.pass(50)
  const record = cluster.host('n1').machine.get(mine.id)
  assert.ok(record)
  const forged = { ...record, spec: { ...mine, key: 'elsewhere' }, revision: 99 }
  cluster.deliver('n1', 'n2', { type: 'replicate', batch: 1, records: [forged] })
  assert.equal(cluster.host('n1').machine.get(mine.id)?.spec.key, mine.key)
  assert.equal(metric(cluster.host('n1'), 'task_conflicts_total'), 1)
})

test('what is forwarded is checked by the owner as if it had come from outside', () => {
  const cluster = new Cluster({ run: forever, config: { payloadBytesMax: 1_000 } })
  cluster.start(THREE)
  const good = ownedBy('n2')
  const wrong: readonly (readonly [string, Partial<TaskSpec>])[] = [
    ['maxAttempts', { maxAttempts: 0 }],
    ['timeoutMs', { timeoutMs: 1e300 }],
    ['backoffMs', { backoffMs: 0.5 }],
    ['type', { type: '' }],
    ['payload', { payload: 'x'.repeat(1_000) }],
  ]
  for (const [field, changes] of wrong) {
    const reply = cluster.ask('n1', { kind: 'submit', spec: { ...good, ...changes } })
    assert.equal(code(reply), 'TASK_INVALID', field)
    assert.ok(!reply.ok && reply.failure.problems?.some(({ at }) => at === field), field)
    assert.match(reply.failure.detail, /node n2/)
  }
  const owner = ringOf(THREE).owner('')
  const asked = THREE.find(node => node !== owner) ?? ''
  assert.equal(code(cluster.ask(asked, { kind: 'submit', spec: { ...good, key: '' } })), 'TASK_INVALID')
  assert.ok(THREE.every(node => cluster.host(node).machine.get(good.id) === undefined))
  assert.ok(cluster.ask('n1', { kind: 'submit', spec: good }).ok)
})

test('a refusal by the executors names the node whose executors they are', () => {
  const failure = { code: 'COMMAND_NOT_ALLOWED', detail: 'not here.' } as const
  const cluster = new Cluster({ check: node => (node === 'n2' ? failure : undefined) })
  cluster.start(THREE)
  for (const face of THREE) {
    const reply = cluster.ask(face, { kind: 'submit', spec: ownedBy('n2') })
    assert.deepEqual(reply, {
      ok: false,
      failure: { ...failure, detail: 'not here. Said by node n2, which owns the key.' },
    })
  }
})

test('a task whose owner has not read the list is told by whoever has, unless the owner is silent', () => {
  const cluster = new Cluster({ config: { forwardMs: 1_000 } })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.listAt('n1', 'work', [task])
  for (const face of THREE) {
    const reply = cluster.ask(face, { kind: 'get', task: task.id })
    assert.ok(reply.ok, face)
    assert.equal(reply.record.state, 'ready')
  }
  cutOff(cluster, 'n2')
  for (const face of ['n1', 'n3']) {
    assert.equal(code(cluster.ask(face, { kind: 'get', task: task.id })), 'OWNER_UNREACHABLE', face)
  }
})

test('who waits for an end is told of it also where it is dropped at once', () => {
  const solo = new Solo(undefined, { settledMax: 0 })
  solo.submit(spec('a'))
  const asked = solo.request({ kind: 'get', task: asTaskId('a'), waitMs: 5_000 })
  assert.equal(solo.reply(asked), undefined)
  solo.end('a', 1, { ok: true, result: 42 })
  const reply = solo.reply(asked)
  assert.ok(reply?.ok && reply.record.result === 42)
  assert.equal(solo.tasks.get(asTaskId('a')), undefined)
})
