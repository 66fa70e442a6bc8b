/** Real daemons that bear one name: with keys of their own, and with one copied data directory. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 90_000

interface Daemon {
  readonly child: ChildProcess
  readonly directory: string
  readonly peers: number
  readonly http: number
}

interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly { readonly code: string; readonly detail: string }[]
}

let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-identity-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(kill))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

async function kill({ child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function start(name: string, directory: string, seeds: readonly Daemon[]): Promise<Daemon> {
  const [peers, http] = [await freePort(), await freePort()]
  const where = ['--data-dir', directory, '--listen', `127.0.0.1:${peers}`, '--http', `127.0.0.1:${http}`]
  const known = seeds.flatMap(seed => ['--seed', `127.0.0.1:${seed.peers}`])
  const child = spawn(PROGRAM, ['agent', '--node-id', name, '--cluster', 'identity', ...where, ...known], {
    cwd: scratch,
    stdio: 'ignore',
  })
  const daemon = { child, directory, peers, http }
  daemons.push(daemon)
  return daemon
}

/** What `/readyz` says; undefined while nobody answers there. */
async function readyz(daemon: Daemon): Promise<Readiness | undefined> {
  const answer = await fetch(`http://127.0.0.1:${daemon.http}/readyz`).catch(() => undefined)
  return answer && ((await answer.json()) as Readiness)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 100))
}

const isReady = async (daemon: Daemon): Promise<boolean> => (await readyz(daemon))?.ready === true

const isAside = async (daemon: Daemon): Promise<boolean> =>
  (await readyz(daemon))?.reasons.some(
    ({ code, detail }) => code === 'node-id-taken' && detail.includes('NODE_ID_TAKEN'),
  ) === true

/** Three nodes that have met. */
async function table(): Promise<readonly [Daemon, Daemon, Daemon]> {
  const a = await start('a', join(scratch, 'a'), [])
  await until(() => isReady(a))
  const b = await start('b', join(scratch, 'b'), [a])
  const c = await start('c', join(scratch, 'c'), [a])
  for (const daemon of [b, c]) await until(() => isReady(daemon))
  return [a, b, c]
}

test('a second machine under a live name stays outside, says so, and comes in when the holder has gone', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const second = await start('c', join(scratch, 'second'), [a, b])
  await until(() => isAside(second))
  assert.equal(await isReady(c), true)
  await kill(c)
  await until(() => isReady(second))
  assert.equal(await isAside(second), false)
})

test('of a data directory that was copied while its node ran, the later process has the name and the earlier one waits', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const copied = join(scratch, 'copied')
  await cp(c.directory, copied, { recursive: true })
  const copy = await start('c', copied, [a, b])
  await until(() => isAside(c))
  await until(() => isReady(copy))
  assert.equal(c.child.exitCode, null, 'its process lives')
  await kill(copy)
  await until(() => isReady(c))
  assert.equal(await isAside(c), false)
})
