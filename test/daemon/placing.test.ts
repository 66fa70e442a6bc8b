/** Two real daemons that can run different things: where tasks go, what waits, and what is said of it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Explanation, MemberView, NodeStatus } from '../../src/node/status.ts'
import { PLACEMENTS, type TaskRecord } from '../../src/tasks/task.ts'
import { Daemon } from './subject.ts'

let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-placing-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

async function start(nodeId: string, seeds: readonly string[], more: object = {}): Promise<Daemon> {
  const free = { host: '127.0.0.1', port: 0 }
  const config = { nodeId, seeds, cluster: 'placing', transport: free, http: free, ...more }
  const file = join(scratch, `${nodeId}.json`)
  await writeFile(file, JSON.stringify({ ...config, dataDir: join(scratch, nodeId) }))
  const daemon = new Daemon(file)
  daemons.push(daemon)
  await daemon.said('ready')
  return daemon
}

/** `a` has no executor but http, `b` has those for trying out too, and each knows what the other has. */
async function pair(): Promise<readonly [Daemon, Daemon]> {
  const a = await start('a', [], { executors: { builtin: false } })
  const [address] = (await a.said('listening'))['addresses'] as readonly string[]
  const b = await start('b', [String(address)], { tasks: { typeConcurrency: { compute: 1 } } })
  for (const daemon of [a, b]) {
    await until(async () => {
      const { members } = await get<{ members: readonly MemberView[] }>(daemon, 'members')
      return members.length === 2 && members.every(({ load }) => load?.types !== undefined)
    })
  }
  return [a, b]
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(20)
}

async function get<T>(daemon: Daemon, path: string): Promise<T> {
  const answer = await fetch(`${await daemon.url()}/v1/${path}`)
  assert.ok(answer.ok, `${path}: ${answer.status}`)
  return (await answer.json()) as T
}

async function submit(daemon: Daemon, task: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(task) }
  return await fetch(`${await daemon.url()}/v1/tasks`, init)
}

async function settled(daemon: Daemon, id: string): Promise<TaskRecord> {
  let record: TaskRecord | undefined
  await until(async () => {
    record = await get<TaskRecord>(daemon, `tasks/${id}`)
    return record.settledAt !== undefined
  })
  return record as TaskRecord
}

async function keyOf(daemon: Daemon, owner: string): Promise<string> {
  for (let i = 0; ; i++) {
    const found = await get<{ owner: string }>(daemon, `owner/key-${i}`)
    if (found.owner === owner) return `key-${i}`
  }
}

test('a task without a key goes, from any node and by any rule, to a node that can run it', {
  timeout: 60_000,
}, async () => {
  const [a, b] = await pair()
  for (const daemon of [a, b]) {
    for (const placement of PLACEMENTS) {
      const answer = await submit(daemon, { type: 'echo', payload: placement, placement })
      assert.equal(answer.status, 202, placement)
      const { record } = (await answer.json()) as { record: TaskRecord }
      assert.equal(record.spec.key, record.spec.id)
      const { state, attempts } = await settled(a, record.spec.id)
      assert.deepEqual([state, attempts.map(({ node }) => node)], ['succeeded', ['b']], placement)
    }
  }
})

test('a task whose key belongs to a node that cannot run it waits, and both nodes say why', {
  timeout: 60_000,
}, async () => {
  const [a, b] = await pair()
  const key = await keyOf(a, 'a')
  assert.equal((await submit(b, { id: 'stuck', key, type: 'echo', payload: 1 })).status, 202)
  const unknown = await submit(b, { key, type: 'no-such-type' })
  assert.equal(((await unknown.json()) as { code: string }).code, 'EXECUTOR_UNKNOWN')
  const line = await a.said('executor-missing')
  assert.deepEqual([line['taskType'], line['servedBy']], ['echo', ['b']])
  const { waiting } = await get<Explanation>(a, `explain/${key}`)
  assert.deepEqual(
    waiting.map(({ task, code }) => [task, code]),
    [['stuck', 'no-executor']],
  )
  const { tasks } = await get<NodeStatus>(a, 'status')
  assert.deepEqual(tasks.queue.types, [{ name: 'echo', queued: 1, running: 0, limit: 0 }])
  // What the README advises: its keys go to the other.
  const cordoned = await fetch(`${await a.url()}/v1/cordon`, { method: 'POST' })
  assert.ok(cordoned.ok)
  const { state, attempts } = await settled(b, 'stuck')
  assert.deepEqual([state, attempts.map(({ node }) => node)], ['succeeded', ['b']])
  await a.said('executor-missing-over')
})

test('members tell the load and the executors of each other', { timeout: 60_000 }, async () => {
  const [a] = await pair()
  await until(async () => {
    const { members } = await get<{ members: readonly MemberView[] }>(a, 'members')
    return members.every(({ load }) => load?.cpu !== undefined && load.memory !== undefined)
  })
  const { members } = await get<{ members: readonly MemberView[] }>(a, 'members')
  const b = members.find(({ id }) => id === 'b')
  assert.deepEqual(b?.load?.types, ['compute', 'echo', 'exec', 'http', 'unreliable'])
  assert.ok((b?.load?.slots ?? 0) >= 2)
})
