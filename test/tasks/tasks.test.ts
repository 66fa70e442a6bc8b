import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const succeeded = { ok: true, result: 'done' } as const

test('a shared list runs to its end with every task run exactly once', () => {
  for (const seed of [1, 2, 3]) {
    const cluster = new Cluster({ seed })
    const list = specs(500)
    cluster.list('work', list)
    cluster.start(names(8))
    cluster.until(() => cluster.allSettled(list))
    assert.equal(cluster.executions.length, 500)
    assert.equal(new Set(cluster.executions.map(({ order }) => order.task)).size, 500)
    for (const host of cluster.living) assert.ok(host.machine.counts().started > 20, 'everybody worked')
    cluster.until(() => cluster.quiet())
    const holders = ringOf(names(8))
    for (const { key } of list) {
      for (const node of holders.preferenceList(key, 3)) {
        assert.equal(cluster.host(node).disk.get(key)?.state, 'succeeded', `${node} holds ${key}`)
      }
    }
  }
})

test('nothing starts before the gate opens, and submissions are told to come again', () => {
  const cluster = new Cluster()
  cluster.list('work', specs(20))
  cluster.boot('n1')
  cluster.agree()
  cluster.pass(2_000)
  assert.equal(cluster.executions.length, 0)
  const reply = cluster.ask('n1', { kind: 'submit', spec: spec('a') })
  assert.ok(!reply.ok)
  assert.equal(reply.failure.code, 'NOT_READY')
  assert.ok((reply.failure.retryAfterS ?? 0) > 0)
  cluster.open('n1')
  cluster.until(() => cluster.executions.length === 20)
})

test('a ring without members is told from a node that is still joining', () => {
  const cluster = new Cluster()
  cluster.start(names(2))
  cluster.agree([0, 0], names(2))
  const reply = cluster.ask('n1', { kind: 'submit', spec: spec('a') })
  assert.equal(reply.ok ? undefined : reply.failure.code, 'NO_OWNER')
  cluster.agree()
  assert.ok(cluster.ask('n1', { kind: 'submit', spec: spec('a') }).ok)
})

test('no more attempts run at one time than configured, and one per key', () => {
  const cluster = new Cluster({ config: { concurrency: 3 } })
  const list = Array.from({ length: 60 }, (_, i) => spec(`t${i}`, { key: `k${i % 5}` }))
  cluster.list('work', list)
  cluster.start(['n1'])
  cluster.until(() => cluster.allSettled(list))
  for (const run of cluster.executions) {
    const during = cluster.executions.filter(
      other => other.startedAt <= run.startedAt && (other.endedAt ?? 0) > run.startedAt,
    )
    assert.ok(during.length <= 3)
    assert.equal(during.filter(({ order }) => order.key === run.order.key).length, 1)
  }
})

test('a failing task pauses longer each time and ends as a dead letter with its last error', () => {
  const error = { code: 'EXIT_NONZERO', message: 'exit 1' } as const
  const cluster = new Cluster({ run: () => ({ ms: 1, outcome: { ok: false, retryable: true, error } }) })
  cluster.start(['n1'])
  cluster.ask('n1', { kind: 'submit', spec: spec('bad', { backoffMs: 100, maxAttempts: 4 }) })
  cluster.until(() => cluster.atOwner('bad', 'bad')?.state === 'dead')
  const starts = cluster.executions.map(run => run.startedAt)
  const pauses = starts.slice(1).map((at, i) => at - (starts[i] as number))
  assert.equal(starts.length, 4)
  for (const [i, pause] of pauses.entries()) {
    const full = 100 * 2 ** i
    assert.ok(pause >= full / 2 && pause <= full + 120, `pause ${i} is ${pause} ms`)
  }
  assert.deepEqual(cluster.atOwner('bad', 'bad')?.error, error)
})

test('what cannot succeed is not tried again', () => {
  const error = { code: 'COMMAND_NOT_ALLOWED', message: 'rm' } as const
  const cluster = new Cluster({ run: () => ({ ms: 1, outcome: { ok: false, retryable: false, error } }) })
  cluster.start(['n1'])
  cluster.ask('n1', { kind: 'submit', spec: spec('bad') })
  cluster.until(() => cluster.atOwner('bad', 'bad')?.state === 'dead')
  cluster.pass(5_000)
  assert.equal(cluster.executions.length, 1)
})

test('a reloaded list forgets what vanished and never started, and keeps what did', () => {
  const cluster = new Cluster({
    run: () => ({ ms: 600_000, outcome: succeeded }),
    config: { concurrency: 2 },
  })
  const list = specs(10)
  cluster.list('work', list)
  cluster.start(['n1'])
  cluster.until(() => cluster.executions.length === 2)
  const started = cluster.executions.map(({ order }) => order.task)
  cluster.list('work', [spec('new')])
  const { machine } = cluster.host('n1')
  const left = machine.page({}).tasks.map(record => record.spec.id)
  assert.deepEqual(left.sort(), [...started, 'new'].sort())
  assert.equal(machine.counts().owned.running, 2)
  assert.equal(machine.counts().owned.ready, 1)
})

test('list tasks are on no disk before they start', () => {
  const cluster = new Cluster({
    config: { concurrency: 1 },
    run: () => ({ ms: 600_000, outcome: succeeded }),
  })
  cluster.list('work', specs(50))
  cluster.start(['n1'])
  cluster.until(() => cluster.executions.length === 1)
  assert.equal(cluster.host('n1').disk.size, 1)
})

test('a slow disk delays what is said and done, and loses nothing', () => {
  const cluster = new Cluster({ commitMs: [200, 600], frameMs: [0.1, 30] })
  const list = specs(60)
  cluster.start(names(3))
  const ids = list.map((task, i) => cluster.request(`n${(i % 3) + 1}`, { kind: 'submit', spec: task }))
  cluster.pass(150)
  assert.ok(
    ids.every(id => cluster.reply(id) === undefined),
    'nothing is promised before it is on disk',
  )
  assert.equal(cluster.executions.length, 0, 'nothing starts before its record is on disk')
  cluster.until(() => ids.every(id => cluster.reply(id)?.ok === true))
  cluster.until(() => cluster.allSettled(list))
  assert.equal(cluster.executions.length, 60)
})

test('settled records stay within their bound, but for those of a loaded list', () => {
  const cluster = new Cluster({ config: { settledMax: 10 } })
  cluster.list('work', specs(15, 'listed'))
  cluster.start(['n1'])
  const list = specs(40)
  for (const task of list) cluster.request('n1', { kind: 'submit', spec: task })
  cluster.until(() => metric(cluster.host('n1'), 'tasks_succeeded_total') === 55)
  cluster.pass(100)
  const settled = cluster.host('n1').machine.page({ state: 'succeeded', limit: 1_000 }).tasks
  assert.equal(settled.filter(({ source }) => source === 'api').length, 10)
  assert.equal(settled.filter(({ source }) => source === 'list:work').length, 15)
  assert.equal(cluster.host('n1').disk.size, 25)
  cluster.list('work', [])
  cluster.pass(200)
  assert.equal(cluster.host('n1').disk.size, 10)
})

test('a result that is too large is cut and says so', () => {
  const result = 'x'.repeat(10_000)
  const cluster = new Cluster({
    config: { resultBytesMax: 1_000 },
    run: () => ({ ms: 1, outcome: { ok: true, result } }),
  })
  cluster.start(['n1'])
  cluster.ask('n1', { kind: 'submit', spec: spec('big') })
  cluster.until(() => cluster.atOwner('big', 'big')?.state === 'succeeded')
  const kept = cluster.atOwner('big', 'big')?.result as { truncated: boolean; bytes: number; head: string }
  assert.equal(kept.truncated, true)
  assert.equal(kept.bytes, 10_002)
  assert.ok(JSON.stringify(kept).length <= 1_000)
})

test('pages list every task once, whatever comes and goes between them', () => {
  const cluster = new Cluster({ run: () => ({ ms: 600_000, outcome: succeeded }) })
  cluster.list('work', specs(250))
  cluster.start(['n1'])
  const { machine } = cluster.host('n1')
  const seen: string[] = []
  let after: string | undefined
  do {
    const page = machine.page({ limit: 40, ...(after !== undefined && { after }) })
    seen.push(...page.tasks.map(record => record.spec.id))
    after = page.next
  } while (after !== undefined)
  assert.deepEqual(
    seen,
    specs(250)
      .map(({ id }) => id as string)
      .sort(),
  )
  cluster.until(() => cluster.executions.length === 4)
  assert.equal(machine.page({ state: 'running', scope: 'ran' }).tasks.length, 4)
  assert.equal(machine.page({ scope: 'held' }).tasks.length, 0)
  assert.equal(machine.ofKey('task-7')[0]?.spec.id, asTaskId('task-7'))
})
