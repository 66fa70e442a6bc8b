/**
 * Real daemons in quorum mode: what runs on one of them is seen, stopped and drained through another, whichever executor
 * runs it.
 *
 * A node that the machine held up for longer than its lease stops what it runs, and it is begun again: what is said here is
 * said of the attempt that runs, whichever it is.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 120_000
const NODES = ['n1', 'n2', 'n3']
/** From the request to cancel to the end of what ran, as promised where the machine has time for its nodes. */
const CANCEL_MS = 1_000

interface Daemon {
  readonly name: string
  readonly child: ChildProcess
  readonly url: string
  readonly address: string
}

interface TaskView {
  readonly state: string
  readonly attempts: readonly {
    readonly node: string
    readonly number: number
    readonly outcome?: string
    readonly error?: { readonly code: string }
  }[]
  readonly progress?: { readonly fraction?: number; readonly note?: string }
  readonly result?: unknown
}

const MODULE = `
import { existsSync, writeFileSync, rmSync } from 'node:fs'
export default async function run({ id, payload }, { attempt, token, signal, progress }) {
  const { pidFile, block } = payload
  console.log('attempt ' + attempt + ' of ' + id)
  progress({ done: 1, total: 4, note: 'in a module' })
  writeFileSync(pidFile, String(process.pid))
  if (block) for (;;);
  await new Promise((resolve, reject) => {
    const timer = setInterval(() => existsSync(payload.go) && resolve(clearInterval(timer)), 20)
    signal.addEventListener('abort', () => reject(clearInterval(timer) ?? signal.reason))
  })
  return { token: token.value, safe: token.safe }
}
`

let scratch = ''
let daemons: readonly Daemon[] = []

/** The application beside the daemons: answers when it is told to, or when who asked has gone. */
const application = {
  server: createServer((request, response) => application.take(request, response)),
  progressUrls: [] as string[],
  open: 0,
  take(request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    application.open++
    application.progressUrls.push(String(request.headers['roundtable-task-progress-url']))
    response.once('close', () => application.open--)
  },
}

before(
  async () => {
    scratch = await mkdtemp(join(tmpdir(), 'roundtable-attempts-'))
    await new Promise<void>(resolve => application.server.listen(0, '127.0.0.1', resolve))
    await writeFile(join(scratch, 'work.mjs'), MODULE)
    await writeFile(join(scratch, 'roundtable.json'), JSON.stringify(configuration()))
    const first = await start('n1', [])
    const others = NODES.slice(1).map(name => start(name, [first.address]))
    daemons = [first, ...(await Promise.all(others))]
    for (const { url } of daemons) await until(async () => (await fetch(`${url}/readyz`)).ok)
  },
  { timeout: TEST_MS },
)

after(
  async () => {
    await Promise.all(daemons.map(kill))
    application.server.closeAllConnections()
    application.server.close()
    await rm(scratch, { recursive: true, force: true })
  },
  { timeout: TEST_MS },
)

const appUrl = (): string => `http://127.0.0.1:${(application.server.address() as AddressInfo).port}/`

const configuration = () => ({
  expectedNodes: NODES.length,
  leaveMs: 5_000,
  transport: { host: '127.0.0.1', port: 0 },
  http: { host: '127.0.0.1', port: 0 },
  tasks: { concurrency: 8, backoffMs: 50 },
  executors: {
    exec: { commands: { sh: { path: 'sh', args: ['-c'], taskArgs: true } } },
    http: { allow: [appUrl()] },
    modules: { work: { path: join(scratch, 'work.mjs'), concurrency: 4 } },
  },
})

async function start(name: string, seeds: readonly string[]): Promise<Daemon> {
  const argv = ['agent', '--config', join(scratch, 'roundtable.json'), '--node-id', name]
  const flags = ['--data-dir', join(scratch, name), ...seeds.flatMap(seed => ['--seed', seed])]
  const child = spawn(PROGRAM, [...argv, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = new Map<string, Record<string, unknown>>()
  assert.ok(child.stdout)
  createInterface({ input: child.stdout }).on('line', line => {
    const found = JSON.parse(line) as Record<string, unknown>
    said.set(String(found['event']), found)
  })
  await until(() => said.has('http-listening') || child.exitCode !== null)
  assert.equal(child.exitCode, null, `${name} has started`)
  const addresses = said.get('listening')?.['addresses']
  const address = Array.isArray(addresses) ? String(addresses[0]) : ''
  return { name, child, address, url: String(said.get('http-listening')?.['url']) }
}

async function kill({ child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 20))
}

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

/** The same, again while it is refused for now: a node that the machine held up waits for leave to act. */
async function insist(url: string, body: unknown): Promise<Response> {
  let response = await post(url, body)
  while (response.status >= 500) {
    await response.body?.cancel()
    await new Promise(resolve => setTimeout(resolve, 100))
    response = await post(url, body)
  }
  return response
}

const taskUrl = (through: Daemon, id: string): string => `${through.url}/v1/tasks/${encodeURIComponent(id)}`

const view = async (through: Daemon, id: string): Promise<TaskView> =>
  (await (await fetch(taskUrl(through, id))).json()) as TaskView

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X')
  } catch {
    return false
  }
}

async function pidIn(file: string): Promise<number> {
  await until(() => existsSync(file) && readFileSync(file, 'utf8').trim() !== '')
  return Number(readFileSync(file, 'utf8'))
}

/** Its latest attempt. */
const last = async (through: Daemon, id: string): Promise<TaskView['attempts'][number] | undefined> =>
  (await view(through, id)).attempts.at(-1)

/** Submits it, waits until it runs, and says where, and who neither runs nor owns it. */
async function begin(id: string, type: string, payload: unknown, more: object = {}) {
  const submitted = await insist(`${daemons[0]?.url}/v1/tasks`, { id, type, payload, ...more })
  assert.ok(submitted.ok, await submitted.text())
  const through = daemons[0] as Daemon
  await until(async () => (await view(through, id)).state === 'running')
  const node = (await last(through, id))?.node
  const stranger = daemons.find(({ name }) => name !== node) as Daemon
  const runner = daemons.find(({ name }) => name === node) as Daemon
  return { runner, stranger }
}

/** Cancels it through this node, and says how long it took until nothing of it was left. */
async function cancel(through: Daemon, id: string, isOver: () => boolean): Promise<number> {
  let askedAt = performance.now()
  let answer = await post(`${taskUrl(through, id)}/cancel`, {})
  while (answer.status >= 500) {
    await new Promise(resolve => setTimeout(resolve, 100))
    askedAt = performance.now()
    answer = await post(`${taskUrl(through, id)}/cancel`, {})
  }
  assert.equal(answer.status, 200, await answer.clone().text())
  assert.equal(((await answer.json()) as TaskView).state, 'cancelled')
  await until(isOver)
  const tookMs = performance.now() - askedAt
  await until(async () => (await last(through, id))?.outcome === 'cancelled')
  for (const daemon of daemons) assert.equal((await view(daemon, id)).state, 'cancelled')
  return tookMs
}

/** What is to be granted beside a promise: a few times what a task takes now that does nothing. Some 30 ms on an idle machine. */
async function busyMs(): Promise<number> {
  const through = daemons[0] as Daemon
  const id = `pace-${performance.now()}`
  const from = performance.now()
  await insist(`${through.url}/v1/tasks`, { id, type: 'echo', payload: 1 })
  await until(async () => (await view(through, id)).state === 'succeeded')
  return 3 * (performance.now() - from)
}

const log = async (through: Daemon, id: string, attempt?: number) =>
  (await (await fetch(`${taskUrl(through, id)}/log${attempt ? `?attempt=${attempt}` : ''}`)).json()) as {
    readonly node: string
    readonly running: boolean
    readonly code?: string
    readonly stdout?: { readonly text: string }
    readonly stderr?: { readonly text: string }
    readonly progress?: { readonly note?: string }
  }

describe('attempts, from any node', { timeout: 4 * TEST_MS }, () => {
  test('a command is watched and cancelled through a node that has nothing to do with it', {
    timeout: TEST_MS,
  }, async () => {
    const pidFile = join(scratch, 'exec.pid')
    const script = `trap '' TERM; echo $$ > ${pidFile}; echo hello; echo careful >&2; echo '1/4 pulled' >&3; sleep 600 & wait; sleep 600`
    const { stranger, runner } = await begin('exec/1', 'exec', { command: 'sh', args: [script] })
    const pid = await pidIn(pidFile)
    await until(async () => (await view(stranger, 'exec/1')).progress?.fraction === 0.25)
    assert.equal((await view(stranger, 'exec/1')).progress?.note, 'pulled')
    const seen = await log(stranger, 'exec/1')
    assert.ok(seen.running && seen.node !== stranger.name, JSON.stringify(seen))
    assert.deepEqual([seen.stdout?.text, seen.stderr?.text], ['hello\n', 'careful\n'])
    const tookMs = await cancel(stranger, 'exec/1', () => !isAlive(pid))
    assert.ok(tookMs < CANCEL_MS + (await busyMs()), `${tookMs} ms`)
    const ended = await log(stranger, 'exec/1')
    assert.deepEqual([ended.running, ended.stdout?.text], [false, 'hello\n'])
    const again = await insist(`${taskUrl(runner, 'exec/1')}/cancel`, {})
    assert.equal(again.status, 200, 'it is safe to repeat')
  })

  test('a module is watched and cancelled, also while it blocks its thread', {
    timeout: TEST_MS,
  }, async () => {
    for (const block of [false, true]) {
      const id = `module-${block}`
      const pidFile = join(scratch, `${id}.pid`)
      const { stranger } = await begin(id, 'work', { pidFile, block, go: join(scratch, 'never') })
      const pid = await pidIn(pidFile)
      await until(async () => (await view(stranger, id)).progress?.note === 'in a module')
      await until(async () => {
        const { number = 0 } = (await last(stranger, id)) ?? {}
        return (await log(stranger, id, number)).stdout?.text === `attempt ${number} of ${id}\n`
      })
      const tookMs = await cancel(stranger, id, () => !isAlive(pid))
      assert.ok(tookMs < CANCEL_MS + (await busyMs()), `${tookMs} ms`)
    }
  })

  test('a module that is left alone succeeds, with a token that is safe', { timeout: TEST_MS }, async () => {
    const go = join(scratch, 'go')
    await begin('module-ok', 'work', { pidFile: join(scratch, 'ok.pid'), go })
    await writeFile(go, '')
    await until(async () => (await view(daemons[1] as Daemon, 'module-ok')).state === 'succeeded')
    const { token, safe } = (await view(daemons[1] as Daemon, 'module-ok')).result as Record<string, unknown>
    assert.match(String(token), /^\d{10,20}$/)
    assert.equal(safe, true)
  })

  test('a request reports to its own node, is seen from another, and is cancelled from there', {
    timeout: TEST_MS,
  }, async () => {
    const { stranger } = await begin('http-1', 'http', { url: appUrl() })
    await until(() => application.progressUrls.length > 0)
    // Of an attempt that is over by now it says so, and the next one begins with none.
    let url = ''
    await until(async () => {
      url = application.progressUrls.at(-1) ?? ''
      const { status } = await post(url, { fraction: 0.5, note: 'half of it' })
      return status === 200 && (await view(stranger, 'http-1')).progress?.note === 'half of it'
    })
    const { node } = (await last(stranger, 'http-1')) ?? {}
    const runner = daemons.find(({ name }) => name === node)
    assert.ok(runner !== undefined && url.startsWith(runner.url), 'it is the node that runs it')
    assert.equal((await post(url, { fraction: 5 })).status, 400)
    const tookMs = await cancel(stranger, 'http-1', () => application.open === 0)
    assert.ok(tookMs < CANCEL_MS + (await busyMs()), `${tookMs} ms`)
    assert.equal(
      (await post(url, { fraction: 0.6 })).status,
      404,
      'whoever still works for it learns that it is over',
    )
  })

  test('one that waits is cancelled before it begins, and one that has ended is not', {
    timeout: TEST_MS,
  }, async () => {
    const pidFile = join(scratch, 'first.pid')
    const { stranger } = await begin(
      'first',
      'exec',
      { command: 'sh', args: [`echo $$ > ${pidFile}; sleep 600`] },
      { key: 'one' },
    )
    const touched = join(scratch, 'touched')
    const second = {
      id: 'second',
      key: 'one',
      type: 'exec',
      payload: { command: 'sh', args: [`touch ${touched}`] },
    }
    assert.ok((await insist(`${stranger.url}/v1/tasks`, second)).ok)
    assert.equal((await insist(`${taskUrl(stranger, 'second')}/cancel`, {})).status, 200)
    const pid = await pidIn(pidFile)
    await cancel(stranger, 'first', () => !isAlive(pid))
    const third = { id: 'third', key: 'one', type: 'echo', payload: 1 }
    assert.ok((await insist(`${stranger.url}/v1/tasks`, third)).ok)
    await until(async () => (await view(stranger, 'third')).state === 'succeeded')
    assert.equal(existsSync(touched), false)
    const refused = await insist(`${taskUrl(stranger, 'third')}/cancel`, {})
    assert.deepEqual(
      [refused.status, ((await refused.json()) as { code: string }).code],
      [409, 'TASK_SETTLED'],
    )
  })

  test('an attempt over its time limit is killed, and the log of each attempt is its own', {
    timeout: TEST_MS,
  }, async () => {
    const script = 'echo "attempt $ROUNDTABLE_TASK_ATTEMPT" >&2; sleep 600'
    const limits = { timeoutMs: 500, maxAttempts: 2 }
    await begin('slow', 'exec', { command: 'sh', args: [script] }, limits)
    const through = daemons[2] as Daemon
    await until(async () => (await view(through, 'slow')).state === 'dead')
    const { attempts } = await view(through, 'slow')
    assert.deepEqual(
      attempts.map(({ error }) => error?.code),
      ['TIMEOUT', 'TIMEOUT'],
    )
    for (const number of [1, 2])
      assert.equal((await log(through, 'slow', number)).stderr?.text, `attempt ${number}\n`)
    assert.equal((await log(through, 'slow', 3)).code, 'LOG_UNKNOWN')
  })

  test('a node that leaves waits for what runs; what outlasts its deadline is tried again elsewhere', {
    timeout: TEST_MS,
  }, async () => {
    const pidFile = join(scratch, 'long.pid')
    const go = join(scratch, 'long.go')
    const { runner, stranger } = await begin('long', 'work', { pidFile, go })
    const first = await pidIn(pidFile)
    const exited = once(runner.child, 'exit')
    const begun = performance.now()
    runner.child.kill('SIGTERM')
    await until(() => !isAlive(first))
    assert.ok(performance.now() - begun > 2_000, 'it waited, but for the time that handing back takes')
    await until(async () => {
      const { attempts, state } = await view(stranger, 'long')
      return state === 'running' && attempts.at(-1)?.node !== runner.name
    })
    const { attempts } = await view(stranger, 'long')
    assert.ok(attempts.some(({ node, outcome }) => node === runner.name && outcome === 'cancelled'))
    await writeFile(go, '')
    await until(async () => (await view(stranger, 'long')).state === 'succeeded')
    await exited
    assert.equal(runner.child.exitCode, 0)
  })
})
