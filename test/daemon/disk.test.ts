/** Real daemons on disks that are full, cannot be written, or are another's: a clear word, and nothing accepted is lost. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { untilEnded } from '../adapters/storage/ended.ts'
import {
  type Answer,
  accepted,
  ask,
  children,
  end,
  scratch,
  start,
  storeOf,
  submit,
  succeeded,
  timeout,
  until,
} from './disk-scene.ts'
import type { Daemon } from './subject.ts'

const isRoot = process.getuid?.() === 0
const has = (...command: readonly [string, ...string[]]): boolean =>
  isRoot && spawnSync(command[0], command.slice(1)).status === 0
const canMount = has('unshare', '-m', 'true')
const canTrace = has('strace', '-o', '/dev/null', 'true')

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

/** Tasks that were accepted and go on for a while: each fails twice first. */
async function unfinished(daemon: Daemon): Promise<readonly string[]> {
  const ids = Array.from({ length: 10 }, (_, i) => `open${i}`)
  for (const id of ids) assert.equal((await submit(daemon, id, { failures: 2 }, 'unreliable')).status, 202)
  return ids
}

/** From now on nothing can be written to its store, until the tracer that is returned ends. */
async function readOnlyDisk(daemon: Daemon): Promise<ChildProcess> {
  const path = storeOf('one')
  const files = [path, `${path}-wal`, `${path}-probe`].flatMap(file => ['-P', file])
  const inject = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:error=EROFS', '-o', '/dev/null']
  const tracer = spawn('strace', ['-f', '-p', String(daemon.child.pid), ...files, ...inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(tracer)
  await once(tracer.stderr, 'data') // attached
  return tracer
}

test('a disk that cannot be written: what came in waits, new tasks are refused with 503, and both end with it', {
  ...timeout,
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const daemon = await start()
  await daemon.said('ready')
  const ids = await accepted(daemon, 5)
  await succeeded(daemon, ids)
  const open = await unfinished(daemon)
  const tracer = await readOnlyDisk(daemon)
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
  // Or it has taken longer than a request may wait, where the machine is slow.
  assert.ok([202, 504].includes((await waiting).status))
  assert.equal((await submit(daemon, 'refused')).status, 202)
  await succeeded(daemon, [...ids, ...open, 'waiting', 'refused'])
  await end(daemon)
})

test('a node that is killed while its disk cannot be written has all that it had accepted when it is back', {
  ...timeout,
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const daemon = await start()
  await daemon.said('ready')
  const open = await unfinished(daemon)
  await readOnlyDisk(daemon)
  const never = submit(daemon, 'never').catch(() => undefined)
  await daemon.said('store-read-only')
  await daemon.kill()
  assert.equal(await never, undefined, 'nobody was told that it is stored')
  const next = await start()
  await next.said('ready')
  await succeeded(next, open)
  assert.equal((await ask(next, '/v1/tasks/never')).status, 404)
  await end(next)
})

test('a leave ends though the disk does not answer, and says why the process had to be killed', {
  ...timeout,
  skip: canTrace ? false : 'needs strace and leave to trace',
}, async () => {
  const daemon = await start()
  await daemon.said('ready')
  await succeeded(daemon, await accepted(daemon, 3))
  const hang = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_enter=120s']
  const tracer = spawn('strace', ['-f', '-p', String(daemon.child.pid), ...hang, '-o', '/dev/null'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(tracer)
  await once(tracer.stderr, 'data') // attached
  const cut = submit(daemon, 'late').catch(() => 'cut')
  const left = ask(daemon, '/v1/leave', { deadlineMs: 1_000 }).catch(() => 'cut')
  await untilEnded(daemon.child, 15_000).finally(() => tracer.kill('SIGKILL'))
  assert.deepEqual(await daemon.exited, [null, 'SIGKILL'])
  assert.equal((await daemon.said('store-stuck'))['level'], 'error')
  await Promise.all([cut, left])
})
