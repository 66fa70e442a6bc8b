/** Applications beside real daemons carry out their tasks: the client of this package, and the examples that are shipped. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ClaimsView } from '../../src/runtime/claims.ts'
import {
  client,
  EXAMPLES,
  endless,
  failingNode,
  get,
  held,
  killed,
  lateness,
  ownKey,
  pair,
  post,
  program,
  scratch,
  settled,
  start,
  task,
  timeout,
  until,
} from './claims-subject.ts'

test('a task waits until a client claims it, and explain says so', timeout, async () => {
  const node = await start('a')
  await post(node, 'tasks', { id: 'one', key: 'k', type: 'work', payload: { n: 6 } })
  const { waiting } = await get<{ waiting: { task: string; code: string }[] }>(node, 'explain/k')
  assert.deepEqual(
    waiting.map(each => [each.task, each.code]),
    [['one', 'no-claimer']],
  )
  await client(node, (claim, { progress }) => {
    progress({ fraction: 0.5 })
    return { twice: 2 * (claim.payload as { n: number }).n, token: claim.token.value }
  })
  const { result, attempts } = await settled(node, 'one')
  assert.deepEqual(result, { twice: 12, token: attempts[0]?.token })
  assert.deepEqual((await get<{ waiting: unknown[] }>(node, 'explain/k')).waiting, [])
})

test('a client that goes away while it waits is waited for no more', timeout, async () => {
  const node = await start('a')
  const waiting = async () => (await get<ClaimsView>(node, 'claims')).waiting
  const gone = new AbortController()
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: '{"types":["work"]}', signal: gone.signal }
  const poll = fetch(`${await node.url()}/v1/claims`, init)
  await until('it waits', async () => (await waiting()) === 1)
  gone.abort()
  await assert.rejects(poll)
  await until('it is gone', async () => (await waiting()) === 0)
  await post(node, 'tasks', { id: 'alone', type: 'work' })
  assert.equal((await task(node, 'alone')).state, 'ready')
})

test('as many run at a time as the client wants, whatever tasks.concurrency says', timeout, async () => {
  const node = await start('a')
  let running = 0
  let most = 0
  const all = Promise.withResolvers<void>()
  await client(
    node,
    async () => {
      most = Math.max(most, ++running)
      if (running === 20) all.resolve()
      await all.promise
      running--
      return null
    },
    { concurrency: 20 },
  )
  for (let i = 0; i < 40; i++) await post(node, 'tasks', { id: `t${i}`, type: 'work' })
  for (let i = 0; i < 40; i++) await settled(node, `t${i}`)
  assert.equal(most, 20)
})

test('a handler that throws fails the attempt, for good if it says so', timeout, async () => {
  const node = await start('a')
  await client(node, ({ attempt, task: id }) => {
    if (id === 'never') throw Object.assign(new Error('bad payload'), { retryable: false })
    if (attempt < 3) throw new Error('not yet')
    return attempt
  })
  for (const id of ['third', 'never']) await post(node, 'tasks', { id, type: 'work' })
  assert.equal((await settled(node, 'third')).result, 3)
  const dead = await settled(node, 'never', 'dead')
  assert.deepEqual([dead.attempts.length, dead.error?.message], [1, 'Error: bad payload'])
})

test('a client that ends gives its task back, and another carries it out', timeout, async () => {
  const node = await start('a')
  const first = await client(node, endless, { graceMs: 0 })
  await post(node, 'tasks', { id: 'moved', type: 'work' })
  await held(node)
  first.stop.abort()
  await first.ended
  await client(node, () => 'done')
  const { attempts } = await settled(node, 'moved')
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ['cancelled', 'succeeded'],
  )
})

test('kill -9 of a client: its lease runs out, and the task is tried again', timeout, async () => {
  const node = await start('a', { leaseMs: 1_000 })
  const { child } = await program(node, 'python3', join(EXAMPLES, 'claim.py'), 'work')
  await post(node, 'tasks', { id: 'killed', type: 'work', payload: { seconds: 600 } })
  await held(node)
  await killed(child)
  await client(node, () => 'done')
  const { attempts } = await settled(node, 'killed')
  assert.deepEqual(
    attempts.map(({ outcome, error }) => [outcome, error?.code]),
    [
      ['lost', 'CLAIM_EXPIRED'],
      ['succeeded', undefined],
    ],
  )
})

test('a node that leaves stops its clients, and the task goes on elsewhere', timeout, async () => {
  const [a, b] = await pair()
  const stopped = Promise.withResolvers<boolean>()
  await client(a, async (claim, context) => {
    context.signal.addEventListener('abort', () => stopped.resolve(a.child.exitCode === null))
    return await endless(claim, context)
  })
  const key = await ownKey(b, 'a')
  await post(b, 'tasks', { id: 'moves', key, type: 'work' })
  await held(a)
  await client(b, () => 'done')
  await post(a, 'leave', { deadlineMs: 3_000 })
  assert.ok(await stopped.promise, 'told by the node, while it is there')
  assert.deepEqual(await a.exited, [0, null])
  const { attempts } = await settled(b, 'moves')
  assert.deepEqual(
    attempts.map(({ node, outcome }) => [node, outcome]),
    [
      ['a', 'cancelled'],
      ['b', 'succeeded'],
    ],
  )
})

test('a cancelled task keeps its key busy until its client has stopped', timeout, async () => {
  const [a, b] = await pair()
  const stopped = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  await client(a, async (claim, context) => {
    if (claim.task !== 'cancelled') return 'next'
    await once(context.signal, 'abort')
    stopped.resolve()
    await free.promise
    throw context.signal.reason
  })
  const key = await ownKey(b, 'a')
  await post(b, 'tasks', { id: 'cancelled', key, type: 'work' })
  await held(a)
  await post(b, 'tasks', { id: 'behind', key, type: 'work' })
  await post(b, 'tasks/cancelled/cancel', {})
  await stopped.promise
  assert.equal((await task(b, 'cancelled')).state, 'cancelled')
  assert.equal((await task(b, 'behind')).state, 'ready')
  free.resolve()
  assert.equal((await settled(b, 'behind')).result, 'next')
  assert.equal((await task(b, 'cancelled')).state, 'cancelled')
})

test('a client whose node is gone stops when the time to act is over', timeout, async () => {
  const node = await start('a', { leaseMs: 1_000 })
  const stopped = Promise.withResolvers<number>()
  await client(node, async (claim, context) => {
    context.signal.addEventListener('abort', () => stopped.resolve(performance.now()))
    return await endless(claim, context)
  })
  await post(node, 'tasks', { id: 'orphan', type: 'work' })
  await held(node)
  const late = lateness()
  const from = performance.now()
  await node.kill()
  const tookMs = (await stopped.promise) - from
  assert.ok(tookMs < 1_500 + late(), `${tookMs} ms`)
})

test('in quorum mode a claim lasts as long as the right is renewed, and no longer', timeout, async () => {
  const node = await start('a', { expectedNodes: 1 })
  const stopped = Promise.withResolvers<number>()
  const leaseMs = 2_000
  await client(node, async (claim, context) => {
    assert.ok(claim.actingForMs < leaseMs && claim.token.safe)
    if (claim.task === 'long') return await pause(2 * leaseMs, 'long', { signal: context.signal })
    if (claim.attempt > 1) return 'again'
    context.signal.addEventListener('abort', () => stopped.resolve(performance.now()))
    return await endless(claim, context)
  })
  await post(node, 'tasks', { id: 'long', type: 'work' })
  const { result, attempts } = await settled(node, 'long')
  // A machine that stands still takes the right away from an attempt, and only that may end it.
  const before = attempts.slice(0, -1).map(({ outcome }) => outcome)
  assert.deepEqual([result, before], ['long', before.map(() => 'fenced')])
  await post(node, 'tasks', { id: 'frozen', type: 'work' })
  await held(node)
  const late = lateness()
  const from = performance.now()
  node.child.kill('SIGSTOP')
  const tookMs = (await stopped.promise) - from
  assert.ok(tookMs < leaseMs + late(), `${tookMs} ms`)
  // Awake before its own right is over it would go on, and be told that the task is given back.
  await until('its right is over', async () => performance.now() - from > leaseMs)
  node.child.kill('SIGCONT')
  const { attempts: both, result: second } = await settled(node, 'frozen')
  assert.deepEqual([both.map(({ outcome }) => outcome), second], [['fenced', 'succeeded'], 'again'])
})

test('the example in Python: progress, failure, and SIGTERM', timeout, async () => {
  const node = await start('a')
  const { child, said } = await program(node, 'python3', join(EXAMPLES, 'claim.py'), 'work')
  await post(node, 'tasks', { id: 'short', type: 'work', payload: { seconds: 0.1 } })
  const { result, attempts } = await settled(node, 'short')
  assert.deepEqual(result, { slept: 0.1, attempt: 1, token: attempts[0]?.token })
  await post(node, 'tasks', { id: 'wrong', type: 'work', payload: 'no object', maxAttempts: 1 })
  assert.match(String((await settled(node, 'wrong', 'dead')).error?.message), /^AttributeError/)
  await post(node, 'tasks', { id: 'long', type: 'work', payload: { seconds: 600 } })
  const { claim } = await held(node)
  const progress = async () => (await held(node)).progress as { fraction?: number } | undefined
  await until('it tells its progress', async () => (await progress())?.fraction !== undefined)
  assert.equal((await held(node)).claim, claim)
  child.kill('SIGTERM')
  await once(child, 'exit')
  const back = await settled(node, 'long', 'ready')
  assert.equal(back.attempts[0]?.outcome, 'cancelled')
  assert.match(said.text, /done short\n/)
})

test(
  'the example in Python: half an answer does not keep it at work when the time to act is over',
  timeout,
  async () => {
    await using node = await failingNode({ seconds: 12 }, (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"state"', () => request.socket.end())
    })
    await program(node, 'python3', join(EXAMPLES, 'claim.py'), 'work')
    assert.equal(await node.end, 'release')
  },
)

test('the example in shell: a clock that is set back gives it no more time to act', timeout, async () => {
  const back = join(scratch, 'back')
  const date = join(scratch, 'date')
  writeFileSync(back, '0')
  writeFileSync(date, `#!/bin/sh\necho $(($(/bin/date +%s%3N) - $(cat ${back})))\n`, { mode: 0o755 })
  await using node = await failingNode('', request => {
    writeFileSync(back, '3600000')
    request.socket.destroy()
  })
  const path = `PATH=${scratch}:${dirname(process.execPath)}:${process.env['PATH']}`
  await program(node, 'env', path, join(EXAMPLES, 'claim.sh'), 'work', 'sleep', '12')
  assert.equal(await node.end, 'release')
})

test('the example in shell: a command, its output, and its exit code', timeout, async () => {
  const node = await start('a')
  const script = join(EXAMPLES, 'claim.sh')
  const command = 'read -r line; [ "$line" != bad ] || exit 3; echo "$TASK_ID $TASK_ATTEMPT $line"'
  const { child } = await program(node, script, 'work', 'sh', '-c', command)
  await post(node, 'tasks', { id: 'good', type: 'work', payload: 'héllo "you"' })
  assert.equal((await settled(node, 'good')).result, 'good 1 héllo "you"\n')
  await post(node, 'tasks', { id: 'bad', type: 'work', payload: 'bad', maxAttempts: 2 })
  const { attempts, error } = await settled(node, 'bad', 'dead')
  assert.deepEqual([attempts.length, error?.message], [2, 'the command ended with 3'])
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('the example in shell: cancelled, and a type that the node does not know', timeout, async () => {
  const node = await start('a')
  const script = join(EXAMPLES, 'claim.sh')
  const pidFile = join(scratch, 'pid')
  const { said } = await program(node, script, 'work', 'sh', '-c', `sleep 600 & echo $! > ${pidFile}; wait`)
  await post(node, 'tasks', { id: 'long', type: 'work' })
  await until('it runs', async () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '')
  const pid = Number(readFileSync(pidFile, 'utf8'))
  assert.ok(existsSync(`/proc/${pid}`))
  await post(node, 'tasks/long/cancel', {})
  await until('the command and what it began are killed', async () => !existsSync(`/proc/${pid}`))
  await until('it says so', async () => said.text.includes('cancelled long\n'))
  assert.equal((await task(node, 'long')).state, 'cancelled')
  const { child } = await program(node, script, 'strange', 'cat')
  assert.deepEqual(await once(child, 'exit'), [1, null])
})
