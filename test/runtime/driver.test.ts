import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { CodedError, ERRORS } from '../../src/base/errors.ts'
import { asLinkId, asPeerId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, NEVER, wallOf } from '../../src/base/time.ts'
import type { Effect, Input, Machine, SingleInput, Tick, Write } from '../../src/node/machine.ts'
import { Driver } from '../../src/runtime/driver.ts'
import {
  HEARTBEATS_WAITING_MAX,
  InputQueue,
  PEER_BYTES_WAITING_MAX,
  PEER_INPUTS_WAITING_MAX,
} from '../../src/runtime/input-queue.ts'
import type { Executors, Store, Transport } from '../../src/runtime/ports.ts'
import type { TaskRequest } from '../../src/tasks/messages.ts'

const drivers: Driver[] = []
// A driver that goes on ticking would keep this process alive after a failed test.
afterEach(() => {
  for (const driver of drivers.splice(0)) driver.stop()
})

/** A driver around a machine that answers each input as the test says; the ports write down what they were asked. */
function stage(
  answer: (input: Input) => readonly Effect[],
  options: { commit?: Store['commit'] } = {},
  onFatal: () => void = () => undefined,
) {
  const seen: string[] = []
  const inputs: Input[] = []
  const ticks = { count: 0, all: [] as Tick[] }
  const fatal: unknown[] = []
  const machine: Machine = {
    step(input) {
      // Ticks come when they come; what a test counts is what it put in and what came of that.
      if (input.kind !== 'tick') inputs.push(input)
      else {
        ticks.count++
        ticks.all.push(input)
      }
      return answer(input)
    },
    nextWake: () => NEVER,
  }
  const transport = {
    send: (_link: unknown, message: { type: string }) => seen.push(`send ${message.type}`),
    publish: (message: { type: string }) => seen.push(`publish ${message.type}`),
    closeLink: (_link: unknown, reason: string) => seen.push(`close ${reason}`),
    dial: async () => ({ ok: false, reason: 'refused', detail: 'nobody' }),
    metrics: () => [],
  } as unknown as Transport
  const store = { commit: options.commit ?? (async () => {}), metrics: () => [] } as unknown as Store
  const executors = {
    execute: (_order: unknown, signal: AbortSignal) =>
      new Promise(resolve => {
        const ended = { ok: false, error: { code: 'CANCELLED', message: '' }, retryable: true }
        signal.addEventListener('abort', () => resolve(ended))
      }),
  } as unknown as Executors
  const logger = { log: (_level: string, event: string) => seen.push(`log ${event}`) }
  const clock = { now: () => ({ mono: instantOf(performance.now()), wall: wallOf(Date.now()) }) }
  const driver = new Driver({
    machine,
    transport,
    store,
    executors,
    logger,
    clock,
    fatal: e => {
      fatal.push(e)
      onFatal()
    },
  })
  const until = async (done: () => boolean) => {
    const end = performance.now() + 5_000
    while (!done()) {
      assert.ok(performance.now() < end, `waited in vain; seen: ${seen}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  drivers.push(driver)
  return { driver, seen, inputs, ticks, fatal, until }
}

const say = (event: string): Effect => ({ kind: 'log', level: 'info', event, fields: {} })
const linkUp: Input = { kind: 'link-up', link: asLinkId(1), peer: asPeerId('p') }

test('effects run in order, and what waits for the disk runs after it', async () => {
  const disk = Promise.withResolvers<void>()
  const effects: Effect[] = [
    say('first'),
    { kind: 'persist', writes: [], then: [say('durable'), say('told')] },
    say('second'),
  ]
  const s = stage(input => (input.kind === 'link-up' ? effects : []), { commit: () => disk.promise })
  s.driver.enqueue(linkUp)
  await s.until(() => s.seen.length === 2)
  assert.deepEqual(s.seen, ['log first', 'log second'])
  disk.resolve()
  await s.until(() => s.seen.length === 4)
  assert.deepEqual(s.seen.slice(2), ['log durable', 'log told'])
})

const task = (key: string): Write => ({ table: 'tasks', key, value: undefined })
const resting = (key: string, then: Effect, otherwise?: Effect): Effect => ({
  kind: 'persist',
  writes: [],
  then: [then],
  restsOn: asTaskId(key),
  ...(otherwise && { otherwise: [otherwise] }),
})

test('what rests on one record waits for that record only, and is done otherwise where it may not wait', async () => {
  const disks = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const effects: Effect[] = [
    { kind: 'persist', writes: [task('a')], then: [] },
    { kind: 'persist', writes: [task('a')], then: [] },
    resting('b', say('b is durable')),
    resting('a', say('a is durable')),
    resting('a', say('never'), say('a is stuck')),
  ]
  let commits = 0
  const commit = () => disks[Math.min(commits++, 1)]?.promise ?? Promise.resolve()
  const s = stage(input => (input.kind === 'link-up' ? effects : []), { commit })
  s.driver.enqueue(linkUp)
  await s.until(() => s.seen.length === 2)
  assert.deepEqual(s.seen, ['log b is durable', 'log a is stuck'])
  disks[0]?.resolve()
  s.driver.enqueue({ kind: 'link-down', link: asLinkId(1), peer: asPeerId('p'), cause: 'local' })
  await s.until(() => s.inputs.length >= 2)
  assert.equal(s.seen.length, 2, 'the first of two writes is not the last')
  disks[1]?.resolve()
  await s.until(() => s.seen.length === 3)
  assert.equal(s.seen[2], 'log a is durable')
})

test('ticks come by themselves', async () => {
  const s = stage(() => [])
  s.driver.start()
  await s.until(() => s.ticks.count >= 4)
})

test('a failed write ends the driver and is reported once', async () => {
  const broken = async () => {
    throw new CodedError('STORE_FAILED', 'disk full')
  }
  const s = stage(
    input => (input.kind === 'link-up' ? [{ kind: 'persist', writes: [], then: [say('never')] }] : []),
    {
      commit: broken,
    },
  )
  s.driver.enqueue(linkUp)
  s.driver.enqueue(linkUp)
  await s.until(() => s.fatal.length > 0)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(s.fatal.length, 1)
  assert.deepEqual(s.seen, [])
  const steps = s.inputs.length
  s.driver.enqueue(linkUp)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(s.inputs.length, steps)
})

test('a bug in the core ends the driver', async () => {
  const s = stage(() => {
    throw new Error('bug')
  })
  s.driver.enqueue(linkUp)
  await s.until(() => s.fatal.length === 1)
  assert.match(String(s.fatal[0]), /bug/)
})

test('the answer to a dial and the end of an attempt come back as inputs', async () => {
  const order = {
    task: asTaskId('t'),
    key: 'k',
    type: 'echo',
    payload: null,
    attempt: 1,
    node: 'n' as never,
    timeoutMs: 1,
    token: { value: '1', safe: false },
  }
  const s = stage(input => {
    if (input.kind !== 'link-up') return []
    return [
      { kind: 'dial', dial: 9, address: 'a:1', forceNew: false, timeoutMs: 10 },
      { kind: 'execute', attempt: order },
      { kind: 'cancel-attempt', task: order.task, attempt: 1 },
    ]
  })
  s.driver.enqueue(linkUp)
  await s.until(() => s.inputs.length === 3)
  const [, ...answers] = s.inputs.map(input => input.kind).sort()
  assert.deepEqual(answers, ['dialled', 'link-up'])
})

test('a request is answered by its reply, and told when the daemon stops first', async () => {
  const failure = { code: 'QUEUE_FULL', detail: 'x' } as const
  const s = stage(input => {
    if (input.kind !== 'request' || input.request.kind === 'get') return []
    return [{ kind: 'reply', id: input.id, reply: { ok: false, failure } }]
  })
  assert.deepEqual(await s.driver.request({ kind: 'submit', spec: {} as never }), { ok: false, failure })
  const waiting = s.driver.request({ kind: 'get', task: asTaskId('t') })
  await s.until(() => s.inputs.length === 2)
  s.driver.stop()
  const reply = await waiting
  assert.equal(reply.ok ? '' : reply.failure.code, 'LEAVING')
})

test('what may have been done when the daemon stops is not said to be undone, and new requests are refused', async () => {
  const [task, key] = [asTaskId('t'), 'k']
  const orders: TaskRequest[] = [
    { kind: 'submit', spec: { id: task, key } as never },
    { kind: 'cancel', task, key },
    { kind: 'retry', task, key },
  ]
  const s = stage(() => [])
  const waiting = [
    ...orders.map(order => s.driver.request(order)),
    ...s.driver.requestAll(orders),
    s.driver.survey({ kind: 'purge', copies: [{ task, revision: 1 }] }),
    s.driver.control({ kind: 'weight', weight: 2 }),
    s.driver.survey({ kind: 'stats' }),
  ]
  // Behind them: when it is seen, they have been taken.
  s.driver.enqueue(linkUp)
  await s.until(() => s.inputs.some(({ kind }) => kind === 'link-up'))
  s.driver.stop()
  const failures = (await Promise.all(waiting)).map(reply => (reply.ok ? undefined : reply.failure))
  const codes = failures.map(failure => failure?.code)
  assert.deepEqual(codes, [...Array(6).fill('OWNER_UNREACHABLE'), 'DEADLINE', 'DEADLINE', 'LEAVING'])
  for (const code of codes.slice(0, 8)) assert.doesNotMatch(ERRORS[code ?? 'LEAVING'][2], /nothing/i)
  assert.ok(failures.every(failure => failure?.retryAfterS === 1))
  for (const order of orders) {
    const refused = await s.driver.request(order)
    assert.equal(refused.ok ? '' : refused.failure.code, 'LEAVING')
  }
})

test('a full queue drops heartbeats first, then what peers sent, and never what this process needs', () => {
  const queue = new InputQueue()
  const peer = asPeerId('p')
  const heartbeat = {
    kind: 'gossip',
    author: peer,
    via: peer,
    message: { type: 'heartbeat' },
  } as unknown as SingleInput
  const frame = { kind: 'frame', link: asLinkId(1), peer, message: { type: 'ping', seq: 1 } } as SingleInput
  for (let i = 0; i < HEARTBEATS_WAITING_MAX; i++) queue.push(frame, instantOf(0))
  assert.equal(queue.push(heartbeat, instantOf(0)), false)
  for (let i = HEARTBEATS_WAITING_MAX; i < PEER_INPUTS_WAITING_MAX; i++)
    assert.equal(queue.push(frame, instantOf(0)), true)
  assert.equal(queue.push(frame, instantOf(0)), false)
  assert.equal(queue.push({ kind: 'tick' }, instantOf(0)), true)
  assert.deepEqual([queue.heartbeatsDropped, queue.peerInputsDropped], [1, 1])
  let last: Input | undefined
  for (let input = queue.next(); input !== undefined; input = queue.next()) last = input
  assert.equal(last?.kind, 'tick')
  assert.equal(queue.length, 0)
})

test('a queue is bounded in the bytes that peers sent, and takes more once some were read', () => {
  const queue = new InputQueue()
  const message = { type: 'ping', seq: 1 }
  const frame = { kind: 'frame', link: asLinkId(1), peer: asPeerId('p'), message } as SingleInput
  const push = (bytes: number): boolean => queue.push(frame, instantOf(0), bytes)
  const half = PEER_BYTES_WAITING_MAX / 2
  assert.deepEqual([push(half), push(half), push(1)], [true, true, false])
  assert.equal(queue.push(linkUp, instantOf(0)), true, 'what this process needs')
  assert.deepEqual([queue.peerInputsDropped, queue.length], [1, 3])
  queue.shift()
  assert.deepEqual([queue.bytes, push(half), push(1)], [half, true, false])
})

test('an order to leave has a deadline, and waits behind nothing that peers sent', () => {
  const queue = new InputQueue()
  const frame = {
    kind: 'frame',
    link: asLinkId(1),
    peer: asPeerId('p'),
    message: { type: 'ping', seq: 1 },
  } as SingleInput
  for (let i = 0; i < 3; i++) queue.push(frame, instantOf(i))
  queue.push({ kind: 'leave', deadlineMs: 8_000 }, instantOf(5))
  queue.push({ kind: 'leave', deadlineMs: 0 }, instantOf(6))
  assert.deepEqual([queue.length, queue.since], [5, instantOf(0)])
  assert.deepEqual(queue.next(), { kind: 'leave', deadlineMs: 8_000 })
  assert.deepEqual(queue.next(), { kind: 'leave', deadlineMs: 0 })
  assert.deepEqual([queue.length, queue.since], [3, instantOf(0)])
})

test('a failure is told before the end: whoever waits for the leave does not take it for one', async () => {
  const order: string[] = []
  const s = stage(
    () => {
      throw new Error('bug')
    },
    {},
    () => order.push('fatal'),
  )
  void s.driver.left.then(() => order.push('left'))
  s.driver.enqueue(linkUp)
  await s.until(() => order.length === 2)
  assert.deepEqual(order, ['fatal', 'left'])
})

test('an error in what follows a write ends the driver as well', async () => {
  const broken: Effect[] = [{ kind: 'persist', writes: [], then: [{ kind: 'forged' } as unknown as Effect] }]
  const s = stage(input => (input.kind === 'link-up' ? broken : []))
  s.driver.enqueue(linkUp)
  await s.until(() => s.fatal.length === 1)
})

/** Keeps this process busy, as a step does that has much to do. */
const burn = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('a tick overtakes what waits, and says for how long it has', async () => {
  const frame = {
    kind: 'frame',
    link: asLinkId(1),
    peer: asPeerId('p'),
    message: { type: 'ping', seq: 1 },
  } as Input
  const s = stage(input => {
    if (input.kind === 'frame') burn(20)
    return []
  })
  s.driver.start()
  await s.until(() => s.ticks.count === 2)
  assert.ok(s.ticks.all.every(({ behindMs }) => behindMs === undefined || behindMs < 100))
  const floodedAt = performance.now()
  for (let i = 0; i < 40; i++) s.driver.enqueue(frame as SingleInput)
  const floodTicks = s.ticks.all.length
  await s.until(() => s.inputs.length === 40)
  const lastedMs = performance.now() - floodedAt
  const told = s.ticks.all.slice(floodTicks).map(({ behindMs = 0 }) => behindMs)
  assert.ok(told.length >= 2, `ticks came during ${lastedMs} ms of flood`)
  assert.ok((told.at(-1) ?? 0) > 400, `${told}`)
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  )
  const waiting = s.ticks.count
  await s.until(() => s.ticks.count === waiting + 2)
  assert.equal(s.ticks.all.at(-1)?.behindMs, undefined)
})

test('a tick does not tell of heartbeats that were dropped behind this node’s own requests', async () => {
  const [author, message] = [asPeerId('p'), { type: 'heartbeat' }]
  const heartbeat = { kind: 'gossip', author, via: author, message } as unknown as SingleInput
  const s = stage(() => [])
  for (let i = 0; i < HEARTBEATS_WAITING_MAX; i++) s.driver.enqueue(linkUp)
  s.driver.enqueue(heartbeat)
  s.driver.start()
  await s.until(() => s.ticks.count >= 3)
  const dropped = s.driver.metrics().find(({ name }) => name === 'heartbeats_dropped_total')
  assert.equal(dropped?.samples[0]?.value, 1)
  assert.ok(s.ticks.all.every(tick => tick.dropped === undefined))
})

test('a tick says when something of peers was dropped, once', async () => {
  const frame = {
    kind: 'frame',
    link: asLinkId(1),
    peer: asPeerId('p'),
    message: { type: 'ping', seq: 1 },
  } as Input
  const s = stage(() => [])
  for (let i = 0; i <= PEER_INPUTS_WAITING_MAX; i++) s.driver.enqueue(frame as SingleInput)
  s.driver.start()
  await s.until(() => s.ticks.all.some(({ dropped }) => dropped === true))
  const seen = s.ticks.count
  await s.until(() => s.ticks.count >= seen + 2)
  assert.equal(s.ticks.all.filter(({ dropped }) => dropped === true).length, 1)
})
