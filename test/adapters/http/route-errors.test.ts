/** Whatever the rooms behind the API refuse with, the API's own description knows. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ERRORS, type ErrorCode } from '../../../src/base/errors.ts'
import { subject } from './subject.ts'

const root = fileURLToPath(new URL('../../../src/', import.meta.url))

const isCode = (word: string): word is ErrorCode => Object.hasOwn(ERRORS, word)

/** The codes that these files put into a failure. */
function codesIn(...patterns: readonly string[]): readonly ErrorCode[] {
  const sources = globSync(patterns, { cwd: root }).map(name => readFileSync(`${root}${name}`, 'utf8'))
  const words = sources.flatMap(source => [...source.matchAll(/(?:code: |refused\()'([A-Z_]+)'/g)])
  return [...new Set(words.map(([, word = '']) => word).filter(isCode))].sort()
}

/** The codes that the document names for one operation, each at its own status. */
async function documented(method: string, path: string): Promise<ReadonlySet<string>> {
  const { ask } = await subject()
  const { paths } = (await ask('/openapi.json')).json<{
    paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>
  }>()
  const responses = Object.entries(paths[path]?.[method]?.responses ?? {})
  const found = responses.flatMap(([status, { description }]) =>
    [...description.matchAll(/^([A-Z_]+): /gm)].map(([, code = '']) => {
      assert.ok(isCode(code), code)
      assert.equal(String(ERRORS[code][0]), status)
      return code
    }),
  )
  return new Set(found)
}

test('every refusal of a task, by this node, its owner or an executor, is in the document', async () => {
  const codes = codesIn('tasks/*.ts', 'adapters/executors/*.ts', 'runtime/*.ts')
  for (const code of ['NOT_ACTING', 'RIGHT_ENDED', 'NO_OWNER', 'COMMAND_NOT_ALLOWED', 'LEAVING'] as const)
    assert.ok(codes.includes(code), `${code} is found in the sources`)
  const submit = await documented('post', '/v1/tasks')
  const lookup = await documented('get', '/v1/tasks/{id}')
  assert.deepEqual(
    codes.filter(code => !submit.has(code)),
    ['NODE_UNREACHABLE', 'TASK_NOT_ENDED', 'TASK_SETTLED', 'TASK_UNKNOWN'],
    'refusals that handing in a task does not document',
  )
  for (const order of ['cancel', 'retry']) {
    const known = await documented('post', `/v1/tasks/{id}/${order}`)
    for (const code of [
      'TASK_NOT_ENDED',
      'TASK_SETTLED',
      'TASK_UNKNOWN',
      'NOT_ACTING',
      'QUEUE_FULL',
      'TAKEOVER_INCOMPLETE',
      'STORE_FULL',
      'STORE_READ_ONLY',
    ])
      assert.ok(known.has(code), `${order} ${code}`)
  }
  for (const code of ['TASK_UNKNOWN', 'NOT_READY', 'OWNER_UNREACHABLE', 'OVERLOADED', 'LEAVING', 'DEADLINE'])
    assert.ok(lookup.has(code), code)
  for (const code of ['STORE_FULL', 'STORE_READ_ONLY']) assert.ok(lookup.has(code), code)
  const cancel = await documented('post', '/v1/tasks/{id}/cancel')
  for (const code of [
    'TASK_SETTLED',
    'TASK_UNKNOWN',
    'NOT_ACTING',
    'RIGHT_ENDED',
    'TOO_MANY_HOPS',
    'OVERLOADED',
  ])
    assert.ok(cancel.has(code), code)
  assert.ok((await documented('get', '/v1/tasks/{id}/log')).has('NODE_UNREACHABLE'))
})

test('every refusal of an order to the node is in the document', async () => {
  const codes = codesIn('node/*.ts', 'grants/*.ts', 'membership/orders.ts', 'runtime/driver.ts')
  assert.ok(codes.includes('VOTERS_UNCHANGED') && codes.includes('MEMBER_ALIVE'))
  const orders = ['cordon', 'uncordon', 'drain', 'weight', 'forget/{id}', 'voters/add', 'voters/reset']
  const all = await Promise.all(orders.map(order => documented('post', `/v1/${order}`)))
  for (const code of codes)
    assert.ok(
      all.some(known => known.has(code)),
      code,
    )
  for (const known of all)
    for (const code of ['LEAVING', 'OVERLOADED', 'DEADLINE']) assert.ok(known.has(code))
})

test('a submission that waits for leave is refused with a code of the document', async () => {
  const failure = { code: 'NOT_ACTING', detail: 'it waits' } as const
  const { ask } = await subject({ reply: async () => ({ ok: false, failure }) })
  const answer = await ask({
    method: 'POST',
    url: '/v1/tasks',
    headers: { 'content-type': 'application/json' },
    payload: '{"type":"echo"}',
  })
  const { code } = answer.json<{ code: string }>()
  assert.equal(code, 'NOT_ACTING')
  assert.ok((await documented('post', '/v1/tasks')).has(code))
})
