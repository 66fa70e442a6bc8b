/** The script of the web page, on a page that is not there and by a clock that the test turns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { page } from '../../../src/adapters/http/page.ts'

/** Answers anything that is asked of it with itself. */
const anything: object = new Proxy(() => anything, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => '' : name === 'append' ? () => undefined : anything),
  set: () => true,
  apply: () => anything,
})

const ANSWERS: Readonly<Record<string, object>> = {
  '/v1/status': {
    ...{ nodeId: 'n1', cluster: 'c', phase: 'ready', mode: 'available', uptimeMs: 1, version: '1' },
    ...{ ready: { ready: true, reasons: [] }, ring: { checksum: 'x', agreement: 1 } },
    ...{ grants: { enabled: false }, tasks: { owned: {} } },
  },
  '/v1/members': { members: [] },
  '/v1/ring': { members: [] },
  '/v1/stats': { cluster: { drainPerS: 0 }, nodes: [], silent: [], settling: [] },
}

test('figures are asked for each second, lists of tasks each fifth', async () => {
  const [, script = ''] = /<script>([\s\S]*)<\/script>/.exec(page()) ?? []
  const asked: string[] = []
  let now = 0
  let next = Promise.withResolvers<() => void>()
  const context = createContext({
    document: anything,
    Node: class {},
    // Somebody sets it back all the time.
    Date: { now: () => -now },
    performance: { now: () => now },
    fetch: async (path: string) => {
      asked.push(path)
      return { ok: true, status: 200, json: async () => ANSWERS[path] ?? { tasks: [] } }
    },
    setTimeout: (again: () => void) => next.resolve(again),
  })
  runInContext(script, context)
  for (let second = 0; second < 10; second++) {
    const again = await next.promise
    now += 1_000
    next = Promise.withResolvers<() => void>()
    again()
  }
  await next.promise
  const count = (path: string): number => asked.filter(each => each === path).length
  assert.equal(count('/v1/stats'), 11)
  assert.equal(count('/v1/tasks?scope=ran&limit=20'), 3)
  assert.equal(count('/v1/dead?limit=20'), 3)
})
