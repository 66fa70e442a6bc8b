/** Three real daemons: many tasks handed to one, looked at from another, ended and tried again from a third. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 180_000
const TASKS = 2_000
const execute = promisify(execFile)

let scratch = ''
let cluster: ChildProcess | undefined
let urls: readonly string[] = []

before(
  async () => {
    scratch = await mkdtemp(join(tmpdir(), 'roundtable-faces-'))
    const list = join(scratch, 'warm-up.ndjson')
    await writeFile(list, '{"id":"warm-up","type":"compute","payload":{"n":10}}\n')
    const options = ['--nodes', '3', '--tasks', list, '--allow', 'sleep=/bin/sleep', '--keep', '--json']
    cluster = spawn(PROGRAM, ['cluster', ...options], {
      cwd: scratch,
      env: { ...process.env, TMPDIR: scratch },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    cluster.stdout?.on('data', chunk => {
      text += chunk
    })
    await until(() => text.endsWith('\n'))
    urls = JSON.parse(text).nodes.map(({ url }: { url: string }) => url)
  },
  { timeout: TEST_MS },
)

after(
  async () => {
    cluster?.kill('SIGINT')
    await until(() => !execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).includes(`${scratch}/`))
    await rm(scratch, { recursive: true, force: true })
  },
  { timeout: TEST_MS },
)

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function roundtable(node: number, ...argv: readonly string[]): Promise<Ran> {
  const options = { maxBuffer: 64 * 1024 * 1024 }
  try {
    const { stdout, stderr } = await execute(PROGRAM, [...argv, '--url', urls[node] ?? ''], options)
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}

const linesOf = (text: string): { spec: { id: string }; state: string; attempts: { node: string }[] }[] =>
  text
    .trimEnd()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

describe('three daemons', { timeout: 4 * TEST_MS }, () => {
  test('take 2,000 tasks from a file, each once, and list them from any node', {
    timeout: TEST_MS,
  }, async () => {
    const file = join(scratch, 'tasks.ndjson')
    const tasks = Array.from({ length: TASKS }, (_, i) => ({ id: `many-${i}`, type: 'echo', payload: i }))
    await writeFile(file, tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
    const first = await roundtable(1, 'submit', '--file', file)
    assert.equal(first.code, 0, first.err)
    // On a busy machine some are sent more than once, and are known already then.
    const [, accepted = '', existed = ''] =
      /^(\d+) accepted, (\d+) known already, 0 refused, 0 unknown\n$/.exec(first.out) ?? []
    assert.equal(Number(accepted) + Number(existed), TASKS, first.out)
    const again = await roundtable(2, 'submit', '--file', file, '--json')
    assert.deepEqual(JSON.parse(again.out.trimEnd().split('\n').at(-1) ?? '').summary, {
      accepted: 0,
      existed: TASKS,
      refused: 0,
      unknown: 0,
    })
    await until(async () => {
      const { cluster: all } = JSON.parse((await roundtable(0, 'tasks', '--stats', '--json')).out)
      return all.done === TASKS + 1
    })
    const listed = linesOf(
      (await roundtable(2, 'tasks', '--all', '--json', '--state', 'succeeded', '--type', 'echo')).out,
    )
    assert.deepEqual(new Set(listed.map(({ spec }) => spec.id)), new Set(tasks.map(({ id }) => id)))
    assert.equal(listed.length, TASKS)
    assert.equal(new Set(listed.map(({ attempts }) => attempts[0]?.node)).size, 3, 'all three have run some')
    const found = JSON.parse((await roundtable(0, 'tasks', '--q', 'many-77', '--json')).out)
    assert.equal(found.complete, true)
    assert.equal(found.tasks.length, 1 + 10)
  })

  test('end a task that runs within a second, from another node, and say why the next one waits', {
    timeout: TEST_MS,
  }, async () => {
    for (const id of ['long', 'behind']) {
      const argv = [
        'submit',
        'exec',
        '--command',
        'sleep',
        '--arg',
        '600',
        '--id',
        id,
        '--key',
        'one',
        '--timeout-ms',
        '900000',
      ]
      await until(async () => (await roundtable(0, ...argv)).code === 0)
    }
    await until(
      async () => JSON.parse((await roundtable(1, 'task', 'long', '--json')).out).state === 'running',
    )
    const { why, placement } = JSON.parse((await roundtable(2, 'explain', 'task', 'behind', '--json')).out)
    assert.deepEqual(
      why.map(({ code }: { code: string }) => code),
      ['key-busy'],
    )
    const owner = (await roundtable(0, 'owner', 'one')).out.trim()
    assert.equal(placement.owner, owner)
    const other = [0, 1, 2].find(node => `node-${node + 1}` !== owner) ?? 0
    const at = performance.now()
    const response = await fetch(`${urls[other]}/v1/tasks/long/cancel`, { method: 'POST' })
    assert.equal(response.status, 200)
    await until(async () => {
      const { state } = (await (await fetch(`${urls[other]}/v1/tasks/behind`)).json()) as { state: string }
      return state === 'running'
    })
    assert.ok(performance.now() - at < 1_000, `${performance.now() - at} ms until its key was free`)
    assert.equal((await roundtable(other, 'cancel', 'behind')).out, 'behind: cancelled\n')
    assert.equal(JSON.parse((await roundtable(1, 'task', 'long', '--json')).out).state, 'cancelled')
  })

  test('keep dead letters until they are tried again or dropped', { timeout: TEST_MS }, async () => {
    const tasks = Array.from({ length: 30 }, (_, i) => ({
      id: `frail-${i}`,
      type: 'unreliable',
      payload: { failures: 1 },
      maxAttempts: 1,
    }))
    assert.equal((await roundtable(0, 'submit', JSON.stringify(tasks))).code, 0)
    const dead = async (node: number) => linesOf((await roundtable(node, 'dead', '--all', '--json')).out)
    await until(async () => (await dead(1)).length === 30)
    // By the time that it is durable it may run, or have ended.
    assert.match((await roundtable(1, 'retry', 'frail-0')).out, /^frail-0: (?:ready|running|succeeded)\n$/)
    const redriven = await roundtable(2, 'dead', 'redrive', '--type', 'unreliable', '--limit', '20')
    assert.deepEqual([redriven.code, redriven.out], [0, '20 dead letters tried again\n'], redriven.err)
    await until(async () => {
      const done = linesOf(
        (await roundtable(0, 'tasks', '--all', '--json', '--type', 'unreliable', '--state', 'succeeded')).out,
      )
      return done.length === 21
    })
    const purged = await roundtable(0, 'dead', 'purge', '--all', '--yes')
    assert.deepEqual([purged.code, purged.out], [0, '9 dead letters dropped\n'], purged.err)
    for (const node of [0, 1, 2]) assert.deepEqual(await dead(node), [])
  })

  test('answer who waits for the end of a task when it comes', { timeout: TEST_MS }, async () => {
    const task = { id: 'short', type: 'exec', payload: { command: 'sleep', args: ['1'] } }
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'once' }
    for (const [url, status] of [
      [urls[0], 202],
      [urls[2], 200],
    ] as const) {
      let submitted = 0
      await until(async () => {
        const response = await fetch(`${url}/v1/tasks`, {
          method: 'POST',
          headers,
          body: JSON.stringify(task),
        })
        submitted = response.status
        return submitted < 500
      })
      assert.ok(submitted === status || submitted === 200, `${submitted}`)
    }
    const other = { ...task, id: 'other', payload: { command: 'sleep', args: ['2'] } }
    const conflict = await fetch(`${urls[1]}/v1/tasks`, {
      method: 'POST',
      headers,
      body: JSON.stringify(other),
    })
    assert.equal(((await conflict.json()) as { code: string }).code, 'DEDUPE_CONFLICT')
    const ends = await Promise.all(
      urls.map(url => fetch(`${url}/v1/tasks/short?waitMs=20000`).then(each => each.json())),
    )
    for (const end of ends) assert.equal((end as { state: string }).state, 'succeeded')
  })
})
