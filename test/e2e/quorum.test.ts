/** Quorum mode with real daemons on this machine: who acts, who stops, and that it is never two. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 120_000
const NODES = 5
const KEYS = Array.from({ length: 40 }, (_, i) => `key/${i}`)

interface Answer {
  readonly owner?: string
  readonly acting: boolean
  readonly token?: { readonly value: string; readonly safe: boolean }
}

let scratch = ''
let cluster: ChildProcess | undefined

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-quorum-'))
})

afterEach(async () => {
  for (const { pid } of daemons()) process.kill(pid, 'SIGCONT')
  cluster?.kill('SIGINT')
  await until(() => daemons().length === 0)
  await rm(scratch, { recursive: true, force: true })
})

function daemons(): readonly { readonly pid: number; readonly name: string }[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  return lines
    .filter(line => line.includes(scratch) && line.includes(' agent '))
    .map(line => ({ pid: Number.parseInt(line, 10), name: /--node-id (\S+)/.exec(line)?.[1] ?? '' }))
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

/** Starts the nodes and waits until they have agreed. */
async function start(): Promise<readonly string[]> {
  const child = spawn(PROGRAM, ['cluster', '--nodes', String(NODES), '--count', '0', '--keep', '--json'], {
    cwd: scratch,
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cluster = child
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
  })
  await until(() => text.endsWith('\n'))
  return JSON.parse(text).nodes.map(({ url }: { url: string }) => url)
}

const ask = async (url: string, path: string): Promise<Answer> =>
  (await (await fetch(`${url}/v1/${path}`)).json()) as Answer
const answerOf = async (url: string, key: string): Promise<Answer> =>
  await ask(url, `owner/${encodeURIComponent(key)}`)

/** Who acts for each key, as those asked say at about one moment. */
async function actors(urls: readonly string[]): Promise<ReadonlyMap<string, readonly Answer[]>> {
  const answers = await Promise.all(
    KEYS.map(async key => [key, await Promise.all(urls.map(url => answerOf(url, key)))] as const),
  )
  return new Map(answers.map(([key, all]) => [key, all.filter(({ acting }) => acting)]))
}

async function everyKeyHasOneActor(urls: readonly string[]): Promise<boolean> {
  const found = await actors(urls)
  for (const [key, acting] of found) assert.ok(acting.length <= 1, `two act for ${key}`)
  return [...found.values()].every(acting => acting.length === 1)
}

const signal = (names: readonly string[], what: NodeJS.Signals): void => {
  for (const { pid, name } of daemons()) if (names.includes(name)) process.kill(pid, what)
}

describe('quorum mode', { timeout: 4 * TEST_MS }, () => {
  test('every key has one actor with a token, and a new one with a higher token after a kill -9', {
    timeout: TEST_MS,
  }, async () => {
    const urls = await start()
    await until(() => everyKeyHasOneActor(urls))
    const before = await actors(urls)
    const victim = 'node-3'
    signal([victim], 'SIGKILL')
    const left = urls.filter((_, index) => index !== 2)
    await until(() => everyKeyHasOneActor(left))
    const after = await actors(left)
    let moved = 0
    for (const [key, [was]] of before) {
      const now = after.get(key)?.[0]
      assert.ok(was?.token !== undefined && now?.token !== undefined)
      if (was.owner !== victim) continue
      moved++
      assert.ok(
        BigInt(now.token.value) > BigInt(was.token.value),
        `${key}: ${now.token.value} after ${was.token.value}`,
      )
    }
    assert.ok(moved > 0)
  })

  test('two of five stop acting within two seconds, and all five act again after it', {
    timeout: TEST_MS,
  }, async () => {
    const urls = await start()
    await until(() => everyKeyHasOneActor(urls))
    const frozen = ['node-3', 'node-4', 'node-5']
    signal(frozen, 'SIGSTOP')
    const stoppedAt = performance.now()
    const two = urls.slice(0, 2)
    await until(async () => [...(await actors(two)).values()].every(acting => acting.length === 0))
    const took = performance.now() - stoppedAt
    assert.ok(took < 2_500, `the two went on for ${took} ms`)
    signal(frozen, 'SIGCONT')
    await until(() => everyKeyHasOneActor(urls))
  })
})
