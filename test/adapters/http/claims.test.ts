/** Claiming over HTTP without sockets: the executor is the real one, the test plays the core behind it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttemptDesk } from '../../../src/adapters/executors/attempt-desk.ts'
import type { ClaimConfig } from '../../../src/adapters/executors/config.ts'
import { Limit } from '../../../src/adapters/executors/limit.ts'
import { asTaskId } from '../../../src/base/ids.ts'
import { after, instantOf } from '../../../src/base/time.ts'
import type { AttemptOrder, Input } from '../../../src/node/machine.ts'
import type { Claim, ClaimStanding, ClaimsView } from '../../../src/runtime/claims.ts'
import type { Attempt, Outcome, TaskRecord } from '../../../src/tasks/task.ts'
import { orderOf } from '../executors/scene.ts'
import { nodeId, record } from './sample-node.ts'
import { isProblem, post, type Subject, schemaOf, subject } from './subject.ts'

interface Scene extends Subject {
  readonly offers: Extract<Input, { kind: 'offer' }>[]
  readonly withdrawn: number[]
  /** As the core does it when somebody waits. */
  begin(some?: Partial<AttemptOrder>): {
    readonly outcome: Promise<Outcome>
    readonly abort: AbortController
    readonly limit: Limit
  }
  claim(body?: object): Promise<Claim>
}

/** @param recorded what the record says of the attempt once it has ended */
async function scene(claim: Partial<ClaimConfig> = {}, recorded: Partial<TaskRecord> = {}): Promise<Scene> {
  const reply = async () => ({
    ok: true as const,
    record: { ...record({ id: asTaskId('task-1'), type: 'x' }), ...recorded },
    existed: true,
    durableCopies: 1,
  })
  const seen = await subject({ claim: { types: ['x', 'y'], ...claim }, reply })
  const offers: Scene['offers'] = []
  const withdrawn: number[] = []
  seen.claims.connect(input => {
    if (input.kind === 'offer') offers.push(input)
    if (input.kind === 'offer-withdrawn') withdrawn.push(input.offer)
  })
  const begin: Scene['begin'] = (some = {}) => {
    const order = orderOf(
      'x',
      { hello: 'world' },
      { node: nodeId, offer: offers.at(-1)?.offer ?? 0, ...some },
    )
    const abort = new AbortController()
    const limit = new Limit(order.until)
    const desk = new AttemptDesk(order.task, order.attempt)
    return { outcome: seen.claims.execute(order, abort.signal, limit, desk), abort, limit }
  }
  return {
    ...seen,
    offers,
    withdrawn,
    begin,
    claim: async (body = {}) => {
      const answer = await seen.ask(post('/v1/claims', { types: ['x'], waitMs: 0, ...body }))
      const [claim] = answer.json<{ claims: readonly Claim[] }>().claims
      assert.ok(claim, answer.body)
      return claim
    },
  }
}

const attempt = (some: Partial<Attempt> = {}): Partial<TaskRecord> => ({
  attempts: [
    { number: 1, node: nodeId, startedAt: record().acceptedAt, token: '7', outcome: 'succeeded', ...some },
  ],
})

const own = { attempt: 1, token: '7' }

test('a client gets the task that begins while it waits, with all that it needs, as described', async () => {
  const { ask, begin, offers } = await scene()
  const answering = ask(post('/v1/claims', { types: ['x'], max: 2, waitMs: 20_000, client: 'resizer 1' }))
  await turnUntil(() => offers.length === 1)
  assert.deepEqual([offers[0]?.types, offers[0]?.places], [['x'], 2])
  begin({ until: after(instantOf(performance.now()), 2_000), timeoutMs: 60_000 })
  const answer = await answering
  assert.equal(answer.statusCode, 200)
  schemaOf('Claimed').parse(answer.json())
  const [claim] = answer.json<{ claims: readonly Claim[] }>().claims
  assert.ok(claim)
  const { task, key, type, payload, attempt: number, token, leaseMs } = claim
  assert.deepEqual(
    { task, key, type, payload, number, token, leaseMs },
    {
      ...{ task: 'task-1', key: 'key-1', type: 'x', payload: { hello: 'world' }, number: 1 },
      ...{ token: { value: '7', safe: false }, leaseMs: 10_000 },
    },
  )
  assert.ok(claim.actingForMs > 1_000 && claim.actingForMs <= 1_900, String(claim.actingForMs))
  assert.ok(Math.abs(claim.actingUntilMs - claim.actingForMs - Date.now()) < 1_000)
  assert.ok(claim.deadlineMs > Date.now() + 50_000)
  const view = (await ask('/v1/claims')).json<ClaimsView>()
  schemaOf('Claims').parse(view)
  assert.deepEqual([view.types, view.held, view.claims[0]?.client], [['x', 'y'], 1, 'resizer 1'])
})

test('who waits in vain gets an empty list, and its offer is withdrawn', async () => {
  const { ask, offers, withdrawn } = await scene()
  const answer = await ask(post('/v1/claims', { types: ['y'], waitMs: 1 }))
  assert.deepEqual([answer.statusCode, answer.json()], [200, { claims: [] }])
  assert.deepEqual(
    withdrawn,
    offers.map(({ offer }) => offer),
  )
})

test('many claims with large payloads are written some in each turn of the event loop', async t => {
  const { ask, begin, offers } = await scene()
  const all = ask(post('/v1/claims', { types: ['x'], max: 40, waitMs: 20_000 }))
  await turnUntil(() => offers.length === 1)
  let inTurn = 0
  let most = 0
  const payload = (text: string) => ({
    toJSON: () => {
      most = Math.max(most, ++inTurn)
      return text
    },
  })
  const turns = () => {
    inTurn = 0
    turn = setImmediate(turns)
  }
  let turn = setImmediate(turns)
  t.after(() => clearImmediate(turn))
  const large = 'x'.repeat(100_000)
  for (let i = 0; i < 40; i++)
    begin({ task: asTaskId(`large-${i}`), payload: payload(`${large}${i}`) as unknown as string })
  const answer = await all
  assert.equal(answer.statusCode, 200)
  schemaOf('Claimed').parse(answer.json())
  const { claims } = answer.json<{ claims: readonly Claim[] }>()
  assert.deepEqual(
    claims.map(({ payload }) => payload),
    Array.from({ length: 40 }, (_, i) => `${large}${i}`),
  )
  assert.ok(most > 0 && most <= 2, `${most} in one turn`)
})

test('completing ends the attempt with the result, and says what the record says', async () => {
  const { ask, begin, claim } = await scene({}, attempt())
  const { outcome } = begin()
  const { claim: id } = await claim()
  const answer = await ask(post(`/v1/claims/complete/${id}`, { ...own, result: { width: 7 } }))
  assert.equal(answer.statusCode, 200)
  schemaOf('ClaimEnded').parse(answer.json())
  const ended = { claim: id, task: 'task-1', attempt: 1, outcome: 'succeeded', state: 'succeeded' }
  assert.deepEqual(answer.json(), { ...ended, repeated: false })
  assert.deepEqual(await outcome, { ok: true, result: { width: 7 } })
  const again = await ask(post(`/v1/claims/complete/${id}`, { ...own, result: { width: 7 } }))
  assert.deepEqual(again.json(), { ...ended, repeated: true })
  isProblem(await ask(post(`/v1/claims/fail/${id}`, { ...own, message: 'after all' })), 'CLAIM_ENDED')
})

test('an end that the record does not show yet is said to be pending', async () => {
  const { ask, begin, claim } = await scene({}, { attempts: [], state: 'running' })
  begin()
  const { claim: id } = await claim()
  const answer = await ask(post(`/v1/claims/complete/${id}`, own))
  assert.deepEqual([answer.statusCode, answer.json<{ state: string }>().state], [202, 'running'])
  schemaOf('ClaimEnded').parse(answer.json())
})

test('a result that came after the right had ended is not taken for recorded', async () => {
  const { ask, begin, claim } = await scene({}, attempt({ outcome: 'fenced' }))
  begin()
  const { claim: id } = await claim()
  const problem = isProblem(await ask(post(`/v1/claims/complete/${id}`, own)), 'CLAIM_ENDED')
  assert.match(String(problem['detail']), /fenced/)
})

test('failing says why, and whether trying again can help', async () => {
  const { ask, begin, claim } = await scene({}, attempt({ outcome: 'failed' }))
  const { outcome } = begin()
  const { claim: id } = await claim()
  const answer = await ask(
    post(`/v1/claims/fail/${id}`, { ...own, message: 'no such file', retryable: false }),
  )
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(await outcome, {
    ok: false,
    error: { code: 'CLAIM_FAILED', message: 'no such file' },
    retryable: false,
  })
})

test('a task that is given back counts against nothing', async () => {
  const { ask, begin, claim } = await scene({}, attempt({ outcome: 'cancelled' }))
  const { outcome } = begin()
  const { claim: id } = await claim()
  assert.equal((await ask(post(`/v1/claims/release/${id}`, own))).statusCode, 200)
  const ended = await outcome
  assert.equal(ended.ok || ended.error.code, 'UNCLAIMED')
})

test('a stale word of another attempt or token is refused with a code, and the claim goes on', async () => {
  const { ask, begin, claim } = await scene()
  begin({ attempt: 2 })
  const { claim: id } = await claim()
  for (const stale of [
    { attempt: 1, token: '7' },
    { attempt: 2, token: '6' },
  ]) {
    isProblem(await ask(post(`/v1/claims/complete/${id}`, stale)), 'CLAIM_STALE')
    isProblem(await ask(post(`/v1/claims/renew/${id}`, stale)), 'CLAIM_STALE')
    isProblem(await ask(post(`/v1/claims/fail/${id}`, { ...stale, message: 'm' })), 'CLAIM_STALE')
    isProblem(await ask(post(`/v1/claims/release/${id}`, stale)), 'CLAIM_STALE')
  }
  isProblem(await ask(post('/v1/claims/renew/never-was', own)), 'CLAIM_UNKNOWN')
  isProblem(await ask(post('/v1/claims/complete/never-was', own)), 'CLAIM_UNKNOWN')
  const held = await ask(post(`/v1/claims/renew/${id}`, { attempt: 2, token: '7' }))
  assert.equal(held.json<ClaimStanding>().state, 'held')
})

test('a renewal moves the time to act on, keeps the progress, and is answered at once unless it waits', async () => {
  const { ask, begin, claim, claims } = await scene({ leaseMs: 5_000 })
  const { limit } = begin({ until: after(instantOf(performance.now()), 2_000) })
  const { claim: id } = await claim()
  const later = after(instantOf(performance.now()), 4_000)
  limit.extend(later)
  claims.extend([limit], later)
  const answer = await ask(post(`/v1/claims/renew/${id}`, { ...own, progress: { fraction: 0.4 } }))
  schemaOf('ClaimStanding').parse(answer.json())
  const { state, actingForMs = 0 } = answer.json<ClaimStanding>()
  assert.equal(state, 'held')
  assert.ok(actingForMs > 2_000 && actingForMs <= 3_900, String(actingForMs))
  assert.deepEqual((await ask('/v1/claims')).json<ClaimsView>().claims[0]?.progress, { fraction: 0.4 })
})

test('a renewal that waits is answered in time for the next one', async () => {
  const { ask, begin, claim } = await scene({ leaseMs: 900 })
  begin()
  const { claim: id } = await claim()
  const from = performance.now()
  const answer = await ask(post(`/v1/claims/renew/${id}`, { ...own, waitMs: 60_000 }))
  const tookMs = performance.now() - from
  assert.equal(answer.json<ClaimStanding>().state, 'held')
  assert.ok(tookMs >= 250 && tookMs < 900, `${tookMs} ms`)
})

test('cancelling tells a renewal that waits, and the attempt ends when the client confirms', async () => {
  const { ask, begin, claim, claims } = await scene({}, attempt({ outcome: 'cancelled' }))
  const { outcome, abort } = begin()
  const { claim: id } = await claim()
  const waiting = ask(post(`/v1/claims/renew/${id}`, { ...own, waitMs: 60_000 }))
  await turnUntil(() => metric(claims, 'task_claim_renewals_waiting') === 1)
  const from = performance.now()
  abort.abort()
  const standing = (await waiting).json<ClaimStanding>()
  assert.ok(performance.now() - from < 1_000)
  assert.equal(standing.state, 'cancelled')
  assert.ok((standing.actingForMs ?? 0) > 0)
  assert.equal((await ask('/v1/claims')).json<ClaimsView>().claims[0]?.state, 'cancelled')
  assert.equal((await ask(post(`/v1/claims/release/${id}`, own))).statusCode, 200)
  const ended = await outcome
  assert.equal(ended.ok || ended.error.code, 'CANCELLED')
})

test('a claim that is lost tells a renewal that waits, and every one after it', async () => {
  const { ask, begin, claim, logged } = await scene({ leaseMs: 500 })
  const { outcome } = begin()
  const { claim: id } = await claim()
  const ended = await outcome
  assert.equal(ended.ok || ended.error.code, 'CLAIM_EXPIRED')
  const standing = (
    await ask(post(`/v1/claims/renew/${id}`, { ...own, waitMs: 1_000 }))
  ).json<ClaimStanding>()
  assert.deepEqual([standing.state, standing.reason], ['lost', 'expired'])
  const line = logged.find(({ event }) => event === 'task-claim-expired')
  assert.deepEqual([line?.level, line?.fields?.['task']], ['warn', 'task-1'])
})

test('a node that leaves sends away those who wait, takes no more, and lets claims end', async () => {
  const { ask, begin, claim, claims, offers } = await scene({}, attempt())
  begin()
  const { claim: id } = await claim()
  const waiting = ask(post('/v1/claims', { types: ['x'], waitMs: 60_000 }))
  await turnUntil(() => offers.length === 1)
  claims.dismiss()
  isProblem(await waiting, 'LEAVING')
  isProblem(await ask(post('/v1/claims', { types: ['x'] })), 'LEAVING')
  assert.equal((await ask(post(`/v1/claims/renew/${id}`, own))).json<ClaimStanding>().state, 'held')
  assert.equal((await ask(post(`/v1/claims/complete/${id}`, own))).statusCode, 200)
})

test('limits are named: types, clients that wait, and claims', async () => {
  const { ask, offers, claims } = await scene({ waitersMax: 1 })
  const strange = isProblem(await ask(post('/v1/claims', { types: ['x', 'echo'] })), 'CLAIM_TYPE_UNKNOWN')
  assert.match(String(strange['detail']), /executors\.claim\.types: x, y, got "echo"/)
  const waiting = ask(post('/v1/claims', { types: ['x'], waitMs: 60_000 }))
  await turnUntil(() => offers.length === 1)
  const full = await ask(post('/v1/claims', { types: ['x'] }))
  assert.match(
    String(isProblem(full, 'CLAIMS_FULL')['detail']),
    /1 clients wait already \(executors\.claim\.waitersMax\)/,
  )
  assert.equal(full.headers['retry-after'], '1')
  const refused = claims.metrics().find(({ name }) => name === 'task_claims_refused_total')
  assert.deepEqual(
    refused?.samples.map(({ labels, value }) => [labels?.['code'], value]),
    [
      ['CLAIM_TYPE_UNKNOWN', 1],
      ['CLAIMS_FULL', 1],
    ],
  )
  await claims.stop()
  await waiting
  const small = await scene({ claimsMax: 1 })
  small.begin()
  await small.claim()
  const none = isProblem(await small.ask(post('/v1/claims', { types: ['x'] })), 'CLAIMS_FULL')
  assert.match(String(none['detail']), /claimsMax/)
  const unset = await scene({ types: [] })
  isProblem(await unset.ask(post('/v1/claims', { types: ['x'] })), 'CLAIM_TYPE_UNKNOWN')
})

test('bad input of every kind is refused with all that is wrong with it', async () => {
  const { ask } = await scene()
  const bad: readonly (readonly [path: string, body: unknown, wrong: readonly string[]])[] = [
    ['/v1/claims', {}, ['types']],
    ['/v1/claims', { types: [], max: 0, waitMs: -1, client: '' }, ['types', 'max', 'waitMs', 'client']],
    ['/v1/claims', { types: ['x', 'x'], max: 101, waitMs: 60_001 }, ['types', 'max', 'waitMs']],
    ['/v1/claims', { types: 'x', max: 1.5, client: 'a\nb', more: 1 }, ['more', 'types', 'max', 'client']],
    ['/v1/claims', { types: ['1x'] }, ['types']],
    ['/v1/claims', ['x'], ['body', 'types']],
    ['/v1/claims/renew/c', { attempt: 0, token: 7 }, ['attempt', 'token']],
    ['/v1/claims/renew/c', { ...own, progress: { percent: 7 } }, ['progress']],
    ['/v1/claims/complete/c', { token: 'seven' }, ['attempt', 'token']],
    ['/v1/claims/fail/c', { ...own, message: '', retryable: 'yes' }, ['message', 'retryable']],
    ['/v1/claims/fail/c', { ...own, message: 'm'.repeat(4_001) }, ['message']],
    ['/v1/claims/release/c', { ...own, result: 1 }, ['result']],
  ]
  for (const [path, body, wrong] of bad) {
    const { problems } = isProblem(await ask(post(path, body)), 'BAD_REQUEST')
    assert.deepEqual(
      (problems as { at: string }[]).map(({ at }) => at).sort(),
      [...wrong].sort(),
      `${path} ${JSON.stringify(body).slice(0, 80)}`,
    )
  }
  isProblem(await ask(post('/v1/claims', '{"types":')), 'BAD_REQUEST')
  isProblem(
    await ask(post('/v1/claims', { types: ['x'] }, { 'content-type': 'text/plain' })),
    'UNSUPPORTED_MEDIA_TYPE',
  )
  isProblem(await ask({ method: 'DELETE', url: '/v1/claims' }), 'METHOD_NOT_ALLOWED')
  isProblem(
    await ask(post('/v1/claims/complete/c', { ...own, result: 'r'.repeat(2 ** 20) })),
    'BODY_TOO_LARGE',
  )
})

test('claiming is writing: it needs the write token, from a page of this server', async () => {
  const { ask } = await subject({ config: { writeToken: 'write', readToken: 'read' } })
  const body = { types: ['x'] }
  isProblem(await ask(post('/v1/claims', body)), 'UNAUTHORIZED')
  isProblem(await ask(post('/v1/claims', body, { authorization: 'Bearer read' })), 'FORBIDDEN')
  isProblem(await ask(post('/v1/claims/complete/c', own)), 'UNAUTHORIZED')
  isProblem(
    await ask(post('/v1/claims', body, { authorization: 'Bearer write', origin: 'http://evil.example' })),
    'FORBIDDEN',
  )
})

test('metrics of claims have names of their own and numbers', async () => {
  const { begin, claim, claims } = await scene()
  begin()
  await claim()
  const metrics = claims.metrics()
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length)
  const names = ['task_claims_held', 'task_claims_total', 'task_claim_clients_waiting', 'task_claims_max']
  assert.deepEqual(
    names.map(name => metric(claims, name)),
    [1, 1, 0, 1_024],
  )
})

const metric = (claims: Scene['claims'], name: string): number | undefined =>
  claims.metrics().find(each => each.name === name)?.samples[0]?.value

/** Lets the event loop turn until it holds: what is waited for needs no time, only turns. */
async function turnUntil(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    assert.ok(turns < 10_000, 'it comes to hold')
    await new Promise(resolve => setImmediate(resolve))
  }
}
