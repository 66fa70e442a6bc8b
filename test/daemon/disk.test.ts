/** Real daemons on disks that are full, cannot be written, or were damaged: a clear word, and nothing accepted is lost. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Daemon, type Line } from './subject.ts'

const timeout = { timeout: 300_000 }
const isRoot = process.getuid?.() === 0
const has = (...command: readonly [string, ...string[]]): boolean =>
  isRoot && spawnSync(command[0], command.slice(1)).status === 0
const canMount = has('unshare', '-m', 'true')
const canTrace = has('strace', '-o', '/dev/null', 'true')

let scratch = ''
const children: ChildProcess[] = []

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

interface Place {
  readonly name?: string
  readonly seeds?: readonly string[]
  /** Of the data directory; default: one of its own for each name. */
  readonly dataDir?: string
  readonly through?: readonly string[]
}

async function start({ name = 'one', seeds = [], dataDir, through }: Place = {}): Promise<Daemon> {
  const file = join(scratch, `${name}.json`)
  const free = { host: '127.0.0.1', port: 0 }
  const directory = dataDir ?? join(scratch, name)
  const config = { cluster: 'disk', nodeId: name, dataDir: directory, seeds, transport: free, http: free }
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  const daemon = new Daemon(file, through)
  children.push(daemon.child)
  return daemon
}

async function end(daemon: Daemon): Promise<void> {
  daemon.child.kill('SIGTERM')
  assert.deepEqual(await daemon.exited, [0, null])
}

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: Record<string, unknown>
}

async function ask(daemon: Daemon, path: string, task?: unknown): Promise<Answer> {
  const options =
    task === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(task) }
  const response = await fetch(`${await daemon.url()}${path}`, options)
  const text = await response.text()
  const body = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : { text }
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body }
}

const submit = (daemon: Daemon, id: string, payload: unknown = 'x', type = 'echo') =>
  ask(daemon, '/v1/tasks', { id, type, payload })

async function accepted(daemon: Daemon, count: number, prefix = 't'): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  for (const id of ids) assert.equal((await submit(daemon, id)).status, 202, id)
  return ids
}

/** Waits for what no event tells. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

const succeeded = (daemon: Daemon, ids: readonly string[]): Promise<void> =>
  until(async () => {
    const answers = await Promise.all(ids.map(id => ask(daemon, `/v1/tasks/${id}`)))
    return answers.every(({ body }) => JSON.stringify(body).includes('"state":"succeeded"'))
  })

const storeOf = (name: string): string => join(scratch, name, 'store.sqlite')

/** Two nodes: `one`, whose disk suffers, and `two`, which has copies of all. */
async function pair(): Promise<{ one: Daemon; two: Daemon; seeds: readonly string[] }> {
  const two = await start({ name: 'two' })
  const { addresses } = (await two.said('listening')) as Line & { addresses: readonly string[] }
  const one = await start({ name: 'one', seeds: addresses })
  await one.said('ready')
  await until(async () => ((await ask(two, '/v1/status')).body['ring'] as { members: number }).members === 2)
  return { one, two, seeds: addresses }
}

const damages: Readonly<Record<string, (path: string, id: string) => string>> = {
  'a byte of a record flipped'(path, id) {
    const bytes = readFileSync(path)
    const name = Buffer.from(`"id":"${id}"`)
    // Also where an older version of the record lies, in space that is free by now.
    let at = bytes.indexOf(name)
    assert.ok(at > 0, 'the record is in the file')
    for (; at > 0; at = bytes.indexOf(name, at)) bytes[at + 6] = (bytes[at + 6] ?? 0) ^ 1
    writeFileSync(path, bytes)
    return 'checksum'
  },
  'cut in the middle'(path) {
    truncateSync(path, Math.floor(readFileSync(path).length / 2))
    return 'expected a sound'
  },
}

for (const [damage, harm] of Object.entries(damages)) {
  test(`a store with ${damage} is set aside, named, and filled again by the others`, timeout, async () => {
    const { one, two, seeds } = await pair()
    const ids = await accepted(one, 40)
    await succeeded(one, ids)
    await end(one)
    const path = storeOf('one')
    const reason = harm(path, ids[7] ?? '')
    const damaged = readFileSync(path)
    const again = await start({ name: 'one', seeds })
    const said = await again.said('store-set-aside')
    assert.equal(said['level'], 'error')
    assert.equal(said['path'], path)
    assert.equal(said['aside'], `${path}.damaged-2`)
    assert.match(String(said['reason']), new RegExp(reason))
    assert.ok(readFileSync(`${path}.damaged-2`).equals(damaged), 'the file is kept as it was')
    await again.said('ready')
    await succeeded(again, ids)
    await end(again)
    const third = await start({ name: 'one', seeds })
    await third.said('ready')
    assert.ok(!third.lines.some(({ event }) => event === 'store-set-aside'))
    await end(third)
    await end(two)
  })
}

for (const [damage, harm] of Object.entries(damages)) {
  test(`alone, a node with ${damage} in its store still has what can be read`, timeout, async () => {
    const first = await start()
    await first.said('ready')
    const ids = await accepted(first, 200)
    await succeeded(first, ids)
    await end(first)
    harm(storeOf('one'), 't7')
    const second = await start()
    const said = await second.said('store-salvaged')
    await second.said('ready')
    const rows = Number(said['rows'])
    assert.ok(Number(said['unreadable']) > 0 && rows < 200, JSON.stringify(said))
    assert.ok(rows >= (damage.startsWith('a byte') ? 199 : 10), JSON.stringify(said))
    const answers = await Promise.all(ids.map(id => ask(second, `/v1/tasks/${id}`)))
    assert.equal(answers.filter(({ status }) => status === 200).length, rows)
    await end(second)
  })
}

test('a store whose log is cut after a kill -9 is set aside, and the copies come back', timeout, async () => {
  const { one, two, seeds } = await pair()
  const ids = await accepted(one, 40)
  await succeeded(two, ids)
  await one.kill()
  const log = `${storeOf('one')}-wal`
  assert.ok(existsSync(log))
  truncateSync(log, Math.floor(readFileSync(log).length / 2))
  const again = await start({ name: 'one', seeds })
  assert.match(
    String((await again.said('store-set-aside'))['reason']),
    /expected all transactions to number \d+/,
  )
  await again.said('ready')
  await succeeded(again, ids)
  await end(again)
  await end(two)
})

test(
  'a second daemon on the same data directory is refused and says who holds it; the first goes on',
  timeout,
  async () => {
    const first = await start()
    await first.said('ready')
    const script = join(import.meta.dirname, 'daemon-process.ts')
    const { status, stderr } = spawnSync(process.execPath, [script, join(scratch, 'one.json')], {
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, /DATA_DIR_LOCKED/)
    assert.match(stderr, new RegExp(`process ${first.child.pid} on host`))
    assert.equal((await submit(first, 'after')).status, 202)
    await end(first)
  },
)

/** A mount namespace with a small disk, for as long as the process lives. */
async function smallDisk(
  megabytes: number,
): Promise<{ path: string; through: readonly string[]; outside: string }> {
  const path = join(scratch, 'disk')
  mkdirSync(path)
  const mount = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec sleep 600'
  const args = ['-m', 'sh', '-c', mount, 'sh', `${megabytes}m`, path]
  const holder = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(holder)
  await once(holder.stdout, 'data')
  const through = ['nsenter', '-m', '-t', String(holder.pid)]
  return { path, through, outside: `/proc/${holder.pid}/root${path}` }
}

/** Takes all the room that is left. */
function fillUp(path: string): void {
  for (let bytes = 1024 * 1024; bytes >= 1; ) {
    try {
      appendFileSync(path, Buffer.alloc(bytes, 1))
    } catch {
      bytes = Math.floor(bytes / 8) // smaller pieces, until not one byte more has room
    }
  }
}

const gauge = async (daemon: Daemon, name: string): Promise<number> => {
  const { body } = await ask(daemon, '/metrics')
  return Number(new RegExp(`^roundtable_${name}(?:{.*})? (\\S+)`, 'm').exec(String(body['text']))?.[1])
}

test('a full disk: new tasks are refused with 507, accepted ones go on, and it ends when there is room', {
  ...timeout,
  skip: canMount ? false : 'needs root and mount namespaces',
}, async () => {
  const { path, through, outside } = await smallDisk(96)
  const dataDir = join(path, 'data')
  const daemon = await start({ dataDir, through })
  await daemon.said('ready')
  const ids = await accepted(daemon, 20)
  await until(async () => (await gauge(daemon, 'store_reserve_bytes')) === 12 * 1024 * 1024)
  const ballast = join(outside, 'ballast')
  fillUp(ballast)
  const late: string[] = []
  let refused: Answer | undefined
  for (let i = 0; refused === undefined; i++) {
    const answer = await submit(daemon, `late${i}`, { failures: 2 }, 'unreliable')
    if (answer.status === 202) late.push(`late${i}`)
    else refused = answer
  }
  assert.equal(refused.status, 507, JSON.stringify(refused))
  assert.equal(refused.body['code'], 'STORE_FULL')
  assert.equal(refused.retryAfter, '10')
  assert.equal((await daemon.said('store-full'))['level'], 'error')
  const ready = await ask(daemon, '/readyz')
  assert.equal(ready.status, 503)
  assert.match(JSON.stringify(ready.body), /"store-full"/)
  assert.equal(await gauge(daemon, 'store_full'), 1)
  await succeeded(daemon, [...ids, ...late])
  rmSync(ballast)
  await daemon.said('store-recovered')
  assert.equal((await submit(daemon, 'again')).status, 202)
  assert.equal((await ask(daemon, '/readyz')).status, 200)
  await daemon.kill()
  const next = await start({ dataDir, through })
  await next.said('ready')
  await succeeded(next, [...ids, ...late, 'again'])
  await end(next)
})

test('a disk that cannot be written: what came in waits, new tasks are refused with 503, and both end with it', {
  ...timeout,
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const daemon = await start()
  await daemon.said('ready')
  const ids = await accepted(daemon, 5)
  await succeeded(daemon, ids)
  const path = storeOf('one')
  const files = [path, `${path}-wal`, `${path}-probe`].flatMap(file => ['-P', file])
  const inject = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:error=EROFS', '-o', '/dev/null']
  const tracer = spawn('strace', ['-f', '-p', String(daemon.child.pid), ...files, ...inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(tracer)
  await once(tracer.stderr, 'data') // attached
  const waiting = submit(daemon, 'waiting')
  assert.equal((await daemon.said('store-read-only'))['level'], 'error')
  const refused = await submit(daemon, 'refused')
  assert.deepEqual([refused.status, refused.body['code'], refused.retryAfter], [503, 'STORE_READ_ONLY', '10'])
  assert.match(JSON.stringify((await ask(daemon, '/readyz')).body), /"store-read-only"/)
  const listed = await ask(daemon, '/v1/tasks?state=succeeded')
  assert.equal(listed.status, 200)
  for (const id of ids) assert.match(JSON.stringify(listed.body), new RegExp(`"id":"${id}"`))
  assert.equal((await ask(daemon, '/v1/owner/some-key')).status, 200)
  for (const id of ids) {
    const { status, body } = await ask(daemon, `/v1/tasks/${id}`)
    assert.deepEqual([status, body['state']], [200, 'succeeded'], 'what is on the disk is told')
  }
  const unsure = await ask(daemon, '/v1/tasks/waiting')
  assert.deepEqual(
    [unsure.status, unsure.body['code']],
    [503, 'STORE_READ_ONLY'],
    JSON.stringify(unsure.body),
  )
  tracer.kill('SIGINT')
  await daemon.said('store-recovered')
  assert.equal((await waiting).status, 202)
  assert.equal((await submit(daemon, 'refused')).status, 202)
  await succeeded(daemon, [...ids, 'waiting', 'refused'])
  await end(daemon)
})
