/** Leaves at their slowest: a task that does not end, and a peer that does not answer. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Daemon } from './subject.ts'

let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-leaving-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

async function start(nodeId: string, seeds: readonly string[]): Promise<Daemon> {
  const deaf = { path: '/bin/sh', args: ['-c', "trap '' TERM; while :; do sleep 0.1; done"] }
  const free = { host: '127.0.0.1', port: 0 }
  const executors = { exec: { commands: { deaf } } }
  const config = { nodeId, seeds, executors, cluster: 'leaving', transport: free, http: free }
  const file = join(scratch, `${nodeId}.json`)
  await writeFile(file, JSON.stringify({ ...config, dataDir: join(scratch, nodeId) }))
  const daemon = new Daemon(file)
  daemons.push(daemon)
  await daemon.said('ready')
  return daemon
}

async function get(daemon: Daemon, path: string): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${await daemon.url()}/v1/${path}`)
  return answer.ok ? ((await answer.json()) as Readonly<Record<string, unknown>>) : {}
}

async function post(daemon: Daemon, path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(body) }
  const answer = await fetch(`${await daemon.url()}/v1/${path}`, init)
  assert.ok(answer.ok, await answer.text())
}

async function keyOf(daemon: Daemon, owner: string): Promise<string> {
  for (let i = 0; ; i++) if ((await get(daemon, `owner/key-${i}`))['owner'] === owner) return `key-${i}`
}

/** Two nodes that know each other. */
async function pair(): Promise<readonly [Daemon, Daemon]> {
  const a = await start('a', [])
  const [address] = (await a.said('listening'))['addresses'] as readonly string[]
  return [a, await start('b', [String(address)])]
}

/** Has it leave; resolves with the ms until its process is gone. */
async function leave(daemon: Daemon, deadlineMs: number): Promise<number> {
  const from = performance.now()
  await post(daemon, 'leave', { deadlineMs })
  assert.deepEqual(await daemon.exited, [0, null])
  return performance.now() - from
}

/** What a leave takes that has nothing to wait for, at the pace that the machine has now. */
async function paceMs(): Promise<number> {
  return leave(await start('alone', []), 5_000)
}

test('a leave is over, with all that it has to close, within its deadline', {
  timeout: 180_000,
}, async () => {
  const [a, b] = await pair()
  const key = await keyOf(b, 'a')
  await post(a, 'tasks', { id: 'deaf', key, type: 'exec', payload: { command: 'deaf' } })
  while ((await get(a, 'tasks/deaf'))['state'] !== 'running') await pause(20)
  b.child.kill('SIGSTOP')
  const tookMs = await leave(a, 2_000)
  const spareMs = await paceMs()
  assert.ok(tookMs <= 2_000 + spareMs, `${tookMs} ms, where nothing takes ${spareMs} ms`)
  assert.ok(tookMs > 1_000, 'it waited for the task and the peer')
})

test('so is one of a second, though a peer does not answer', { timeout: 180_000 }, async () => {
  const [a, b] = await pair()
  await keyOf(a, 'b')
  b.child.kill('SIGSTOP')
  const tookMs = await leave(a, 1_000)
  const spareMs = await paceMs()
  assert.ok(tookMs <= 1_000 + spareMs, `${tookMs} ms, where nothing takes ${spareMs} ms`)
})
