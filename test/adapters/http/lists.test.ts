/** What is asked of all nodes, and done with what they say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { merged } from '../../../src/adapters/http/cluster-page.ts'
import { asNodeId, asTaskId, type NodeId } from '../../../src/base/ids.ts'
import type { TaskReply } from '../../../src/tasks/messages.ts'
import type { SurveyAnswer } from '../../../src/tasks/survey.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { record } from './sample-node.ts'
import { isProblem, post, schemaOf, subject } from './subject.ts'
import { idsOf, n1, n2, n3, of, page, settled, survey } from './surveyed.ts'

test('pages of all nodes are one page in the order of ids, no further than all of them looked', () => {
  const whole = merged(
    survey([
      [n1, page(of('b', 'd'))],
      [n2, page(of('a', 'e'))],
    ]),
    10,
  )
  assert.deepEqual([idsOf(whole.tasks), whole.next, whole.complete], [['a', 'b', 'd', 'e'], undefined, true])
  const short = merged(
    survey([
      [n1, page(of('b', 'd'))],
      [n2, page(of('a', 'e'))],
    ]),
    2,
  )
  assert.deepEqual([idsOf(short.tasks), short.next], [['a', 'b'], 'b'])
  const looked = merged(
    survey([
      [n1, page(of('b', 'd'), 'c')],
      [n2, page(of('a', 'e'))],
    ]),
    10,
  )
  assert.deepEqual([idsOf(looked.tasks), looked.next], [['a', 'b'], 'c'])
  const empty = merged(
    survey([
      [n1, page([], 'k')],
      [n2, page([])],
    ]),
    10,
  )
  assert.deepEqual([empty.tasks, empty.next], [[], 'k'])
})

test('a page of many nodes has no more bytes than can be written in one turn', () => {
  const heavy = (id: string): TaskRecord => record({ id: asTaskId(id), payload: 'x'.repeat(500_000) })
  const nodes = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i))
  const found = merged(survey(nodes.map(id => [asNodeId(id), page([heavy(id)])])), 100)
  assert.deepEqual([found.tasks.length, found.next], [2, 'b'])
  assert.ok(Buffer.byteLength(JSON.stringify(found.tasks)) <= 1024 * 1024)
  assert.deepEqual(
    merged(survey([[n1, page([record({ payload: 'x'.repeat(5_000_000) })])]]), 9).tasks.length,
    1,
  )
})

test('a task that two nodes own for a moment is listed once, as it went further', () => {
  const [older] = of('a')
  const newer = { ...(older as TaskRecord), revision: 9 }
  const found = merged(
    survey([
      [n1, page(of('a'))],
      [n2, page([newer])],
    ]),
    10,
  )
  assert.deepEqual(
    found.tasks.map(({ revision }) => revision),
    [9],
  )
})

test('a list that may miss something says so, and of whom', async () => {
  const reply = survey(
    [
      [n1, page(of('a'))],
      [n2, page([], undefined, { ...settled, settling: true })],
    ],
    [n3],
  )
  const { ask, surveys } = await subject({ survey: async () => reply })
  const answer = (await ask('/v1/tasks?state=dead&type=echo&key=k&group=g&q=Err&cursor=a&limit=5')).json()
  schemaOf('Tasks').parse(answer)
  assert.deepEqual([answer.complete, answer.silent, answer.settling], [false, ['n3'], ['n2']])
  const filter = { type: 'echo', key: 'k', group: 'g', q: 'Err', state: 'dead' }
  assert.deepEqual(surveys, [{ kind: 'page', filter, limit: 5, after: 'a' }])
})

test('what nodes own by different rings is not all, whichever of them is asked', () => {
  const answers: [NodeId, SurveyAnswer][] = [
    [n1, page(of('a'))],
    [n2, page(of('b'), undefined, { settling: false, ring: 'another' })],
    [n3, page(of('c'), undefined, { settling: false })],
  ]
  const found = merged(survey(answers), 10)
  assert.deepEqual(
    [idsOf(found.tasks), found.complete, found.settling],
    [['a', 'b', 'c'], false, ['n2', 'n3']],
  )
  assert.deepEqual(merged(survey([answers[1], answers[0]] as typeof answers), 10).settling, ['n1'])
  assert.deepEqual(merged(survey([answers[2]] as typeof answers), 10).settling, ['n3'], 'it has no ring yet')
})

test('an empty page with more to come is asked on, not handed out', async () => {
  const pages = [page([], 'c'), page([], 'f'), page(of('g'))]
  const { ask, surveys } = await subject({
    survey: async () => survey([[n1, pages.shift() as SurveyAnswer]]),
  })
  const answer = (await ask('/v1/tasks?q=rare')).json()
  assert.deepEqual(idsOf(answer.tasks), ['g'])
  assert.deepEqual(
    surveys.map(each => each.kind === 'page' && each.after),
    [undefined, 'c', 'f'],
  )
})

test('a page of many rounds is answered in time, with where to go on, and names who was silent in any of them', async t => {
  let ms = 1_000
  t.mock.method(performance, 'now', () => ms)
  let round = 0
  const { ask, surveys } = await subject({
    survey: async () => {
      ms += 4_000
      return survey([[n1, page([], `k${++round}`)]], round === 1 ? [n2] : [])
    },
  })
  const answer = (await ask('/v1/tasks?q=rare')).json()
  schemaOf('Tasks').parse(answer)
  assert.deepEqual([answer.tasks, answer.next, surveys.length], [[], 'k2', 2])
  assert.deepEqual([answer.complete, answer.silent], [false, ['n2']])
})

test('nobody is asked on for a client that has gone', async () => {
  const gone = new AbortController()
  let round = 0
  const { ask, surveys } = await subject({
    survey: async () => {
      gone.abort()
      await new Promise(resolve => setImmediate(resolve))
      return survey([[n1, page([], `k${++round}`)]])
    },
  })
  await assert.rejects(ask({ url: '/v1/tasks?q=rare', signal: gone.signal }))
  for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
  assert.equal(surveys.length, 1)
})

test('filters belong to the list of all nodes, `after` to that of one', async () => {
  const { ask } = await subject()
  for (const query of [
    'scope=owned&q=x',
    'scope=all&cursor=a',
    'after=a',
    'scope=cluster&after=a',
    'q=',
    `q=${'x'.repeat(129)}`,
  ])
    isProblem(await ask(`/v1/tasks?${query}`), 'BAD_REQUEST')
})

test('an order goes to the owner of the key that the task turns out to have', async () => {
  const { ask, requests } = await subject()
  assert.equal((await ask(post('/v1/tasks/t%2F1/cancel', {}))).statusCode, 200)
  assert.deepEqual(requests, [
    { kind: 'get', task: 't/1' },
    { kind: 'cancel', task: 't/1', key: 'k1' },
  ])
  isProblem(await ask(post('/v1/tasks/unknown/retry', {})), 'TASK_UNKNOWN')
  isProblem(await ask(post('/v1/tasks/t1/retry', { now: true })), 'BAD_REQUEST')
})

test('an explanation is in the words of the owner, and names who did not answer', async () => {
  const standing = {
    key: 'k1',
    revision: 3,
    state: 'ready',
    place: 'queued',
    why: [{ code: 'key-busy', text: 'task t0 runs' }],
    next: 'it ends',
  } as const
  const copy = {
    ...standing,
    place: 'nowhere',
    why: [{ code: 'not-owner', text: 'a copy' }],
    next: 'its owner runs it',
  } as const
  const owner = asNodeId('node-2')
  const { ask } = await subject({
    survey: async () =>
      survey(
        [
          [n1, { kind: 'explain', standing: copy }],
          [owner, { kind: 'explain', standing }],
          [n2, { kind: 'explain' }],
        ],
        [n3],
      ),
  })
  const body = (await ask('/v1/explain-task/t1')).json()
  schemaOf('TaskExplanation').parse(body)
  assert.deepEqual([body.why, body.next, body.silent], [standing.why, 'it ends', ['n3']])
  assert.deepEqual(
    body.nodes.map(({ node }: { node: string }) => node),
    ['node-2', 'n1'],
  )
  assert.equal(body.placement.owner, 'node-2')
})

test('a task of which its owner may not say how it stands is explained by what each node has of it', async () => {
  const standing = {
    key: 'k1',
    revision: 3,
    state: 'ready',
    place: 'queued',
    why: [{ code: 'no-leave', text: 'it waits for leave' }],
    next: 'a quorum of voters grants it',
  } as const
  for (const code of ['NOT_ACTING', 'TAKEOVER_INCOMPLETE', 'OWNER_UNREACHABLE'] as const) {
    const failure = { code, detail: 'it waits.' }
    const reply = async (): Promise<TaskReply> => ({ ok: false, failure })
    const answers = [[asNodeId('node-2'), { kind: 'explain', standing }]] satisfies [
      typeof n1,
      SurveyAnswer,
    ][]
    const { ask } = await subject({ reply, survey: async () => survey(answers) })
    const answer = await ask('/v1/explain-task/t1')
    assert.equal(answer.statusCode, 200, code)
    const body = answer.json()
    schemaOf('TaskExplanation').parse(body)
    assert.deepEqual([body.why, body.next, body.task], [standing.why, standing.next, undefined])
    assert.deepEqual(body.refused, failure)
    assert.deepEqual([body.placement.owner, body.nodes.length], ['node-2', 1])
    // Nobody knows it: then the refusal is all there is to say.
    const unknown = await subject({ reply, survey: async () => survey([[n1, { kind: 'explain' }]]) })
    isProblem(await unknown.ask('/v1/explain-task/t1'), code)
  }
  const gone = await subject({ survey: async () => survey([[n1, { kind: 'explain', standing }]]) })
  isProblem(await gone.ask('/v1/explain-task/unknown'), 'TASK_UNKNOWN')
})

test('figures are summed over the nodes that answered', async () => {
  const stats = {
    total: 10,
    queued: 3,
    running: 2,
    done: 4,
    failed: 1,
    cancelled: 0,
    workers: 4,
    busy: 2,
    claimed: 1,
    drainPerS: 1.25,
  }
  const vitals = { cpu: 0.5, memory: 0.25 }
  const { ask } = await subject({
    survey: async () =>
      survey(
        [
          [n2, { kind: 'stats', stats, ...settled }],
          [n1, { kind: 'stats', stats, vitals, settling: false, ring: 'another' }],
        ],
        [n3],
      ),
  })
  const body = (await ask('/v1/stats')).json()
  schemaOf('Stats').parse(body)
  assert.deepEqual(
    [body.cluster.nodes, body.cluster.total, body.cluster.workers, body.cluster.drainPerS],
    [2, 20, 8, 2.5],
  )
  assert.deepEqual(body.cluster.vitals, vitals, 'of those that have measured themselves')
  assert.deepEqual(
    body.nodes.map(({ node }: { node: string }) => node),
    ['n1', 'n2'],
  )
  assert.deepEqual([body.complete, body.silent, body.settling], [false, ['n3'], ['n1']])
})

/** What a takeover, or a change of the right to act, may answer while it goes on. */
const PASSING = [
  'OWNER_UNREACHABLE',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
] as const

test('the end of a task is waited for, also through a takeover, and no longer than asked', async () => {
  const running = { ...record(), state: 'running' as const, settledAt: undefined }
  const { settledAt: _, ...open } = running
  const replies: TaskReply[] = [
    { ok: true, record: open, existed: true, durableCopies: 1 },
    ...PASSING.map(code => ({ ok: false, failure: { code, detail: 'for now' } }) as const),
    { ok: true, record: record(), existed: true, durableCopies: 1 },
  ]
  const { ask, requests } = await subject({ reply: async () => replies.shift() as TaskReply })
  assert.equal((await ask('/v1/tasks/t1?waitMs=5000')).json().state, 'succeeded')
  assert.equal(requests.length, 2 + PASSING.length)
  assert.ok(
    requests.every(each => each.kind === 'get' && (each.waitMs ?? 0) > 0 && (each.waitMs ?? 0) <= 5_000),
  )
  const still = await subject({
    reply: async () => ({ ok: true, record: open, existed: true, durableCopies: 1 }),
  })
  const at = performance.now()
  assert.equal((await still.ask('/v1/tasks/t1?waitMs=300')).json().state, 'running')
  assert.ok(performance.now() - at >= 290)
  for (const bad of ['-1', '300001', 'soon', ''])
    isProblem(await still.ask(`/v1/tasks/t1?waitMs=${bad}`), 'BAD_REQUEST')
})

test('no more wait for the end of a task than may wait at all: whoever is one too many is told at once', {
  timeout: 10_000,
}, async () => {
  const silent = () => new Promise<TaskReply>(() => undefined)
  const between = async (): Promise<TaskReply> => ({
    ok: false,
    failure: { code: 'NOT_ACTING', detail: 'for now' },
  })
  for (const reply of [silent, between]) {
    const { ask } = await subject({ reply }, { waitingMax: 2, answerMs: 300 })
    const waiting = [1, 2].map(() => ask('/v1/tasks/t1?waitMs=500'))
    isProblem(await ask('/v1/tasks/t1?waitMs=20000'), 'OVERLOADED')
    await Promise.all(waiting)
    assert.notEqual((await ask('/v1/tasks/t1?waitMs=1')).json().code, 'OVERLOADED')
  }
})
