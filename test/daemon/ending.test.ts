/** A real daemon that ends: what it had started is dead before its peers can take the daemon for dead. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../adapters/executors/scene.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const linux = { skip: process.platform !== 'linux', timeout: 60_000 }

type Line = Readonly<Record<string, unknown>>

let scratch = ''
let daemon: ChildProcess | undefined
const sockets: Socket[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-ending-'))
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  if (daemon?.exitCode === null && daemon.signalCode === null) {
    daemon.kill('SIGKILL')
    await once(daemon, 'exit')
  }
  await rm(scratch, { recursive: true, force: true })
})

const pidFile = (): string => join(scratch, 'pid')

/** A daemon with a command that is deaf to SIGTERM; resolves when it is ready. */
async function start(): Promise<{ pid: number; port: number; url: string; lines: Line[] }> {
  const script = `trap '' TERM; echo $$ > ${pidFile()}.new; mv ${pidFile()}.new ${pidFile()}; while :; do sleep 0.1; done`
  const commands = { deaf: { path: '/bin/sh', args: ['-c', script] } }
  const file = join(scratch, 'config.yaml')
  await writeFile(
    file,
    JSON.stringify({ cluster: 'ending', leaveMs: '200ms', executors: { exec: { commands } } }),
  )
  const where = ['--config', file, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--data-dir', scratch]
  daemon = spawn(PROGRAM, ['agent', ...where], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: Line[] = []
  assert.ok(daemon.stdout && daemon.pid !== undefined)
  createInterface({ input: daemon.stdout }).on('line', line => lines.push(JSON.parse(line)))
  const said = (event: string) => lines.find(line => line['event'] === event)
  await until(() => said('ready') !== undefined)
  const address = String((said('listening')?.['addresses'] as readonly unknown[] | undefined)?.[0])
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  return { pid: daemon.pid, port, url: String(said('http-listening')?.['url']), lines }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(10)
}

const submit = (url: string, task: object): Promise<Response> =>
  fetch(`${url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(task),
  })

/** How a new connection fares: what a peer looks for when the remote end has closed the old one. */
async function probe(port: number): Promise<'taken' | 'refused'> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  try {
    await once(socket, 'connect')
    return 'taken'
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    return 'refused'
  } finally {
    socket.destroy()
  }
}

/** Has it run the command; resolves with the pid. */
async function runDeaf(url: string): Promise<number> {
  assert.equal((await submit(url, { type: 'exec', payload: { command: 'deaf' } })).ok, true)
  await until(() => existsSync(pidFile()))
  const command = Number(readFileSync(pidFile(), 'utf8'))
  assert.ok(isAlive(command))
  return command
}

async function untilRefused(port: number): Promise<void> {
  while ((await probe(port)) === 'taken') await pause(1)
}

test('a daemon that cannot go on closes its port only when its commands are dead', linux, async () => {
  const { pid, port, url, lines } = await start()
  const command = await runDeaf(url)
  assert.equal(await probe(port), 'taken')
  // Every write to a file fails from now on.
  execFileSync('prlimit', ['--pid', String(pid), '--fsize=1:1'])
  const refused = submit(url, { type: 'echo', payload: null }).catch(error => error)
  await untilRefused(port)
  assert.equal(isAlive(command), false)
  await refused
  await until(() => daemon?.exitCode !== null)
  assert.equal(daemon?.exitCode, 1)
  assert.match(String(lines.find(line => line['event'] === 'fatal')?.['detail']), /STORE_FAILED|disk/)
})

test('so does one that leaves sooner than its commands end', linux, async () => {
  const { port, url } = await start()
  const command = await runDeaf(url)
  assert.equal(await probe(port), 'taken')
  daemon?.kill('SIGTERM')
  await untilRefused(port)
  assert.equal(isAlive(command), false)
  await until(() => daemon?.exitCode !== null)
  assert.equal(daemon?.exitCode, 0)
})
