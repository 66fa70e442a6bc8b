/** The client of claims against a node that the test plays, over HTTP: what it says, when, and when it stops. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { CodedError } from '../../src/base/errors.ts'
import { type ClaimHandler, claimTasks } from '../../src/client/claim-tasks.ts'

const timeout = { timeout: 60_000 }

/** One request, as it came. */
interface Said {
  /** `claims`, or what is said of the claim: `renew`, `complete`, `fail`, `release`. */
  readonly what: string
  readonly body: Record<string, unknown>
  answer(status: number, body: object): void
}

const HELD_MS = 60_000

const standing = (state: string, ms = HELD_MS) => ({
  ...{ claim: 'c', state, reason: 'played' },
  ...{ actingForMs: ms, actingUntilMs: Date.now() + ms },
})

const claimFor = (ms: number) => ({
  ...{ claim: 'c', task: 't', key: 'k', type: 'x', payload: null, attempt: 1, node: 'n', leaseMs: 30_000 },
  ...{ token: { value: '7', safe: true }, deadlineMs: Date.now() + ms, ...standing('held', ms) },
})

/** Runs a client with one claim until it has told how it ended, or nothing is to be told; the test answers what it says. */
async function run(holdMs: number, handler: ClaimHandler, answer: (said: Said) => void) {
  const said: Said[] = []
  const errors: CodedError[] = []
  const stop = new AbortController()
  let handed = false
  const hear = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const [what = ''] = (request.url ?? '').split('/').slice(request.url === '/v1/claims' ? 2 : 3)
    const reply = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const one: Said = { what, body: JSON.parse(Buffer.concat(chunks).toString()), answer: reply }
    if (what !== 'claims') said.push(one)
    if (what !== 'claims') answer(one)
    else if (handed) {
      stop.abort() // It asks for more: it is done with what it had.
      reply(200, { claims: [] })
    } else reply(200, { claims: [claimFor(holdMs)] })
    handed = true
  }
  const server = createServer((request, response) => void hear(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const onError = (error: CodedError): number => errors.push(error)
    await claimTasks({ url, types: ['x'], signal: stop.signal, graceMs: 0, onError }, handler)
  } finally {
    server.closeAllConnections()
    server.close()
  }
  return { said, ends: said.filter(({ what }) => what !== 'renew'), codes: errors.map(({ code }) => code) }
}

const held = ({ answer }: Said): void => answer(200, standing('held'))
const ENDED = { code: 'CLAIM_ENDED', detail: 'played' }

test(
  'progress is told while a renewal waits, once a second at most, and the newest word counts',
  timeout,
  async () => {
    const heard: { readonly progress: unknown; readonly atMs: number }[] = []
    const heardOf = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { ends } = await run(
      HELD_MS,
      async (_, { progress }) => {
        for (const done of [1, 2, 3]) progress({ done })
        await heardOf[0]?.promise
        for (const done of [4, 5]) progress({ done, total: 10 })
        await heardOf[1]?.promise
      },
      one => {
        if (one.what !== 'renew') return one.answer(200, {})
        if (one.body['progress'] === undefined) return // It waits for news, and there are none.
        heardOf[heard.length]?.resolve()
        heard.push({ progress: one.body['progress'], atMs: performance.now() })
        if (heard.length === 1) held(one)
      },
    )
    const told = heard.map(({ progress }) => progress)
    assert.deepEqual(told, [{ done: 3 }, { fraction: 0.5, done: 5, total: 10 }])
    assert.ok(Number(heard[1]?.atMs) - Number(heard[0]?.atMs) > 900)
    assert.deepEqual(
      ends.map(({ what }) => what),
      ['complete'],
    )
  },
)

test('what is no progress is thrown back at the handler, and the claim goes on', timeout, async () => {
  const faults: string[] = []
  const { ends, codes } = await run(
    HELD_MS,
    (_, { progress }) => {
      for (const wrong of [{ fraction: Number.NaN }, { fraction: 2 }, { percent: 5 }, 5, {}]) {
        try {
          progress(wrong as object)
        } catch (error) {
          assert.ok(error instanceof TypeError)
          faults.push(error.message.split(':')[0] ?? '')
        }
      }
      return 'done'
    },
    one => (one.what === 'renew' ? held(one) : one.answer(200, {})),
  )
  assert.deepEqual(faults, ['fraction', 'fraction', 'percent', 'progress', 'progress'])
  assert.deepEqual(
    [ends.map(({ what, body }) => [what, body['result']]), codes],
    [[['complete', 'done']], []],
  )
})

test(
  'when the time to act is over the handler is stopped, and the task given back, whether it is heard or not',
  timeout,
  async () => {
    for (const status of [200, 409, 503]) {
      let stoppedAtMs = 0
      const untilMs = Date.now() + 500
      const { ends, codes } = await run(
        500,
        async (_, { signal }) => {
          await once(signal, 'abort')
          stoppedAtMs = Date.now()
          throw signal.reason
        },
        // The node is frozen: renewals stay without an answer.
        one => void (one.what === 'renew' || one.answer(status, ENDED)),
      )
      assert.ok(stoppedAtMs >= untilMs, `${stoppedAtMs - untilMs} ms`)
      assert.deepEqual(
        ends.map(({ what }) => what),
        ['release'],
        `${status}: said once`,
      )
      assert.equal(codes[0], 'CLAIM_ENDED')
    }
  },
)

test(
  'work that was done a moment too late is told once: the node knows best whether it counts',
  timeout,
  async () => {
    const { ends, codes } = await run(
      300,
      async (_, { signal }) => {
        await once(signal, 'abort')
        return 'all the same'
      },
      one => void (one.what === 'renew' || one.answer(409, ENDED)),
    )
    assert.deepEqual(
      ends.map(({ what, body }) => [what, body['result']]),
      [['complete', 'all the same']],
    )
    assert.deepEqual(codes, ['CLAIM_ENDED', 'CLAIM_ENDED'])
  },
)

test(
  'a claim that the node has ended stops the handler, and nothing more is said of it',
  timeout,
  async () => {
    const reasons: unknown[] = []
    const { ends, codes } = await run(
      HELD_MS,
      async (_, { signal }) => {
        await once(signal, 'abort')
        reasons.push(signal.reason.code)
        throw signal.reason
      },
      one => one.answer(200, standing('lost')),
    )
    assert.deepEqual([ends, reasons, codes], [[], ['CLAIM_ENDED'], ['CLAIM_ENDED']])
  },
)

test('the end is said again while the node does not answer as it should', timeout, async () => {
  let times = 0
  const { ends, codes } = await run(
    HELD_MS,
    () => 7,
    one => {
      if (one.what === 'renew') held(one)
      else if (++times < 3) one.answer(503, { code: 'OVERLOADED' })
      else one.answer(200, {})
    },
  )
  assert.deepEqual(
    ends.map(({ what }) => what),
    ['complete', 'complete', 'complete'],
  )
  assert.deepEqual(codes, ['OVERLOADED', 'OVERLOADED'])
})

test(
  'a result that cannot be told, or that the node does not take, is how the attempt failed, for good',
  timeout,
  async () => {
    const ring: Record<string, unknown> = {}
    ring['self'] = ring
    for (const result of [1n, ring, 'x'.repeat(100)]) {
      const { ends, codes } = await run(
        HELD_MS,
        () => result as string,
        one => {
          if (one.what === 'complete') one.answer(413, { code: 'BODY_TOO_LARGE', detail: 'Expected less.' })
          else one.answer(200, standing('held'))
        },
      )
      const { what, body } = ends.at(-1) ?? {}
      assert.deepEqual([what, body?.['retryable'], codes], ['fail', false, []])
      assert.match(
        String(body?.['message']),
        /^the result is no JSON: |^the node refused the result: .*Expected less/,
      )
    }
  },
)

test('what asking again cannot mend ends the client with the code of the node', timeout, async () => {
  const server = createServer((_, response) => {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ code: 'CLAIM_TYPE_UNKNOWN', detail: 'types: expected y, got "x".' }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const signal = new AbortController().signal
  await assert.rejects(
    claimTasks({ url, types: ['x'], signal }, () => null),
    { code: 'CLAIM_TYPE_UNKNOWN', message: /expected y/ },
  )
  server.close()
})

/** A node that the test plays, which says what was asked, and answers when the test does. */
async function playedNode(port = 0) {
  const asked: {
    readonly path: string
    readonly body: unknown
    answer(status: number, body: object): void
  }[] = []
  let gone = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    response.once('close', () => {
      if (!response.writableFinished) gone++
    })
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    asked.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString()), answer })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    /** Requests that were given up. */
    gone: () => gone,
    [Symbol.asyncDispose]: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!holds()) {
    assert.ok(performance.now() < end, what)
    await pause(5)
  }
}

test(
  'a claim that is on its way when the client ends is given back, and nobody runs it',
  timeout,
  async () => {
    await using node = await playedNode()
    const stop = new AbortController()
    const run = (): never => assert.fail('it was told to end')
    const done = claimTasks({ url: node.url, types: ['x'], signal: stop.signal }, run)
    await until('it asks', () => node.asked.length === 1)
    stop.abort()
    node.asked[0]?.answer(200, { claims: [claimFor(HELD_MS)] })
    await until('it says something of the claim', () => node.asked.length === 2)
    const [, said] = node.asked
    assert.equal(said?.path, '/v1/claims/release/c')
    assert.deepEqual(said?.body, { attempt: 1, token: '7' })
    said?.answer(200, {})
    await done
  },
)

test('a question that is open when the client ends is not waited for to its end', timeout, async () => {
  await using node = await playedNode()
  const stop = new AbortController()
  const done = claimTasks({ url: node.url, types: ['x'], waitMs: 50_000, signal: stop.signal }, () => null)
  await until('it asks', () => node.asked.length === 1)
  stop.abort()
  const from = performance.now()
  await done
  assert.ok(performance.now() - from < 20_000)
  await until('the node hears of it', () => node.gone() === 1)
})

test('a node on a port that fetch does not go to is one like any other', timeout, async () => {
  // Of the list of the Fetch Standard; the first that is free here.
  for (const port of [10_080, 6_666, 6_000, 6_667, 6_668, 6_669, 5_060, 5_061]) {
    const node = await playedNode(port).catch(error => {
      assert.equal(error.code, 'EADDRINUSE')
      return undefined
    })
    if (node === undefined) continue
    await using _ = node
    await assert.rejects(fetch(node.url), /fetch failed/)
    const stop = new AbortController()
    const done = claimTasks({ url: node.url, types: ['x'], signal: stop.signal }, () => 'done')
    try {
      await until('it asks', () => node.asked.length === 1)
      node.asked[0]?.answer(200, { claims: [claimFor(HELD_MS)] })
      const ended = () => node.asked.some(({ path }) => path === '/v1/claims/complete/c')
      await until('it has told the end', ended)
    } finally {
      stop.abort()
      for (const { answer } of node.asked.slice(1)) answer(200, { claims: [] })
      await done
    }
    return
  }
  assert.fail('all of these ports are taken')
})

test('what a node did not answer to the end is told as that, and asked again', timeout, async () => {
  const errors: CodedError[] = []
  const stop = new AbortController()
  const onError = (error: CodedError): void => {
    errors.push(error)
    if (errors.length === 2 || error.code !== 'ANSWER_LOST') stop.abort()
  }
  const server = createServer(request => void request.socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await claimTasks({ url, types: ['x'], signal: stop.signal, onError }, () => null)
  server.close()
  await once(server, 'close')
  const again = new AbortController()
  const refused = (error: CodedError): void => {
    errors.push(error)
    again.abort()
  }
  await claimTasks({ url, types: ['x'], signal: again.signal, onError: refused }, () => null)
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['ANSWER_LOST', 'ANSWER_LOST', 'DAEMON_UNREACHABLE'],
  )
})
