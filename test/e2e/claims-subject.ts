/** Real daemons with applications beside them: programs and clients, all ended after each test. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterEach, beforeEach } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ClaimHandler, type ClaimOptions, claimTasks } from '../../src/client/claim-tasks.ts'
import type { ClaimsView } from '../../src/runtime/claims.ts'
import type { Json, TaskRecord } from '../../src/tasks/task.ts'
import { Daemon } from '../daemon/subject.ts'

export const timeout = { timeout: 300_000 }
export const EXAMPLES = fileURLToPath(new URL('../../configs/examples/', import.meta.url))

/** A directory of the test that runs. */
export let scratch = ''
let daemons: Daemon[] = []
let programs: ChildProcess[] = []
let clients: { readonly stop: AbortController; readonly ended: Promise<void> }[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-claims-'))
})

afterEach(async () => {
  for (const { stop } of clients) stop.abort()
  await Promise.all(clients.map(({ ended }) => ended))
  await Promise.all(programs.map(killed))
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  programs = []
  clients = []
  await rm(scratch, { recursive: true, force: true })
})

export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** A node whose clients carry out tasks of the types `work` and `other`. */
export async function start(
  nodeId: string,
  more: {
    readonly seeds?: readonly string[]
    readonly leaseMs?: number
    readonly expectedNodes?: number
  } = {},
) {
  const free = { host: '127.0.0.1', port: 0 }
  const { seeds = [], leaseMs = 5_000, ...others } = more
  const executors = { claim: { types: ['work', 'other'], leaseMs } }
  const tasks = { backoffMs: 50 }
  const sockets = { transport: free, http: free }
  // Nobody is to be taken for dead because the machine is slow.
  const membership = { silenceMsMin: 20_000, silenceMsMax: 30_000 }
  const config = { nodeId, seeds, executors, tasks, membership, cluster: 'claims', ...sockets, ...others }
  const file = join(scratch, `${nodeId}.json`)
  await writeFile(file, JSON.stringify({ ...config, dataDir: join(scratch, nodeId) }))
  const daemon = new Daemon(file)
  daemons.push(daemon)
  const ready = `${await daemon.url()}/readyz`
  await until(`${nodeId} is ready`, async () => (await fetch(ready)).ok)
  return daemon
}

/** Two nodes that know each other. */
export async function pair(): Promise<readonly [Daemon, Daemon]> {
  const a = await start('a')
  const [address] = (await a.said('listening'))['addresses'] as readonly string[]
  const b = await start('b', { seeds: [String(address)] })
  await until('both own keys', async () => (await get<{ members: object[] }>(a, 'ring')).members.length === 2)
  return [a, b]
}

export async function get<T>(daemon: Daemon, path: string): Promise<T> {
  return (await (await fetch(`${await daemon.url()}/v1/${path}`)).json()) as T
}

/** What is refused for now is said again: a slow machine may just be too slow. */
export async function post<T>(daemon: Daemon, path: string, body: object): Promise<T> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  for (;;) {
    const answer = await fetch(`${await daemon.url()}/v1/${path}`, init)
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text) as T
    assert.ok(answer.status === 503 || answer.status === 429, text)
    await pause(100)
  }
}

export async function until(claim: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited in vain until ${claim}`)
    await pause(25)
  }
}

export const task = (daemon: Daemon, id: string) => get<TaskRecord>(daemon, `tasks/${id}`)

export async function settled(daemon: Daemon, id: string, state = 'succeeded'): Promise<TaskRecord> {
  await until(`${id} is ${state}`, async () => (await task(daemon, id)).state === state)
  return await task(daemon, id)
}

export async function held(daemon: Daemon): Promise<ClaimsView['claims'][number]> {
  await until('a task is claimed', async () => (await get<ClaimsView>(daemon, 'claims')).held === 1)
  const [claim] = (await get<ClaimsView>(daemon, 'claims')).claims
  assert.ok(claim)
  return claim
}

export async function client(daemon: Daemon, handler: ClaimHandler, options: Partial<ClaimOptions> = {}) {
  const stop = new AbortController()
  const url = await daemon.url()
  const ended = claimTasks({ url, types: ['work'], waitMs: 2_000, signal: stop.signal, ...options }, handler)
  const one = { stop, ended }
  clients.push(one)
  return one
}

export async function program(daemon: Pick<Daemon, 'url'>, command: string, ...args: readonly string[]) {
  const path = `${dirname(process.execPath)}:${process.env['PATH']}`
  const env = { ...process.env, PATH: path, ROUNDTABLE_URL: await daemon.url() }
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  programs.push(child)
  const said = { text: '' }
  child.stdout.on('data', chunk => {
    said.text += chunk
  })
  return { child, said }
}

/**
 * Stands for a node that hands out one claim, for a second and a half, and then cannot say any more that it is renewed.
 * `end` is how the client says that it is over: `release`, `complete` or `fail`.
 */
export async function failingNode(
  payload: Json,
  renewed: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const end = Promise.withResolvers<string>()
  const named = { claim: 'c', task: 't', key: 'k', type: 'work', attempt: 1, token: { value: '1' } }
  const times = { leaseMs: 600, actingForMs: 1_500 }
  let claims = 0
  const server = createServer((request, response) => {
    const [, , , what] = request.url?.split('/') ?? []
    if (what === 'renew') renewed(request, response)
    else if (what !== undefined) response.end('{}', () => end.resolve(what))
    else if (claims++ === 0) {
      const claim = { ...named, ...times, actingUntilMs: Date.now() + 1_500, payload }
      response.end(JSON.stringify({ claims: [claim] }))
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: async () => `http://127.0.0.1:${port}`,
    end: end.promise,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** How late timers of this process, and so of the client in it, were since then, in ms: nobody can stop sooner. */
export function lateness(): () => number {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  return () => delay.max / 1e6
}

/** Runs until it is told to stop. */
export const endless: ClaimHandler = async (_, { signal }) => {
  await once(signal, 'abort')
  throw signal.reason
}

export async function ownKey(daemon: Daemon, owner: string): Promise<string> {
  for (let i = 0; ; i++)
    if ((await get<{ owner: string }>(daemon, `owner/key-${i}`)).owner === owner) return `key-${i}`
}
