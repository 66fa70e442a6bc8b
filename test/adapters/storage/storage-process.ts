/**
 * A process to be killed, locked out or run on a tiny disk: `storage-process.ts hold|commit|fill|open PATH`. It says
 * what it did as lines of JSON.
 */
import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { bootIn } from './boot.ts'

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

/**
 * Writes until the disk is full; says what was acknowledged, how it ended, how a start on the full disk ends, and what
 * a start finds once there is room again.
 */
async function fill(path: string): Promise<void> {
  const directory = await bootIn(path)
  const file = directory.file('store.sqlite')
  const ballast = directory.file('ballast')
  writeFileSync(ballast, Buffer.alloc(300_000))
  const store = await openStore(file)
  const acknowledged: string[] = []
  let failure: unknown
  while (failure === undefined) {
    const key = String(acknowledged.length).padStart(9, '0')
    try {
      await store.commit([{ table: 'tasks', key, value: 'x'.repeat(10_000) }])
      acknowledged.push(key)
    } catch (error) {
      failure = error
    }
  }
  const later = await store.commit([]).then(() => 'resolved', codeOf)
  await store.close()
  await directory.close()
  const whileFull = await bootIn(path).then(() => 'opened', codeOf)
  rmSync(ballast)
  const next = await bootIn(path)
  const again = await openStore(file)
  const found = (await again.load('tasks')).map(row => row.key)
  await again.close()
  await next.close()
  await say({ acknowledged, code: codeOf(failure), later, whileFull, found, nextBoot: next.boot })
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
const actions: Readonly<Record<string, (path: string) => Promise<void>>> = { hold, commit, fill, open }
const run = actions[action ?? '']
if (run === undefined || path === undefined)
  throw new Error('usage: storage-process.ts hold|commit|fill|open PATH')
await run(path)
