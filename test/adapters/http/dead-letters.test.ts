/** What is done to many dead letters at once, and what is said of it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { buildApp } from '../../../src/adapters/http/app.ts'
import type { Outcome } from '../../../src/adapters/http/dead-letters.ts'
import { asTaskId } from '../../../src/base/ids.ts'
import type { TaskReply, TaskRequest } from '../../../src/tasks/messages.ts'
import type { KeptLetter, SurveyAnswer, SurveyQuestion } from '../../../src/tasks/survey.ts'
import { record } from './sample-node.ts'
import { isProblem, post, schemaOf, subject } from './subject.ts'
import { idsOf, n1, n2, of, page, survey } from './surveyed.ts'

test('dead letters are listed, tried again and dropped by id, by filter, or all of them, but not by accident', async () => {
  const answers: Record<string, SurveyAnswer> = {
    page: page(of('t1', 't2')),
    purge: { kind: 'purge', purged: [asTaskId('t1')], kept: [] },
  }
  const reply = async (request: { kind: string; task?: string }): Promise<TaskReply> => {
    const found = { ...record({ id: asTaskId(request.task ?? '') }), state: 'dead' as const }
    if (request.task === 't2' && request.kind === 'retry')
      return { ok: false, failure: { code: 'QUEUE_FULL', detail: 'full' } }
    return { ok: true, record: found, existed: true, durableCopies: 1 }
  }
  const { ask, requests, surveys } = await subject({
    reply,
    survey: async ({ kind }) => survey([[n1, answers[kind] as SurveyAnswer]], kind === 'purge' ? [n2] : []),
  })
  assert.deepEqual(idsOf((await ask('/v1/dead?type=http')).json().tasks), ['t1', 't2'])
  assert.deepEqual(surveys[0], { kind: 'page', filter: { type: 'http', state: 'dead' }, limit: 100 })
  const redriven = (await ask(post('/v1/dead/redrive', { all: true }))).json()
  schemaOf('DeadOutcome').parse(redriven)
  assert.deepEqual([redriven.done, redriven.failed, redriven.more, redriven.complete], [1, 1, false, true])
  assert.deepEqual(redriven.failures, [{ id: 't2', code: 'QUEUE_FULL', detail: 'full' }])
  assert.deepEqual(
    requests.map(({ kind }) => kind),
    ['retry', 'retry'],
  )
  const purged = (await ask(post('/v1/dead/purge', { ids: ['t1', 't1'] }))).json()
  assert.deepEqual([purged.done, purged.complete, purged.silent], [1, false, ['n2']])
  assert.deepEqual(surveys.at(-1), { kind: 'purge', copies: [{ task: 't1', revision: 4 }] })
  for (const body of [
    {},
    { all: false },
    { all: true, type: 'echo' },
    { ids: [] },
    { ids: ['a b'] },
    { limit: 5 },
    { q: '' },
    { ids: ['t1'], cursor: 't0' },
    { all: true, cursor: 'a b' },
  ])
    isProblem(await ask(post('/v1/dead/purge', body)), 'BAD_REQUEST')
})

/** Dead letters on one node, and what was asked of it; what is dropped is gone from its pages. */
async function deadLetters(
  count: number,
  kept: (task: string) => KeptLetter['why'] | undefined = () => undefined,
  onSurvey: () => unknown = () => undefined,
) {
  const dead = new Map(
    Array.from({ length: count }, (_, i) => {
      const id = asTaskId(`t${String(i).padStart(5, '0')}`)
      return [id as string, { ...record({ id }), state: 'dead' as const }]
    }),
  )
  const reply = async ({ kind, ...request }: TaskRequest): Promise<TaskReply> => {
    const found = 'task' in request ? dead.get(request.task) : undefined
    assert.ok(found && kind !== 'submit')
    return { ok: true, record: found, existed: true, durableCopies: 1 }
  }
  const answerTo = (question: SurveyQuestion): SurveyAnswer => {
    if (question.kind === 'purge') {
      const why = question.copies.flatMap(({ task }) => {
        const reason = kept(task)
        return reason === undefined ? [] : [{ task, why: reason }]
      })
      const purged = question.copies.flatMap(({ task }) => (kept(task) === undefined ? [task] : []))
      for (const task of purged) dead.delete(task)
      return { kind: 'purge', purged, kept: why }
    }
    assert.ok(question.kind === 'page')
    const above = [...dead.values()].filter(
      ({ spec }) => question.after === undefined || spec.id > question.after,
    )
    const some = above.slice(0, question.limit)
    return page(some, above.length > some.length ? some.at(-1)?.spec.id : undefined)
  }
  const seen = await subject({
    reply,
    survey: async question => {
      await onSurvey()
      return survey([[n1, answerTo(question)]])
    },
  })
  return { ...seen, dead }
}

/** Of the event loop. */
const turn = () => new Promise(resolve => setImmediate(resolve))

/** A clock that stands still but for what is put on it. */
function clock(t: TestContext): { ms: number } {
  const time = { ms: 1_000 }
  t.mock.method(performance, 'now', () => time.ms)
  return time
}

test('what takes long is done in parts, each in time and none twice', async t => {
  const time = clock(t)
  const { ask, surveys, dead } = await deadLetters(
    1_100,
    () => undefined,
    () => {
      time.ms += 3_000 // Somebody is silent.
    },
  )
  const done: number[] = []
  for (let next: string | undefined = ''; next !== undefined; ) {
    const askedAt = time.ms
    const body: object = { all: true, ...(next !== '' && { cursor: next }) }
    const outcome: Outcome = (await ask(post('/v1/dead/purge', body))).json()
    schemaOf('DeadOutcome').parse(outcome)
    assert.ok(time.ms - askedAt <= 10_000, `${time.ms - askedAt} ms`)
    assert.equal(outcome.complete, true)
    done.push(outcome.done)
    next = outcome.next
    assert.ok(done.length <= 3, 'it comes to an end')
  }
  assert.deepEqual(done, [500, 500, 100])
  assert.equal(dead.size, 0)
  const asked = surveys.flatMap(each => (each.kind === 'purge' ? each.copies : []))
  assert.equal(asked.length, 1_100)
})

test('of many ids those are refused for which there was no time', async t => {
  const time = clock(t)
  const { ask, dead } = await deadLetters(
    600,
    () => undefined,
    () => {
      time.ms += 5_000
    },
  )
  const outcome = (await ask(post('/v1/dead/purge', { ids: [...dead.keys()] }))).json()
  assert.deepEqual([outcome.done, outcome.failed, dead.size], [250, 350, 350])
  assert.deepEqual([outcome.failures[0].id, outcome.failures[0].code], ['t00250', 'DEADLINE'])
})

test('nothing is done for a client that has gone', async t => {
  const gone = new AbortController()
  const closed = Promise.withResolvers<void>()
  const dead = await deadLetters(10, undefined, async () => {
    gone.abort()
    await closed.promise
    await turn()
  })
  const app = await buildApp(dead.parts)
  t.after(() => app.close())
  app.server.on('connection', socket => socket.once('close', () => closed.resolve()))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const body = JSON.stringify({ all: true })
  const headers = { 'content-type': 'application/json' }
  const { signal } = gone
  await assert.rejects(fetch(`${url}/v1/dead/purge`, { method: 'POST', headers, body, signal }))
  await closed.promise
  for (let i = 0; i < 5; i++) await turn()
  assert.equal(dead.surveys.length, 1)
  assert.equal(dead.dead.size, 10)
})

test('dead letters that die again at once, or stay, are seen to once: the next request goes on behind them', async () => {
  for (const action of ['redrive', 'purge']) {
    const { ask, requests, surveys } = await deadLetters(1_500, () => 'listed')
    const outcomes: { done: number; failed: number; more: boolean; next?: string }[] = []
    for (let next: string | undefined = ''; next !== undefined; next = outcomes.at(-1)?.next) {
      const body: object = { all: true, ...(next !== '' && { cursor: next }) }
      const outcome: (typeof outcomes)[number] = (await ask(post(`/v1/dead/${action}`, body))).json()
      schemaOf('DeadOutcome').parse(outcome)
      assert.equal(outcome.more, outcome.next !== undefined)
      outcomes.push(outcome)
      assert.ok(outcomes.length <= 2, `${action} comes to an end`)
    }
    const [of, and] = action === 'redrive' ? (['done', 'failed'] as const) : (['failed', 'done'] as const)
    assert.deepEqual(
      outcomes.map(outcome => [outcome[of], outcome[and]]),
      [
        [1_000, 0],
        [500, 0],
      ],
    )
    assert.equal(outcomes[0]?.next, 't00999')
    const asked = surveys.flatMap(each => (each.kind === 'purge' ? each.copies : []))
    const seen = action === 'redrive' ? requests : asked
    assert.equal(new Set(seen.map(each => 'task' in each && each.task)).size, 1_500)
    assert.equal(seen.length, 1_500, 'each of them once')
  }
})

test('what a node keeps of what it was to drop is not said to be dropped, and why is', async () => {
  const whys: Record<string, KeptLetter['why']> = { t00001: 'listed', t00002: 'changed', t00003: 'stopping' }
  const { ask, dead } = await deadLetters(5, task => whys[task])
  const outcome = (await ask(post('/v1/dead/purge', { all: true }))).json()
  assert.deepEqual([outcome.done, outcome.failed, outcome.more], [2, 3, false])
  assert.deepEqual(
    outcome.failures.map(({ id, code }: { id: string; code: string }) => [id, code]),
    [
      ['t00001', 'TASK_LISTED'],
      ['t00002', 'TASK_NOT_ENDED'],
      ['t00003', 'TASK_NOT_ENDED'],
    ],
  )
  assert.match(outcome.failures[0].detail, /^n1 has it in a task list/)
  assert.deepEqual([...dead.keys()], ['t00001', 't00002', 't00003'])
})

test('what nobody dropped while somebody was silent is not said to be dropped', async () => {
  const reply = async (): Promise<TaskReply> => {
    const found = { ...record({ id: asTaskId('t1') }), state: 'dead' as const }
    return { ok: true, record: found, existed: true, durableCopies: 1 }
  }
  const nothing: SurveyAnswer = { kind: 'purge', purged: [], kept: [] }
  for (const [silent, done] of [
    [[n2], 0],
    [[], 1],
  ] as const) {
    const { ask } = await subject({ reply, survey: async () => survey([[n1, nothing]], silent) })
    const outcome = (await ask(post('/v1/dead/purge', { ids: ['t1'] }))).json()
    assert.deepEqual([outcome.done, outcome.failed], [done, 1 - done])
    if (done === 0) assert.match(outcome.failures[0].detail, /and n2 did not answer$/)
  }
})

test('what is no dead letter is not tried again by its id', async () => {
  const { ask, requests } = await subject()
  const outcome = (await ask(post('/v1/dead/redrive', { ids: ['t1', 'nowhere'] }))).json()
  assert.deepEqual(
    outcome.failures.map(({ code }: { code: string }) => code),
    ['TASK_NOT_ENDED', 'TASK_UNKNOWN'],
  )
  assert.deepEqual(
    requests.map(({ kind }) => kind),
    ['get', 'get'],
  )
})
