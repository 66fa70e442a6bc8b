import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEADLINE_MS_MAX } from '../../../src/adapters/http/body-fields.ts'
import { CLAIM_WAIT_MS_MAX } from '../../../src/adapters/http/claim-fields.ts'
import { HTTP_LIMITS } from '../../../src/adapters/http/limits.ts'
import { WAIT_MS_MAX } from '../../../src/adapters/http/task-query.ts'
import type { WorkLeft } from '../../../src/node/status.ts'
import type { NodeFace } from '../../../src/runtime/ports.ts'
import { record } from './sample-node.ts'
import { isProblem, post, subject } from './subject.ts'

test('what an operator asks for is handed to the node as it was asked', async () => {
  const { ask, controls } = await subject()
  const asked: readonly (readonly [url: string, body: object])[] = [
    ['/v1/cordon', {}],
    ['/v1/uncordon', {}],
    ['/v1/weight', { weight: 2.5 }],
    ['/v1/forget/node-9', {}],
    ['/v1/forget/node-9', { formerDisk: false }],
    ['/v1/forget/node-9', { formerDisk: true }],
    ['/v1/voters/add', { node: 'node-9' }],
    ['/v1/voters/remove', { node: 'node-2' }],
    ['/v1/voters/reset', { names: ['node-2', 'node-1'], confirm: 'roundtable' }],
  ]
  for (const [url, body] of asked) {
    const answer = await ask(post(url, body))
    assert.equal(answer.statusCode, 200, `${url} ${answer.body}`)
    assert.deepEqual(answer.json(), { nodeId: 'node-1', detail: 'It is so.' })
  }
  assert.deepEqual(controls, [
    { kind: 'cordon' },
    { kind: 'uncordon' },
    { kind: 'weight', weight: 2.5 },
    { kind: 'forget', node: 'node-9' },
    { kind: 'forget', node: 'node-9' },
    { kind: 'forget-former-disk', node: 'node-9' },
    { kind: 'voter-add', node: 'node-9' },
    { kind: 'voter-remove', node: 'node-2' },
    { kind: 'voters-reset', names: ['node-1', 'node-2'] },
  ])
})

test('a request without a body is as good as one with an empty one, where nothing needs to be said', async () => {
  const { ask } = await subject()
  for (const url of ['/v1/cordon', '/v1/uncordon', '/v1/drain', '/v1/forget/node-9'])
    assert.equal((await ask({ method: 'POST', url })).statusCode, 200, url)
})

test('bodies that are not what they should be are refused with everything that is wrong, and nothing is done', async () => {
  const { ask, controls } = await subject()
  const wrong: readonly (readonly [url: string, body: unknown, problems: number])[] = [
    ['/v1/cordon', { deadlineMs: 5 }, 1],
    ['/v1/cordon', [], 1],
    ['/v1/forget/node-9', { formerDisk: 'yes', node: 'a' }, 2],
    ['/v1/weight', {}, 1],
    ['/v1/weight', { weight: 0 }, 1],
    ['/v1/weight', { weight: 100.5 }, 1],
    ['/v1/weight', { weight: '2', more: 1 }, 2],
    ['/v1/drain', { deadlineMs: -1 }, 1],
    ['/v1/drain', { deadlineMs: 600_001 }, 1],
    ['/v1/voters/add', { node: 'a b' }, 1],
    ['/v1/voters/add', { names: ['a'] }, 2],
    ['/v1/voters/reset', { names: [], confirm: 'roundtable' }, 1],
    ['/v1/voters/reset', { names: ['a', 'a'], confirm: 'roundtable' }, 1],
    ['/v1/voters/reset', { names: ['a', 5], confirm: 7 }, 2],
    ['/v1/voters/reset', { names: Array.from({ length: 65 }, (_, i) => `n${i}`), confirm: 'roundtable' }, 1],
  ]
  for (const [url, body, problems] of wrong) {
    const problem = isProblem(await ask(post(url, body)), 'BAD_REQUEST')
    assert.equal((problem['problems'] as unknown[]).length, problems, `${url} ${JSON.stringify(body)}`)
  }
  isProblem(await ask({ method: 'POST', url: '/v1/forget/a%20b' }), 'BAD_REQUEST')
  isProblem(await ask({ method: 'POST', url: '/v1/forget/' }), 'BAD_REQUEST')
  assert.deepEqual(controls, [])
})

test('voters are reset only by whoever writes the name of the cluster', async () => {
  const { ask, controls } = await subject()
  const answer = await ask(post('/v1/voters/reset', { names: ['node-1'], confirm: 'yes' }))
  assert.match(String(isProblem(answer, 'CONFIRMATION_NEEDED')['detail']), /"roundtable"/)
  assert.deepEqual(controls, [])
})

test('a refusal of the node keeps its code', async () => {
  const failure = { code: 'MEMBER_ALIVE', detail: 'node-2 was heard 40 ms ago.' } as const
  const { ask } = await subject({ node: { control: async () => ({ ok: false, failure }) } })
  isProblem(await ask({ method: 'POST', url: '/v1/forget/node-2' }), 'MEMBER_ALIVE')
})

test('a node that never answers is given up on', async () => {
  const { ask } = await subject({ node: { control: () => new Promise(() => {}) } }, { answerMs: 100 })
  isProblem(await ask({ method: 'POST', url: '/v1/cordon' }), 'DEADLINE')
})

test('writes need the write token, and come from no page of another site', async () => {
  const tokens = { readToken: 'reader-token', writeToken: 'writer-token' }
  const { ask, controls } = await subject({ config: tokens })
  const urls = ['/v1/cordon', '/v1/uncordon', '/v1/drain', '/v1/forget/node-9']
  for (const url of urls) {
    isProblem(await ask(post(url, {})), 'UNAUTHORIZED')
    isProblem(await ask(post(url, {}, { authorization: 'Bearer reader-token' })), 'FORBIDDEN')
    const foreign = { authorization: 'Bearer writer-token', origin: 'http://evil.example' }
    isProblem(await ask(post(url, {}, foreign)), 'FORBIDDEN')
  }
  for (const url of ['/v1/weight', '/v1/voters/add', '/v1/voters/remove', '/v1/voters/reset'])
    isProblem(await ask(post(url, {}, { authorization: 'Bearer reader-token' })), 'FORBIDDEN')
  for (const url of ['/v1/voters', '/v1/events?follow=false']) isProblem(await ask(url), 'UNAUTHORIZED')
  assert.deepEqual(controls, [])
})

/** A node that has less in its hands at each look. */
function emptying(looks: readonly WorkLeft[]) {
  let look = 0
  return () => looks[Math.min(look++, looks.length - 1)] as WorkLeft
}

test('a drain cordons first, and answers when nothing runs and nothing is on one disk alone', async () => {
  const work = emptying([
    { running: 2, unsafe: 1, drained: false },
    { running: 0, unsafe: 1, drained: false },
    { running: 0, unsafe: 0, drained: true },
  ])
  const { ask, controls } = await subject({ node: { work, tasks: () => ({ tasks: [] }) } })
  const answer = await ask({ method: 'POST', url: '/v1/drain' })
  assert.equal(answer.statusCode, 200)
  const expected = { nodeId: 'node-1', drained: true, running: 0, unsafe: 0, tasks: [] }
  assert.deepEqual(answer.json(), expected)
  assert.deepEqual(controls, [{ kind: 'cordon' }])
})

test('a drain that meets its deadline says what still runs, by name', async () => {
  const running = record()
  const [attempt] = running.attempts
  assert.ok(attempt)
  const { endedAt: _, outcome: __, ...open } = attempt
  const tasks = [{ ...running, state: 'running' as const, attempts: [open] }, record()]
  const work = () => ({ running: 1, unsafe: 3, drained: false })
  const { ask } = await subject({ node: { work, tasks: () => ({ tasks }) } })
  const answer = await ask(post('/v1/drain', { deadlineMs: 60 }))
  assert.equal(answer.statusCode, 202)
  const expected = { nodeId: 'node-1', drained: false, running: 1, unsafe: 3, tasks: ['t1'] }
  assert.deepEqual(answer.json(), expected)
})

test('what still runs is named, however much has run there before', async () => {
  const { attempts, ...rest } = record()
  const open = attempts.map(({ endedAt: _, outcome: __, ...attempt }) => attempt)
  const running = { ...rest, state: 'running' as const, attempts: open }
  // A page ends after so many tasks that were looked at, and the oldest come first.
  const tasks: NodeFace['tasks'] = ({ after }) =>
    after === undefined ? { tasks: [], next: 't0' } : { tasks: [running] }
  const work = () => ({ running: 1, unsafe: 0, drained: false })
  const { ask } = await subject({ node: { work, tasks } })
  const answer = await ask(post('/v1/drain', { deadlineMs: 0 }))
  assert.deepEqual(answer.json().tasks, ['t1'])
})

test('whoever waits for as long as anybody may is not cut off for it', () => {
  for (const ms of [DEADLINE_MS_MAX, WAIT_MS_MAX, CLAIM_WAIT_MS_MAX])
    assert.ok(HTTP_LIMITS.stillMs >= ms + HTTP_LIMITS.answerMs, `${HTTP_LIMITS.stillMs} ms for ${ms}`)
})

test('voters are shown with the mode and where this node stands', async () => {
  const { ask } = await subject()
  const shown = (await ask('/v1/voters')).json<Record<string, unknown>>()
  assert.deepEqual(shown['voters'], { version: 1, names: ['node-1', 'node-2'], fixed: true })
  assert.equal(shown['mode'], 'quorum')
  assert.deepEqual(shown['grantedBy'], ['node-1', 'node-2'])
})
