import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { BatchBudget } from '../../../src/adapters/http/batch-budget.ts'
import { inOrder } from '../../../src/adapters/http/in-order.ts'
import { linesOf } from '../../../src/adapters/http/lines.ts'
import { createHttpServer, type HttpServer } from '../../../src/adapters/http/server.ts'
import type { TaskReply } from '../../../src/tasks/messages.ts'
import { record, sample } from './sample-node.ts'
import { isProblem, post, schemaOf, subject } from './subject.ts'

const servers: HttpServer[] = []
after(() => Promise.all(servers.map(server => server.stop())))

const LINES = { 'content-type': 'application/x-ndjson' }

interface Item {
  readonly line: number
  readonly id?: string
  readonly code: string
  readonly stored: string
}

const itemsIn = (body: string): Item[] =>
  body
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
const brief = (items: readonly Item[]) => items.map(({ line, id, code, stored }) => [line, id, code, stored])

/** Takes tasks but those of key `full`, and does not know of those of key `lost`. */
const picky = async (request: { kind: string; spec?: { id: string; key: string } }): Promise<TaskReply> => {
  const key = request.spec?.key
  if (key === 'full') return { ok: false, failure: { code: 'QUEUE_FULL', detail: 'full', retryAfterS: 1.5 } }
  if (key === 'lost')
    return { ok: false, failure: { code: 'OWNER_UNREACHABLE', detail: 'gone', retryAfterS: 1 } }
  return { ok: true, record: record(request.spec as object), existed: key === 'known', durableCopies: 2 }
}

test('a list says of each task what became of it, in its order, and what nobody knows', async () => {
  const { ask, batches } = await subject({ reply: picky })
  const tasks = ['new', 'full', 'lost', 'known'].map((key, i) => ({ type: 'echo', id: `t${i}`, key }))
  const answer = await ask(post('/v1/tasks', [...tasks, { type: 7 }, 5]))
  assert.equal(answer.statusCode, 207)
  const body = schemaOf('Batch').parse(answer.json()) as { results: Item[]; [total: string]: unknown }
  assert.deepEqual(brief(body.results), [
    [1, 't0', 'ACCEPTED', 'yes'],
    [2, 't1', 'QUEUE_FULL', 'no'],
    [3, 't2', 'OWNER_UNREACHABLE', 'unknown'],
    [4, 't3', 'EXISTED', 'yes'],
    [5, undefined, 'TASK_INVALID', 'no'],
    [6, undefined, 'TASK_INVALID', 'no'],
  ])
  const { accepted, existed, refused, unknown } = body
  assert.deepEqual([accepted, existed, refused, unknown], [1, 1, 3, 1])
  assert.deepEqual(batches, [4], 'all of them in one step')
})

test('whoever hands in one task and is refused is told its id, whoever made it: under that it is handed in again', async () => {
  const { ask } = await subject({ reply: picky })
  for (const [key, code] of [
    ['full', 'QUEUE_FULL'],
    ['lost', 'OWNER_UNREACHABLE'],
  ] as const) {
    const given = isProblem(await ask(post('/v1/tasks', { type: 'echo', id: 'mine', key })), code)
    assert.equal(given['id'], 'mine')
    const made = isProblem(await ask(post('/v1/tasks', { type: 'echo', key })), code)
    assert.match(String(made['id']), /^.+$/)
    const deduped = isProblem(await ask(post('/v1/tasks', { type: 'echo', dedupe: { key } })), code)
    assert.match(String(deduped['id']), /^.+$/)
  }
})

test('so is whoever has waited for too long', async () => {
  const { ask } = await subject({ reply: () => new Promise(() => undefined) }, { answerMs: 20 })
  const late = isProblem(await ask(post('/v1/tasks', { type: 'echo', id: 'mine' })), 'DEADLINE')
  assert.equal(late['id'], 'mine')
})

test('of a task whose id another one has nobody says that it is not stored', async () => {
  const contested: TaskReply = { ok: false, failure: { code: 'ID_CONTESTED', detail: 'it may run' } }
  const { ask } = await subject({ reply: async () => contested })
  const { results } = (await ask(post('/v1/tasks', [{ type: 'echo', id: 'a' }]))).json<{ results: Item[] }>()
  assert.deepEqual(brief(results), [[1, 'a', 'ID_CONTESTED', 'unknown']])
  assert.match(
    String(isProblem(await ask(post('/v1/tasks', { type: 'echo' })), 'ID_CONTESTED')['state']),
    /^Unknown/,
  )
})

test('lists that are empty or too long are refused as a whole', async () => {
  const { ask, batches } = await subject()
  isProblem(await ask(post('/v1/tasks', [])), 'TASK_INVALID')
  isProblem(await ask(post('/v1/tasks', Array(10_001).fill(1))), 'TASK_INVALID')
  assert.deepEqual(batches, [])
})

test('tasks line by line are answered line by line, bad lines too, and summed up', async () => {
  const { ask } = await subject({ reply: picky })
  const lines = [
    '{"type":"echo","id":"a"}',
    '',
    '{"type":"echo",',
    '  {"type":"echo","id":"b","key":"full"}\r',
    '{"type":"echo","payload":12345678901234567890}',
    '{"type":"echo","id":"c","key":"lost"}',
  ]
  const answer = await ask(post('/v1/tasks', lines.join('\n'), LINES))
  assert.equal(answer.statusCode, 207)
  assert.match(String(answer.headers['content-type']), /^application\/x-ndjson/)
  const items = itemsIn(answer.body)
  for (const item of items) schemaOf('BatchLine').parse(item)
  assert.deepEqual(brief(items.slice(0, -1)), [
    [1, 'a', 'ACCEPTED', 'yes'],
    [3, undefined, 'BAD_REQUEST', 'no'],
    [4, 'b', 'QUEUE_FULL', 'no'],
    [5, undefined, 'BAD_REQUEST', 'no'],
    [6, 'c', 'OWNER_UNREACHABLE', 'unknown'],
  ])
  assert.deepEqual(items.at(-1), { summary: { accepted: 1, existed: 0, refused: 3, unknown: 1 } })
})

test('a task without an id is told the one that it got, to be sent again under', async () => {
  const { ask } = await subject()
  const [first] = itemsIn((await ask(post('/v1/tasks', '{"type":"echo"}\n', LINES))).body)
  assert.equal(first?.id, 't-new-1')
})

test('a line that is too long is refused and read past; the next is taken', async () => {
  const { ask } = await subject({ config: { bodyBytesMax: 1_000 } })
  const long = JSON.stringify({ type: 'echo', payload: 'x'.repeat(200_000) })
  const items = itemsIn((await ask(post('/v1/tasks', `${long}\n{"type":"echo","id":"b"}`, LINES))).body)
  assert.deepEqual(brief(items.slice(0, -1)), [
    [1, undefined, 'BODY_TOO_LARGE', 'no'],
    [2, 'b', 'ACCEPTED', 'yes'],
  ])
})

test('lines are taken for tasks only', async () => {
  const { ask } = await subject()
  isProblem(await ask(post('/v1/leave', '{}', LINES)), 'UNSUPPORTED_MEDIA_TYPE')
  const other = { 'content-type': 'application/x-ndjson; charset=latin1' }
  isProblem(await ask(post('/v1/tasks', '{}', other)), 'UNSUPPORTED_MEDIA_TYPE')
})

test('an idempotency key is the dedupe key of the task, and of a batch of each line', async () => {
  const { ask, requests } = await subject()
  const key = { 'idempotency-key': 'order-7' }
  await ask(post('/v1/tasks', { type: 'echo' }, key))
  await ask(post('/v1/tasks', [{ type: 'echo' }, { type: 'echo' }], key))
  await ask(post('/v1/tasks', '{"type":"echo"}', { ...LINES, ...key }))
  const found = requests.map(each => (each.kind === 'submit' ? each.spec.dedupe?.key : undefined))
  assert.deepEqual(found, ['order-7', 'order-7:1', 'order-7:2', 'order-7:1'])
  for (const bad of ['', 'a b', 'x'.repeat(201)])
    isProblem(await ask(post('/v1/tasks', { type: 'echo' }, { 'idempotency-key': bad })), 'BAD_REQUEST')
  isProblem(await ask(post('/v1/tasks', { type: 'echo', dedupe: { key: 'a' } }, key)), 'TASK_INVALID')
})

test('an answer comes while lines are still sent, and a slow owner holds back who sends', async () => {
  let open = Promise.withResolvers<void>()
  let asked = 0
  const { parts } = sample({
    reply: async request => {
      asked++
      await open.promise
      return request.kind === 'submit'
        ? { ok: true, record: record(request.spec), existed: false, durableCopies: 1 }
        : assert.fail()
    },
  })
  const server = createHttpServer(parts, { batchBytesMax: 256 * 1024 })
  servers.push(server)
  const { port } = await server.start()
  const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/tasks', headers: LINES })
  const line = `${JSON.stringify({ type: 'echo', payload: 'x'.repeat(1_000) })}\n`
  let lines = 0
  // Writes until the socket takes no more for a while: the daemon must have stopped reading.
  const full = new Promise<void>(resolve => {
    const write = () => {
      while (sent.write(line)) lines++
      lines++
      const stuck = setTimeout(resolve, 500)
      sent.once('drain', () => {
        clearTimeout(stuck)
        write()
      })
    }
    write()
  })
  await full
  assert.ok(asked < 1_000, `${asked} tasks are under way, of ${lines} sent`)
  assert.ok(lines > asked)
  const response = await new Promise<import('node:http').IncomingMessage>(resolve => {
    sent.once('response', resolve)
    open.resolve()
  })
  let text = ''
  response.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  sent.end()
  await new Promise(resolve => response.once('end', resolve))
  open = Promise.withResolvers()
  const items = itemsIn(text)
  assert.equal(items.length, lines + 1)
  assert.deepEqual(items.at(-1), { summary: { accepted: lines, existed: 0, refused: 0, unknown: 0 } })
})

test('a client that goes silent gets what it sent answered, and is told why it ended', async () => {
  const server = createHttpServer(sample().parts, { linesStallMs: 100 })
  servers.push(server)
  const { port } = await server.start()
  const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/tasks', headers: LINES })
  sent.on('error', () => undefined)
  sent.write('{"type":"echo","id":"a"}\n{"type":')
  const response = await new Promise<import('node:http').IncomingMessage>(resolve =>
    sent.once('response', resolve),
  )
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const items = itemsIn(text) as unknown as {
    code?: string
    summary?: { accepted: number; ended?: { code: string } }
  }[]
  assert.equal(items[0]?.code, 'ACCEPTED')
  assert.deepEqual(
    [items.at(-1)?.summary?.accepted, items.at(-1)?.summary?.ended?.code],
    [1, 'REQUEST_TIMEOUT'],
  )
})

test('lines are found wherever the pieces of a body begin and end', async () => {
  const body = 'one\n\n  \ntwo\r\nthree'
  for (let size = 1; size <= body.length; size++) {
    const pieces = body.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
    const found: [number, string | undefined][] = []
    async function* source() {
      for (const piece of pieces) yield Buffer.from(piece)
    }
    for await (const lines of linesOf(source(), 4)) {
      for (const { number, bytes } of lines) found.push([number, bytes?.toString()])
    }
    assert.deepEqual(found, [
      [1, 'one'],
      [4, 'two\r'],
      [5, undefined],
    ])
  }
})

test('results come in order, a few at a time, and without waiting for more', async () => {
  const gates = Array.from({ length: 6 }, () => Promise.withResolvers<void>())
  const feed = Promise.withResolvers<void>()
  let most = 0
  let now = 0
  async function* source() {
    yield* [0, 1, 2, 3]
    await feed.promise
    yield* [4, 5]
  }
  const results = inOrder(source(), 2, async i => {
    most = Math.max(most, ++now)
    // The later one is done first.
    if (now === 2) for (const gate of [...gates].reverse()) gate.resolve()
    await gates[i]?.promise
    now--
    return i
  })
  const seen: number[] = []
  for await (const result of results) {
    seen.push(result)
    // The source says no more before this came.
    if (result === 3) feed.resolve()
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5])
  assert.equal(most, 2)
})

test('batches wait for their turn, in order, and what is larger than all goes alone', async () => {
  const budget = new BatchBudget(100)
  const done: string[] = []
  const first = await budget.take(60)
  const second = budget.take(1_000).then(giveBack => {
    done.push('large')
    return giveBack
  })
  const third = budget.take(10).then(giveBack => {
    done.push('small')
    return giveBack
  })
  first()
  first()
  const giveBack = await second
  assert.deepEqual([done, budget.used], [['large'], 100])
  giveBack()
  ;(await third)()
  assert.deepEqual([done, budget.used], [['large', 'small'], 0])
})

test('many tasks are read some in each turn of the event loop, in a list and in lines', async t => {
  let inTurn = 0
  let most = 0
  const newTaskId = () => {
    most = Math.max(most, ++inTurn)
    return `t-${most}-${inTurn}`
  }
  const turns = () => {
    inTurn = 0
    turn = setImmediate(turns)
  }
  let turn = setImmediate(turns)
  t.after(() => clearImmediate(turn))
  const { ask } = await subject({ node: { newTaskId } })
  const tasks = Array.from({ length: 1_000 }, () => '{"type":"echo"}')
  const lists = [post('/v1/tasks', `[${tasks}]`), { ...post('/v1/tasks', tasks.join('\n')), headers: LINES }]
  for (const list of lists) {
    most = 0
    assert.equal((await ask(list)).statusCode, 207)
    assert.ok(most > 0 && most <= 250, `${most} in one turn`)
  }
})
