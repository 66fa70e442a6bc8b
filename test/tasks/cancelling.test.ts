import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId, type NodeId } from '../../src/base/ids.ts'
import { cancelTask, redriveTask } from '../../src/tasks/attempts.ts'
import { isSettled } from '../../src/tasks/merge.ts'
import type { TaskReply, TaskRequest } from '../../src/tasks/messages.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Arbiter } from './arbiter.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

const THREE = names(3)
const forever = () => ({ ms: 600_000, outcome: { ok: true, result: null } as const })
const failing = () =>
  ({ ms: 1, outcome: { ok: false, error: { code: 'THREW', message: 'no' }, retryable: true } }) as const

function ownedBy(node: string, among: readonly string[] = THREE): TaskSpec {
  const found = specs(400).find(({ key }) => ringOf(among).owner(key) === node)
  assert.ok(found)
  return found
}

const code = (reply: TaskReply | undefined) => (reply?.ok === false ? reply.failure.code : undefined)

const cancelOf = ({ id, key }: TaskSpec, runsOn?: NodeId): Extract<TaskRequest, { kind: 'cancel' }> => ({
  kind: 'cancel',
  task: id,
  key,
  ...(runsOn && { runsOn }),
})

function accepted(reply: TaskReply) {
  assert.ok(reply.ok, JSON.stringify(reply))
  return reply.record
}

for (const face of THREE) {
  test(`a task that runs on n2 is cancelled through ${face}: its attempt ends, and every holder learns of it`, () => {
    const cluster = new Cluster({ run: forever })
    cluster.start(THREE)
    const task = ownedBy('n2')
    cluster.ask(face, { kind: 'submit', spec: task })
    cluster.until(() => cluster.executions.length === 1)
    const record = accepted(cluster.ask(face, cancelOf(task, asNodeId('n2'))))
    assert.equal(record.state, 'cancelled')
    assert.ok(cluster.host('n2').disk.get(task.id)?.state === 'cancelled', 'it is durable when it is said')
    const askedAt = cluster.now
    cluster.until(() => cluster.executions[0]?.endedAt !== undefined)
    assert.ok(cluster.now - askedAt < 100)
    cluster.until(() =>
      [...cluster.hosts.values()].every(({ disk }) => disk.get(task.id)?.state === 'cancelled'),
    )
    cluster.until(() => cluster.host('n2').machine.get(task.id)?.attempts[0]?.outcome === 'cancelled')
    assert.equal(metric(cluster.host('n2'), 'attempts_failed_total'), 0)
    assert.equal(metric(cluster.host('n2'), 'tasks_cancelled_total'), 1)
    cluster.pass(5_000)
    assert.equal(cluster.executions.length, 1, 'it is not tried again')
  })
}

test('a task that waits, behind another of its key or for a retry, is cancelled where it waits', () => {
  const cluster = new Cluster({ run: forever, config: { backoffMs: 60_000 } })
  cluster.start(THREE)
  const first = ownedBy('n1')
  const second = { ...first, id: asTaskId('second') }
  cluster.ask('n1', { kind: 'submit', spec: first })
  cluster.ask('n1', { kind: 'submit', spec: second })
  assert.equal(accepted(cluster.ask('n3', cancelOf(second))).state, 'cancelled')
  accepted(cluster.ask('n2', cancelOf(first)))
  cluster.pass(2_000)
  assert.deepEqual(
    cluster.executions.map(({ order }) => order.task),
    [first.id],
  )

  const retrying = new Cluster({ run: failing })
  retrying.start(THREE)
  const task = { ...ownedBy('n1'), backoffMs: 60_000 }
  retrying.ask('n1', { kind: 'submit', spec: task })
  retrying.until(() => retrying.host('n1').machine.get(task.id)?.state === 'retrying')
  accepted(retrying.ask('n1', cancelOf(task)))
  retrying.pass(120_000)
  assert.equal(retrying.executions.length, 1)
})

test('the next task of the key begins only when the cancelled one has ended', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(['n1'])
  const first = spec('first', { key: 'k' })
  const second = spec('second', { key: 'k' })
  for (const each of [first, second]) cluster.ask('n1', { kind: 'submit', spec: each })
  accepted(cluster.ask('n1', cancelOf(first)))
  cluster.until(() => cluster.executions.length === 2)
  const [one, two] = cluster.executions
  assert.ok(one?.endedAt !== undefined && two !== undefined && two.startedAt >= one.endedAt)
})

test('what has ended is not cancelled, what is cancelled may be cancelled again, and what nobody knows is said so', () => {
  const cluster = new Cluster()
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.host('n2').machine.get(task.id)?.state === 'succeeded')
  assert.equal(code(cluster.ask('n1', cancelOf(task))), 'TASK_SETTLED')
  assert.equal(cluster.host('n2').machine.get(task.id)?.state, 'succeeded')
  assert.equal(code(cluster.ask('n1', cancelOf(spec('nobody-knows')))), 'TASK_UNKNOWN')

  const again = new Cluster({ run: forever })
  again.start(THREE)
  again.ask('n1', { kind: 'submit', spec: task })
  const record = accepted(again.ask('n1', cancelOf(task)))
  assert.deepEqual(accepted(again.ask('n3', cancelOf(task))).settledAt, record.settledAt)
})

test('the owner of now cancels what a former owner still runs, though that one holds no copy', () => {
  const four = names(8)
  const cluster = new Cluster({ run: forever })
  cluster.start(['n1'])
  const task = specs(800).find(({ key }) => !ringOf(four).preferenceList(key, 3).includes(asNodeId('n1')))
  assert.ok(task)
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.executions.length === 1)
  for (const name of four.slice(1)) cluster.boot(name)
  cluster.agree()
  for (const name of four.slice(1)) cluster.open(name)
  const owner = cluster.host(String(ringOf(four).owner(task.key)))
  cluster.until(() => owner.machine.get(task.id)?.state === 'running')
  cluster.pass(2_000)
  assert.equal(cluster.executions.filter(({ endedAt }) => endedAt === undefined).length, 1)
  // Asked without a word on who runs it, so that it goes to the owner.
  assert.equal(accepted(cluster.ask('n1' === owner.id ? 'n2' : owner.id, cancelOf(task))).state, 'cancelled')
  cluster.until(() => cluster.executions.every(({ endedAt }) => endedAt !== undefined))
  cluster.pass(2_000)
  assert.equal(cluster.executions.length, 1)
  assert.ok(
    [...cluster.hosts.values()].every(({ tasks }) =>
      isSettled(tasks?.get(task.id) ?? accepted(cluster.ask(owner.id, { kind: 'get', task: task.id }))),
    ),
  )
})

test('a request to cancel that nobody answers is answered all the same', () => {
  const cluster = new Cluster({ run: forever, config: { forwardMs: 500 } })
  cluster.start(THREE)
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  for (const pair of ['n1 n2', 'n2 n1']) cluster.cut.add(pair)
  const asked = cluster.request('n1', cancelOf(task))
  cluster.pass(700)
  assert.equal(code(cluster.reply(asked)), 'OWNER_UNREACHABLE')
})

test('in quorum mode whoever runs it cancels it: nobody else may act for its key, and then the key changes hands', () => {
  const arbiter = new Arbiter()
  const cluster: Cluster = new Cluster({
    run: forever,
    right: node => arbiter.right(node),
    claims: (host, kept, now) => {
      if (cluster.living.every(({ id }) => id >= host.id)) arbiter.ring = host.ring
      arbiter.claims(host.id, host.ring, kept, now)
    },
  })
  cluster.start(['n1'])
  const task = ownedBy('n2')
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.executions.length === 1)
  for (const name of ['n2', 'n3']) cluster.boot(name)
  cluster.agree()
  for (const name of ['n2', 'n3']) cluster.open(name)
  cluster.until(() => cluster.host('n2').machine.get(task.id)?.state === 'running')
  cluster.pass(1_000)
  assert.deepEqual(cluster.host('n1').machine.keptKeys(), [task.key])
  assert.equal(code(cluster.ask('n3', cancelOf(task))), 'NOT_ACTING')
  assert.equal(cluster.executions[0]?.endedAt, undefined)
  assert.equal(accepted(cluster.ask('n3', cancelOf(task, asNodeId('n1')))).state, 'cancelled')
  cluster.until(() => cluster.host('n1').machine.keptKeys().length === 0)
  assert.notEqual(cluster.executions[0]?.endedAt, undefined)
  cluster.until(() => cluster.host('n2').machine.get(task.id)?.state === 'cancelled')
})

test('a cancelled attempt ends also where its node hears of the cancelling only with the other try that was ordered', () => {
  const solo = new Solo(undefined)
  const task = ownedBy('n2', ['n1', 'n2'])
  solo.submit(task)
  solo.see(['n1', 'n2'])
  const holders = ['n2', 'n1'].map(asNodeId)
  const { wall } = solo.at
  const record = redriveTask(cancelTask(solo.record(task.id), wall, holders), wall, holders)
  solo.hear('n2', { type: 'replicate', batch: 1, records: [record] })
  assert.deepEqual(
    new Set(solo.of('cancel-attempt').map(({ task, attempt }) => [task, attempt].join())),
    new Set([[task.id, 1].join()]),
  )
  solo.end(task.id, 1, { ok: false, retryable: false, error: { code: 'CANCELLED', message: 'stopped' } })
  assert.deepEqual([solo.record(task.id).state, solo.tasks.underWay], ['ready', 0])
})
