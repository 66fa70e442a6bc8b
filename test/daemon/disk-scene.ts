/** Daemons with a disk each, and what a client asks of them. Importing this sets up and clears away for each test of a file. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { Daemon } from './subject.ts'

export const timeout = { timeout: 300_000 }
/** Of this test, and gone after it. */
export let scratch = ''
/** Ended after each test. */
export const children: ChildProcess[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-disk-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await rm(scratch, { recursive: true, force: true })
})

export interface Place {
  readonly name?: string
  readonly seeds?: readonly string[]
  /** Of the data directory; default: one of its own for each name. */
  readonly dataDir?: string
  readonly through?: readonly string[]
  /** In quorum mode, with so many. Default: available mode. */
  readonly expectedNodes?: number
  readonly leaveMs?: number
}

export async function start({
  name = 'one',
  seeds = [],
  dataDir,
  through,
  expectedNodes,
  leaveMs,
}: Place = {}): Promise<Daemon> {
  const file = join(scratch, `${name}.json`)
  const free = { host: '127.0.0.1', port: 0 }
  const directory = dataDir ?? join(scratch, name)
  const config = { cluster: 'disk', nodeId: name, dataDir: directory, seeds, transport: free, http: free }
  await writeFile(file, JSON.stringify({ ...config, expectedNodes, leaveMs }), { mode: 0o600 })
  const daemon = new Daemon(file, through)
  children.push(daemon.child)
  return daemon
}

export async function end(daemon: Daemon): Promise<void> {
  daemon.child.kill('SIGTERM')
  assert.deepEqual(await daemon.exited, [0, null])
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: Record<string, unknown>
}

export async function ask(daemon: Daemon, path: string, task?: unknown): Promise<Answer> {
  const options =
    task === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(task) }
  const response = await fetch(`${await daemon.url()}${path}`, options)
  const text = await response.text()
  const body = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : { text }
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body }
}

export const submit = (daemon: Daemon, id: string, payload: unknown = 'x', type = 'echo') =>
  ask(daemon, '/v1/tasks', { id, type, payload })

export async function accepted(daemon: Daemon, count: number, prefix = 't'): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  // Twenty at a time, which share their syncs of the disk; again where it is refused for now, since the machine is busy.
  for (let from = 0; from < count; from += 20)
    await Promise.all(
      ids.slice(from, from + 20).map(id => until(async () => (await submit(daemon, id)).status < 300)),
    )
  return ids
}

/** Waits for what no event tells. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

export const succeeded = (daemon: Daemon, ids: readonly string[]): Promise<void> =>
  until(async () => {
    const answers = await Promise.all(ids.map(id => ask(daemon, `/v1/tasks/${id}`)))
    return answers.every(({ body }) => JSON.stringify(body).includes('"state":"succeeded"'))
  })

export const storeOf = (name: string): string => join(scratch, name, 'store.sqlite')
