import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settlingOf } from '../../src/adapters/http/settling.ts'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import type { SurveyQuestion, SurveyReply } from '../../src/tasks/survey.ts'
import type { Outcome, TaskRecord } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const THREE = names(3)
const FAILS: Outcome = { ok: false, retryable: false, error: { code: 'THREW', message: 'Never Works' } }

function tasksOf(reply: SurveyReply): readonly TaskRecord[] {
  assert.ok(reply.ok)
  return reply.answers.flatMap(({ answer }) => (answer.kind === 'page' ? answer.tasks : []))
}

/** What all nodes say together that they dropped and kept. */
function purgedOf(reply: SurveyReply): readonly [purged: string[], kept: string[]] {
  assert.ok(reply.ok)
  const said = reply.answers.flatMap(({ answer }) => (answer.kind === 'purge' ? [answer] : []))
  return [
    said.flatMap(({ purged }) => purged),
    said.flatMap(({ kept }) => kept.map(({ task, why }) => `${task} ${why}`)),
  ]
}

const pageOf = (filter: Extract<SurveyQuestion, { kind: 'page' }>['filter'], limit = 100) =>
  ({ kind: 'page', filter, limit }) as const

test('a batch is one write here, and one frame to each owner and back', () => {
  const cluster = new Cluster({ run: () => ({ ms: 600_000, outcome: { ok: true, result: null } }) })
  cluster.start(THREE)
  cluster.until(() => cluster.quiet())
  const frames = cluster.frames
  const batch = specs(300)
  const ids = cluster.requestAll(
    'n1',
    batch.map(each => ({ kind: 'submit', spec: each })),
  )
  assert.equal(cluster.frames - frames, 2, 'one frame to each of the two other owners')
  cluster.until(() => ids.every(id => cluster.reply(id) !== undefined))
  for (const id of ids) assert.ok(cluster.reply(id)?.ok)
  for (const each of batch) assert.ok(cluster.atOwner(each.id, each.key))
})

test('large tasks of a batch are shared out over frames that fit a link', () => {
  const cluster = new Cluster()
  cluster.start(['n1', 'n2'])
  const mine = specs(400)
    .filter(({ key }) => ringOf(['n1', 'n2']).owner(key) === 'n2')
    .slice(0, 5)
  const frames = cluster.frames
  const batch = mine.map(each => ({ ...each, payload: 'x'.repeat(200_000) }))
  const ids = cluster.requestAll(
    'n1',
    batch.map(each => ({ kind: 'submit', spec: each })),
  )
  assert.equal(cluster.frames - frames, 3, 'two in a frame of half a MiB')
  cluster.until(() => ids.every(id => cluster.reply(id) !== undefined))
})

test('every node lists what it owns, and a node that is silent is named', () => {
  const cluster = new Cluster({ run: () => ({ ms: 5, outcome: FAILS }), config: { forwardMs: 1_000 } })
  cluster.start(THREE)
  const batch = specs(60)
  for (const each of batch) cluster.ask('n1', { kind: 'submit', spec: each })
  cluster.until(() => batch.every(each => cluster.atOwner(each.id, each.key)?.state === 'dead'))
  const dead = cluster.survey('n2', pageOf({ state: 'dead' }))
  assert.deepEqual(new Set(tasksOf(dead).map(({ spec }) => spec.id)), new Set(batch.map(({ id }) => id)))
  assert.deepEqual(tasksOf(cluster.survey('n2', pageOf({ state: 'ready' }))), [])
  assert.equal(tasksOf(cluster.survey('n2', pageOf({ q: 'never works' }))).length, 60)
  assert.deepEqual(
    tasksOf(cluster.survey('n3', pageOf({ key: 'task-7' }))).map(({ spec }) => spec.id),
    ['task-7'],
  )
  cluster.cut.add('n1 n2')
  const partial = cluster.survey('n2', pageOf({}))
  assert.ok(partial.ok)
  assert.deepEqual(partial.silent, ['n1'])
  assert.equal(partial.answers.length, 2)
  assert.equal(metric(cluster.host('n2'), 'surveys_unanswered_total'), 1)
})

test('whoever lists its tasks by another ring than the one that asks can be told by that', () => {
  const names = ['n1', 'n2', 'n3', 'n4']
  const cluster = new Cluster({ run: () => ({ ms: 5, outcome: FAILS }) })
  cluster.start(names)
  const batch = specs(80)
  for (const each of batch) cluster.ask('n1', { kind: 'submit', spec: each })
  cluster.until(() => cluster.quiet())
  const ask = (kind: 'page' | 'stats') => {
    const reply = cluster.survey('n1', kind === 'page' ? pageOf({}) : { kind })
    assert.ok(reply.ok)
    assert.deepEqual([reply.silent, reply.answers[0]?.node], [[], 'n1'])
    return reply.answers.flatMap(({ node, answer }) => ('settling' in answer ? [{ node, answer }] : []))
  }
  const missing = (answers: ReturnType<typeof ask>) => {
    const count = answers.reduce(
      (sum, { answer }) => sum + (answer.kind === 'page' ? answer.tasks.length : answer.stats.total),
      0,
    )
    return [batch.length - count, settlingOf(answers.map(({ node, answer }) => ({ node, ...answer })))]
  }
  for (const kind of ['page', 'stats'] as const) assert.deepEqual(missing(ask(kind)), [0, []])
  // It is cordoned and knows it, the others do not yet: what it owned is listed by nobody.
  cluster.show('n2', ringOf(['n1', 'n3', 'n4']), names.map(asNodeId))
  cluster.pass(100)
  for (const kind of ['page', 'stats'] as const) {
    const [few, settling] = missing(ask(kind))
    assert.ok(Number(few) > 0, `${few} are missing`)
    assert.deepEqual(settling, ['n2'])
  }
  // No member of the ring, with the same view of it.
  for (const each of names) cluster.show(each, ringOf(['n1', 'n3', 'n4']), names.map(asNodeId))
  cluster.until(() => cluster.quiet())
  for (const kind of ['page', 'stats'] as const) assert.deepEqual(missing(ask(kind)), [0, []])
})

test('an answer that would be too large says how far it goes', () => {
  const cluster = new Cluster({ run: () => ({ ms: 600_000, outcome: FAILS }) })
  cluster.start(['n1'])
  const batch = specs(5).map(each => ({ ...each, payload: 'x'.repeat(200_000) }))
  for (const each of batch) cluster.ask('n1', { kind: 'submit', spec: each })
  const seen: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const question = { ...pageOf({}), ...(after !== '' && { after: asTaskId(after) }) }
    const reply = cluster.survey('n1', question)
    const answer = reply.ok ? reply.answers[0]?.answer : undefined
    assert.ok(answer?.kind === 'page')
    assert.ok(answer.tasks.length > 0 && answer.tasks.length <= 3)
    seen.push(...answer.tasks.map(each => each.spec.id))
    after = answer.upTo
  }
  assert.deepEqual(
    seen,
    batch.map(({ id }) => id),
  )
})

test('purging drops the dead letter and its copies, and nothing that is not one', () => {
  const cluster = new Cluster({
    run: order => ({ ms: 5, outcome: order.key === 'good' ? { ok: true, result: 1 } : FAILS }),
  })
  cluster.start(THREE)
  const [bad, good] = [spec('bad'), spec('good')]
  for (const each of [bad, good]) cluster.ask('n1', { kind: 'submit', spec: each })
  cluster.until(() => cluster.allSettled([good]) && cluster.atOwner('bad', 'bad')?.state === 'dead')
  cluster.until(() => cluster.quiet())
  const copies = [bad, good].map(({ id }) => ({ task: id, revision: 1_000 }))
  const stale = cluster.survey('n1', { kind: 'purge', copies: [{ task: bad.id, revision: 1 }] })
  assert.deepEqual(purgedOf(stale), [[], ['bad changed', 'bad changed', 'bad changed']])
  const purged = cluster.survey('n1', { kind: 'purge', copies })
  assert.deepEqual(purgedOf(purged), [
    ['bad', 'bad', 'bad'],
    ['good changed', 'good changed', 'good changed'],
  ])
  for (const host of cluster.living) {
    assert.equal(host.machine.get(bad.id), undefined)
    assert.equal(host.machine.get(good.id)?.state, 'succeeded')
  }
})

test('a dead letter of a loaded list stays, and every node that has the list says so', () => {
  const cluster = new Cluster({ run: () => ({ ms: 5, outcome: FAILS }) })
  const listed = spec('listed')
  cluster.list('work', [listed])
  cluster.start(THREE)
  cluster.until(() => cluster.atOwner('listed', 'listed')?.state === 'dead')
  cluster.until(() => cluster.quiet())
  const copies = [{ task: listed.id, revision: 1_000 }]
  const refused = cluster.survey('n1', { kind: 'purge', copies })
  assert.deepEqual(purgedOf(refused), [[], Array(3).fill('listed listed')])
  assert.equal(cluster.atOwner('listed', 'listed')?.state, 'dead')
  for (const name of THREE) cluster.listAt(name, 'work', [])
  assert.deepEqual(purgedOf(cluster.survey('n1', { kind: 'purge', copies })), [Array(3).fill('listed'), []])
})

test('it is said why a task does not run: its key is busy, its workers are, or it pauses', () => {
  const cluster = new Cluster({
    run: order => ({ ms: order.key === 'slow' ? 600_000 : 5, outcome: { ...FAILS, retryable: true } }),
    config: { concurrency: 1 },
  })
  cluster.start(['n1'])
  const why = (task: string) => {
    const reply = cluster.survey('n1', { kind: 'explain', task: asTaskId(task) })
    const answer = reply.ok ? reply.answers[0]?.answer : undefined
    assert.ok(answer?.kind === 'explain')
    return answer.standing?.why.map(each => each.code)
  }
  cluster.ask('n1', {
    kind: 'submit',
    spec: spec('pausing', { backoffMs: 1_000_000, backoffMsMax: 1_000_000 }),
  })
  cluster.until(() => cluster.host('n1').machine.get(asTaskId('pausing'))?.state === 'retrying')
  for (const id of ['first', 'second', 'third']) {
    cluster.ask('n1', { kind: 'submit', spec: spec(id, { key: id === 'third' ? 'other' : 'slow' }) })
  }
  cluster.until(() => cluster.runsOf('first').length === 1)
  assert.deepEqual(why('first'), ['running'])
  assert.deepEqual(why('second'), ['key-busy'])
  assert.deepEqual(why('third'), ['slots'])
  assert.deepEqual(why('pausing'), ['retry-pause'])
  assert.equal(why('unknown'), undefined)
})

test('a full queue says how long it takes to drain', () => {
  const cluster = new Cluster({
    run: () => ({ ms: 100, outcome: { ok: true, result: null } }),
    config: { queueMax: 200, concurrency: 1 },
  })
  cluster.start(['n1'])
  const submit = (prefix: string) =>
    specs(200, prefix).map(each => cluster.request('n1', { kind: 'submit', spec: each }))
  submit('a')
  cluster.pass(5_000)
  submit('b')
  const reply = cluster.ask('n1', { kind: 'submit', spec: spec('one-more') })
  assert.ok(!reply.ok && reply.failure.code === 'QUEUE_FULL')
  // Ten a second end, and two of them are a hundredth of the queue.
  assert.equal(reply.failure.retryAfterS, 1)
  assert.match(reply.failure.detail, /at most 200 may \(tasks.queueMax\); \d+\.\d of them end a second/)
  assert.ok(metric(cluster.host('n1'), 'tasks_drain_per_s') > 5)
})
