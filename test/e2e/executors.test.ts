/**
 * What all executors have in common, on real daemons in quorum mode: what a run is given, how it is stopped, and how it is
 * drained. A node that the machine held up for longer than its lease begins an attempt anew: what is said here is said of the
 * one that runs, whichever it is.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { claimTasks } from '../../src/client/claim-tasks.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { Daemon } from '../daemon/subject.ts'
import { KINDS, type Kind, type Run, Workers } from './workers.ts'

const timeout = { timeout: 240_000 }
const NODES = ['n1', 'n2', 'n3']
/** From the order to cancel to the end of what ran, as promised. */
const CANCEL_MS = 1_000
/**
 * A question that goes the same way and is answered at once takes less than this where nothing else is to be done, in ms. Where it
 * takes longer, so may the cancel, by the same factor.
 */
const QUIET_MS = 25
/** Whatever happens by itself, happens less often than this: a cancel that waited for it would be late on any machine. */
const OFTEN_MS = 60_000

type View = TaskRecord & { readonly progress?: { readonly fraction?: number } }

let scratch = ''
let workers: Workers
let daemons: readonly Daemon[] = []
const stop = new AbortController()
let clients: readonly Promise<void>[] = []

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-executors-'))
  workers = await Workers.start(scratch)
  const first = await start('n1', [])
  const [address] = (await first.said('listening'))['addresses'] as readonly string[]
  daemons = [first, ...(await Promise.all(NODES.slice(1).map(name => start(name, [String(address)]))))]
  for (const daemon of daemons) {
    const url = await daemon.url()
    await until(`all nodes are ready`, async () => (await fetch(`${url}/readyz`)).ok)
    await until(
      'all own keys',
      async () => (await get<{ members: object[] }>(daemon, 'ring')).members.length === 3,
    )
  }
  const urls = await Promise.all(daemons.map(daemon => daemon.url()))
  const options = { types: ['asked'], concurrency: 4, signal: stop.signal, graceMs: 0 }
  clients = urls.map(url => claimTasks({ ...options, url }, workers.handler))
}, timeout)

after(async () => {
  stop.abort()
  await Promise.all(daemons.map(daemon => daemon.kill()))
  await Promise.allSettled(clients)
  await workers.stop()
  await rm(scratch, { recursive: true, force: true })
}, timeout)

async function start(nodeId: string, seeds: readonly string[]): Promise<Daemon> {
  const free = { host: '127.0.0.1', port: 0 }
  const config = {
    ...{ nodeId, seeds, cluster: 'executors', expectedNodes: NODES.length, dataDir: join(scratch, nodeId) },
    ...{ transport: free, http: free, leaveMs: 8_000 },
    tasks: { concurrency: 8, backoffMs: 50 },
    executors: workers.config(2 * OFTEN_MS),
    // Nobody is to lose a right, or to be taken for dead, because the machine is slow.
    grants: { leaseMs: 9_000, renewMs: 3_000, promiseMs: 12_000 },
    membership: { silenceMsMin: 20_000, silenceMsMax: 30_000 },
  }
  const file = join(scratch, `${nodeId}.json`)
  await writeFile(file, JSON.stringify(config))
  const daemon = new Daemon(file)
  await daemon.url()
  return daemon
}

async function until(claim: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + OFTEN_MS
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited in vain until ${claim}`)
    await pause(25)
  }
}

async function get<T>(daemon: Daemon, path: string): Promise<T> {
  return (await (await fetch(`${await daemon.url()}/v1/${path}`)).json()) as T
}

const view = (daemon: Daemon, task: string) => get<View>(daemon, `tasks/${task}`)

/** What is refused for now is said again: a slow machine may just be too slow. */
async function post(daemon: Daemon, path: string, body: object): Promise<unknown> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  for (;;) {
    const answer = await fetch(`${await daemon.url()}/v1/${path}`, init)
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text)
    assert.ok(answer.status === 503 || answer.status === 429, text)
    await pause(100)
  }
}

async function settled(daemon: Daemon, task: string, state = 'succeeded'): Promise<View> {
  await until(`${task} is ${state}`, async () => (await view(daemon, task)).state === state)
  return await view(daemon, task)
}

const named = (name: string): Daemon => daemons[NODES.indexOf(name)] as Daemon

/** A task that this node owns; its key. */
async function submit(node: string, kind: Kind, task: string, more: object = {}): Promise<string> {
  for (let i = 0; ; i++) {
    const key = `${task}-${i}`
    if ((await get<{ owner: string }>(named(node), `owner/${key}`)).owner !== node) continue
    await post(named(node), 'tasks', { id: task, key, ...workers.taskOf(kind), ...more })
    return key
  }
}

/** The same, begun there. */
async function begin(node: string, kind: Kind, task: string, more: object = {}): Promise<Run> {
  await submit(node, kind, task, more)
  return await Promise.race([workers.run(task), stuck(task)])
}

/** Fails after a while with how the task stands. */
async function stuck(task: string): Promise<never> {
  await pause(OFTEN_MS, undefined, { ref: false })
  assert.fail(`it does not go on: ${JSON.stringify(await view(named('n1'), task))}`)
}

/** How long a question through one node about what another one runs takes now, in ms. */
async function wayMs(through: Daemon, task: string): Promise<number> {
  const from = performance.now()
  await view(through, task)
  return performance.now() - from
}

/** How long the end of a run takes from the order on, and what it may take on this machine now, in ms. */
async function cancel(
  kind: Kind,
  task: string,
): Promise<{ readonly tookMs: number; readonly maxMs: number }> {
  const run = await begin('n1', kind, task, { maxAttempts: 1 })
  const before = await wayMs(named('n2'), task)
  const from = performance.now()
  const late = AbortSignal.timeout(OFTEN_MS)
  const ended = Promise.race([run.gone, new Promise<never>((_, no) => late.addEventListener('abort', no))])
  await post(named('n2'), `tasks/${task}/cancel`, {})
  const tookMs = (await ended) - from
  const way = Math.max(before, await wayMs(named('n2'), task))
  const { attempts } = await settled(named('n3'), task, 'cancelled')
  assert.equal(attempts.at(-1)?.outcome, 'cancelled')
  return { tookMs, maxMs: CANCEL_MS * Math.max(1, way / QUIET_MS) }
}

async function measured(t: TestContext, kind: Kind): Promise<void> {
  const runs: { readonly tookMs: number; readonly maxMs: number }[] = []
  for (let i = 0; i < 3; i++) runs.push(await cancel(kind, `cancelled-${kind}-${i}`))
  const text = runs.map(({ tookMs, maxMs }) => `${tookMs.toFixed(0)} of ${maxMs.toFixed(0)}`).join(', ')
  t.diagnostic(`${kind}: cancelled from another node in ${text} ms`)
  // One that was over before the order was fenced, and says nothing.
  assert.ok(
    runs.filter(({ tookMs, maxMs }) => tookMs > 0 && tookMs <= maxMs).length >= 2,
    `${kind}: ${text} ms`,
  )
}

describe('every executor', { timeout: 4 * timeout.timeout }, () => {
  test('gives a run its attempt, token and deadline, and a way to say how far it is', timeout, async () => {
    for (const kind of KINDS) {
      const from = Date.now()
      const run = await begin('n1', kind, `given-${kind}`, { timeoutMs: 100_000 })
      const { attempts } = await view(named('n2'), run.task)
      assert.equal(run.token, attempts.find(({ number }) => number === run.attempt)?.token, kind)
      const least = from + 100_000
      assert.ok(run.deadlineMs >= least - 1 && run.deadlineMs <= Date.now() + 100_000, kind)
      run.tell({ fraction: 0.25 })
      await until(`${kind} says`, async () => (await view(named('n3'), run.task)).progress?.fraction === 0.25)
      run.tell({ end: true })
      await settled(named('n2'), run.task)
    }
  })

  for (const kind of KINDS)
    test(`is told to stop by another node within a second: ${kind}`, timeout, t => measured(t, kind))

  test(
    'has no more begun than it takes: the others wait in the queue, and hold no slot',
    timeout,
    async () => {
      const runs = await Promise.all([1, 2, 3, 4].map(i => begin('n1', 'module', `wide-${i}`)))
      const key = await submit('n1', 'module', 'fifth')
      const { waiting } = await get<{ waiting: { code: string }[] }>(named('n1'), `explain/${key}`)
      assert.deepEqual(
        waiting.map(({ code }) => code),
        ['type-limit'],
      )
      assert.equal((await view(named('n1'), 'fifth')).attempts.length, 0)
      for (const run of runs) run.tell({ end: true })
      const fifth = await workers.run('fifth')
      fifth.tell({ end: true })
      await settled(named('n1'), 'fifth')
    },
  )

  test('ends what it can while its node leaves, and the rest begins anew elsewhere', timeout, async () => {
    const short = await Promise.all(KINDS.map(kind => begin('n3', kind, `short-${kind}`)))
    const long = await Promise.all(KINDS.map(kind => begin('n3', kind, `long-${kind}`)))
    named('n3').child.kill('SIGTERM')
    await until('it leaves', async () => {
      return (await get<{ members: object[] }>(named('n1'), 'ring')).members.length === 2
    })
    for (const run of short) run.tell({ end: true })
    for (const { task } of short) {
      const { attempts } = await settled(named('n1'), task)
      assert.deepEqual([attempts.at(-1)?.node, attempts.at(-1)?.outcome], ['n3', 'succeeded'], task)
    }
    for (const { task, gone, attempt } of long) {
      const again = await Promise.race([workers.run(task, attempt), stuck(task)])
      await Promise.race([gone, stuck(task)])
      again.tell({ end: true })
      const { attempts } = await settled(named('n1'), task)
      const handedBack = attempts.find(({ number }) => number === attempt)
      assert.equal(handedBack?.node, 'n3', task)
      // Either way it counts for nothing.
      assert.match(String(handedBack?.outcome), /^(?:cancelled|fenced)$/, task)
      assert.ok(attempts.at(-1)?.outcome === 'succeeded' && attempts.at(-1)?.node !== 'n3', task)
    }
    assert.deepEqual(await named('n3').exited, [0, null])
  })
})
