/**
 * A process to be killed, locked out or run on a tiny disk: `storage-process.ts ACTION PATH`; the actions are at the end. It
 * says what it did as lines of JSON.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { countLife, openKept } from '../../../src/daemon/found.ts'
import { bootIn } from './boot.ts'
import { forgetLog, startIn } from './replaced.ts'

const say = (value: unknown): Promise<void> =>
  new Promise(resolve => process.stdout.write(`${JSON.stringify(value)}\n`, () => resolve()))

const codeOf = (error: unknown): string => (error instanceof CodedError ? error.code : String(error))

/** Holds the directory until it is killed, with a child that outlives it. */
async function hold(path: string): Promise<void> {
  await bootIn(path)
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  await say({ child: child.pid })
  setInterval(() => {}, 60_000)
}

/** Commits for ever, a few at a time, and says each key once it is acknowledged. */
async function commit(path: string): Promise<void> {
  const store = await openStore(path)
  const first = (await store.load('tasks')).length
  let next = first
  const work = async (): Promise<void> => {
    for (;;) {
      const key = String(next++).padStart(9, '0')
      await store.commit([{ table: 'tasks', key, value: { key, filler: 'x'.repeat(500) } }])
      await say(key)
    }
  }
  await Promise.all(Array.from({ length: 16 }, work))
}

const KIB = 1024

/**
 * Fills its disk (of some MiB), goes on in the reserve, uses that up too, and gets room again. Says what was
 * acknowledged in each of these, what it was told of the disk, and what a start finds.
 */
async function fill(path: string): Promise<void> {
  const directory = await bootIn(path)
  const file = directory.file('store.sqlite')
  const ballast = directory.file('ballast')
  writeFileSync(ballast, Buffer.alloc(20 * 1024 * KIB, 1))
  const store = await openStore(file, { reserveBytes: 8 * 1024 * KIB, boot: directory.boot })
  const conditions: string[] = []
  let changed = Promise.withResolvers<void>()
  store.watch(condition => {
    conditions.push(condition)
    changed.resolve()
    changed = Promise.withResolvers()
  })
  const becomes = async (condition: string): Promise<void> => {
    while (conditions.at(-1) !== condition) await changed.promise
  }
  let next = 0
  const acknowledged: string[] = []
  const put = async (bytes: number): Promise<void> => {
    const key = String(next++).padStart(9, '0')
    await store.commit([{ table: 'tasks', key, value: randomBytes(bytes / 2).toString('hex') }])
    acknowledged.push(key)
  }
  const gauge = (name: string) => store.metrics().find(metric => metric.name === name)?.samples[0]?.value
  while (gauge('store_reserve_bytes') !== 8 * 1024 * KIB) await put(1 * KIB)
  while (conditions.at(-1) !== 'full') await put(100 * KIB)
  const usual = acknowledged.length
  for (let i = 0; i < 20; i++) await put(1 * KIB)
  const inReserve = acknowledged.length - usual
  let stuck: Promise<void> | undefined
  while (stuck === undefined) {
    const held = gauge('store_held_total') ?? 0
    let done = false
    const one = put(400 * KIB).then(() => {
      done = true
    })
    // Held three times: the reserve is used up as well.
    while (!done && (gauge('store_held_total') ?? 0) < held + 3) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    if (!done) stuck = one
  }
  const beforeRoom = acknowledged.length
  rmSync(ballast)
  await stuck
  await becomes('ok')
  await put(1 * KIB)
  await store.close()
  const again = await openStore(file, { reserveBytes: 0 })
  const found = (await again.load('tasks')).map(row => row.key).sort()
  await again.close()
  await directory.close()
  const later = await bootIn(path)
  await later.close()
  await say({ acknowledged, usual, inReserve, beforeRoom, conditions, found, nextBoot: later.boot })
}

/** Lives once, fills its disk, and starts anew on the full disk: says as which boot, and what it found. */
async function startFull(path: string): Promise<void> {
  const directory = await bootIn(path)
  const file = directory.file('store.sqlite')
  const store = await openStore(file, { reserveBytes: 512 * KIB, boot: directory.boot })
  await store.commit([{ table: 'tasks', key: 'before', value: 1 }])
  const gauge = () => store.metrics().find(metric => metric.name === 'store_reserve_bytes')?.samples[0]?.value
  while (gauge() !== 512 * KIB) await store.commit([{ table: 'tasks', key: 'before', value: 1 }])
  await store.close()
  await directory.close()
  const code = fillUp(directory.file('ballast'))
  const again = await openDataDirectory(path)
  const kept = await openKept(again, 'identity.key')
  const life = await countLife(kept)
  const conditions: string[] = []
  kept.store?.watch(condition => conditions.push(condition))
  await kept.store?.commit([{ table: 'tasks', key: 'after', value: 2 }])
  await kept.store?.close()
  await say({ code, boot: life.boot, rows: kept.rows.tasks, conditions })
}

/** Damages a store, fills its disk, starts anew, and again when there is room: says what came of the two. */
async function replaceFull(path: string, rows: number): Promise<void> {
  const directory = await bootIn(path)
  const file = directory.file('store.sqlite')
  const store = await openStore(file, { boot: directory.boot })
  const gauge = () => store.metrics().find(metric => metric.name === 'store_reserve_bytes')?.samples[0]?.value
  const put = (i: number) => store.commit([{ table: 'tasks', key: `k${i}`, value: 'x'.repeat(100 * KIB) }])
  for (let i = 0; i < rows; i++) await put(i)
  for (let kept = -1; kept !== gauge(); await new Promise(resolve => setTimeout(resolve, 50))) {
    kept = Number(gauge())
    await put(0)
  }
  await store.close()
  await directory.close()
  forgetLog(file)
  const size = statSync(file).size
  // What is left is enough to count the start and to begin.
  writeFileSync(directory.file('slack'), Buffer.alloc(256 * KIB, 1))
  fillUp(directory.file('ballast'))
  rmSync(directory.file('slack'))
  const full = await startIn(path)
  const files = readdirSync(path).sort()
  const untouched = size === statSync(file).size
  rmSync(directory.file('ballast'))
  await say({ full, files, untouched, roomy: await startIn(path) })
}

/** Takes all the room that is left. */
function fillUp(path: string): string {
  for (let bytes = 64 * KIB; bytes >= 1; ) {
    try {
      appendFileSync(path, Buffer.alloc(bytes, 1))
    } catch (error) {
      if (bytes === 1) return error instanceof Error && 'code' in error ? String(error.code) : String(error)
      bytes = Math.max(1, Math.floor(bytes / 8))
    }
  }
  return 'never full'
}

/** Commits, waits for a line, and commits again twice. */
async function syncFails(path: string): Promise<void> {
  const store = await openStore(path, { reserveBytes: 0 })
  await store.commit([{ table: 'tasks', key: 'before', value: 1 }])
  await say({ acknowledged: 'before' })
  await once(process.stdin, 'data')
  const codes: string[] = []
  for (const key of ['during', 'after'])
    codes.push(await store.commit([{ table: 'tasks', key, value: 1 }]).then(() => 'none', codeOf))
  await say({ codes })
  process.exit()
}

/** Commits, waits for a line, commits what its disk never takes, closes within half a second, and ends. */
async function syncHangs(path: string): Promise<void> {
  const store = await openStore(path, { reserveBytes: 0 })
  await store.commit([{ table: 'tasks', key: 'before', value: 1 }])
  await say({ acknowledged: 'before' })
  await once(process.stdin, 'data')
  const during = store.commit([{ table: 'tasks', key: 'during', value: 1 }]).then(() => 'none', codeOf)
  await store.close(500)
  await say({ stuck: store.stuck, code: await during })
  process.exit(3)
}

/** Begins to open its store, waits for a line, and ends. */
async function openHangs(path: string): Promise<void> {
  void openStore(path)
  await once(process.stdin, 'data')
  process.exit(3)
}

/** Waits for a line, writes 32 MiB, and says what it logged and counted meanwhile. */
async function copyFails(path: string): Promise<void> {
  const store = await openStore(path, { reserveBytes: 0 })
  const lines: unknown[] = []
  store.logTo({ log: (level, event, fields) => lines.push({ level, event, ...fields }) })
  await say({ acknowledged: 'nothing yet' })
  await once(process.stdin, 'data')
  for (let i = 0; i < 32; i++)
    await store.commit([{ table: 'tasks', key: `k${i}`, value: 'x'.repeat(KIB * KIB) }])
  const failed = store.metrics().find(({ name }) => name === 'store_checkpoints_failed_total')
  await say({ lines, failed: failed?.samples[0]?.value })
  process.exit()
}

/** Says whether directory and store open. */
async function open(path: string): Promise<void> {
  try {
    const directory = await bootIn(path)
    await (await openStore(directory.file('store.sqlite'))).close()
    await say({ code: 'none' })
  } catch (error) {
    await say({ code: codeOf(error), message: String(error) })
  }
}

const [action, path] = process.argv.slice(2)
const actions: Readonly<Record<string, (path: string) => Promise<void>>> = {
  ...{ hold, commit, fill, open },
  'replace-full': path => replaceFull(path, 60),
  'replace-in-reserve': path => replaceFull(path, 5),
  async replace(path) {
    await say(await startIn(path))
  },
  'start-full': startFull,
  'sync-fails': syncFails,
  'copy-fails': copyFails,
  'sync-hangs': syncHangs,
  'open-hangs': openHangs,
}
const run = actions[action ?? '']
if (run === undefined || path === undefined)
  throw new Error(`usage: storage-process.ts ${Object.keys(actions).join('|')} PATH`)
await run(path)
