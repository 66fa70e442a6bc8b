/** The main job as a user starts it: `bin/roundtable cluster`, real daemons, real files. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAM = join(PACKAGE, 'bin', 'roundtable')

/** Longest time of one test, in ms: many times what it takes alone, since others may share the cores. */
const TEST_MS = 180_000

let scratch = ''
const started: ChildProcess[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-e2e-'))
})

afterEach(async () => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
  await until(() => daemons().length === 0)
  await rm(scratch, { recursive: true, force: true })
})

interface Run {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** Its temporary files go to the test's own directory, so what it leaves behind can be seen. */
function cluster(...args: readonly string[]): Run {
  const child = spawn(PROGRAM, ['cluster', ...args], {
    cwd: scratch,
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const texts = { out: '', err: '' }
  child.stdout.on('data', chunk => {
    texts.out += chunk
  })
  child.stderr.on('data', chunk => {
    texts.err += chunk
  })
  const ended = new Promise<Awaited<Run['ended']>>(resolve =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, out: () => texts.out, err: () => texts.err, ended }
}

/** Pids of all processes whose command line names the test's directory. */
function daemons(): readonly number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  const own = lines.filter(line => line.includes(scratch) && line.includes(' agent '))
  return own.map(line => Number.parseInt(line, 10))
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

const leftBehind = async () => (await readdir(scratch)).filter(name => name.startsWith('roundtable-'))

function ask(url: string, ...args: readonly string[]) {
  return JSON.parse(execFileSync(PROGRAM, [...args, '--json', '--url', url], { encoding: 'utf8' }))
}

describe('roundtable cluster', { timeout: 8 * TEST_MS }, () => {
  test('runs every task once on eight nodes, and its manifest is what sha256sum says', {
    timeout: TEST_MS,
  }, async () => {
    const run = cluster('--count', '200', '--nodes', '8', '--json')
    const { code } = await run.ended
    assert.equal(code, 0, run.err() + run.out())
    const summary = JSON.parse(run.out())
    // A node that the machine held up for longer than its lease stops what it runs, and says so: such an attempt is begun again.
    const { fenced } = summary
    assert.deepEqual(
      [summary.ok, summary.tasks, summary.succeeded, summary.missing, summary.retried],
      [true, 200, 200, 0, 0],
    )
    assert.deepEqual([summary.runTwice, summary.cutOff, summary.unsuccessful], [[], [], []])
    assert.equal(summary.started, summary.attempts)
    assert.ok(fenced === 0 ? summary.started === 200 : summary.started > 200, run.out())
    assert.equal(summary.nodes.length, 8)
    assert.equal(
      summary.nodes.reduce((sum: number, node: { succeeded: number }) => sum + node.succeeded, 0),
      200,
    )
    if (fenced === 0) for (const node of summary.nodes) assert.equal(node.ran, node.owned)
    assert.equal(summary.manifest.path, join(scratch, '.roundtable', 'manifest.sha256'))
    const manifest = await readFile(summary.manifest.path, 'utf8')
    const paths = manifest
      .trimEnd()
      .split('\n')
      .map(line => line.slice(66))
    assert.equal(new Set(paths).size, 200)
    const direct = execFileSync('sha256sum', ['--', ...paths], { cwd: PACKAGE, encoding: 'utf8' })
    assert.equal(manifest, direct)
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('loses nothing to a kill -9, and explains every second run', { timeout: TEST_MS }, async () => {
    const run = cluster('--count', '400', '--nodes', '8', '--chaos', '--json')
    const { code } = await run.ended
    assert.equal(code, 0, run.err() + run.out())
    const summary = JSON.parse(run.out())
    assert.deepEqual([summary.ok, summary.succeeded, summary.manifest.equal], [true, 400, true])
    assert.equal(Object.values(summary.chaos.noticedMs).filter(ms => typeof ms === 'number').length, 7)
    assert.ok(summary.chaos.takeover.tasks > 0)
    assert.ok(summary.nodes.find((node: { node: string }) => node.node === summary.chaos.node).succeeded > 0)
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('stops everything on Ctrl-C in the middle', { timeout: TEST_MS }, async () => {
    const run = cluster('--nodes', '3')
    await until(() => /[1-9]\d* of 2000 tasks done/.test(run.err()))
    assert.equal(daemons().length, 3)
    run.child.kill('SIGINT')
    assert.deepEqual(await run.ended, { code: 130, signal: null })
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('stops everything on Ctrl-C during the start', { timeout: TEST_MS }, async () => {
    const run = cluster('--nodes', '3')
    await until(() => daemons().length === 3)
    run.child.kill('SIGINT')
    assert.deepEqual(await run.ended, { code: 130, signal: null })
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('leaves no daemon behind when it is itself killed with kill -9', { timeout: TEST_MS }, async () => {
    const run = cluster('--nodes', '3')
    await until(() => /one ring/.test(run.err()))
    run.child.kill('SIGKILL')
    await run.ended
    await until(() => daemons().length === 0)
  })

  test('fails, says which daemon died and stops the others, when one ends that should not', {
    timeout: TEST_MS,
  }, async () => {
    const run = cluster('--nodes', '3', '--json')
    await until(() => daemons().length === 3)
    const victim = daemons()[1]
    assert.ok(victim)
    process.kill(victim, 'SIGKILL')
    const { code } = await run.ended
    assert.equal(code, 1)
    const { error } = JSON.parse(run.out())
    assert.equal(error.code, 'CLUSTER_NODE_FAILED')
    assert.match(error.detail, /^node-\d ended \(SIGKILL\)/)
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('stays up with --keep, where every command works, until Ctrl-C', { timeout: TEST_MS }, async () => {
    const run = cluster('--nodes', '3', '--count', '30', '--keep', '--json')
    await until(() => run.out().endsWith('\n'))
    const summary = JSON.parse(run.out())
    assert.equal(summary.ok, true)
    const [first, second] = summary.nodes.map((node: { url: string }) => node.url)
    const { members } = ask(first, 'members')
    assert.deepEqual(
      members.map((member: { opinion: string }) => member.opinion),
      ['alive', 'alive', 'alive'],
    )
    assert.equal(ask(first, 'ring').checksum, ask(second, 'ring').checksum)
    assert.equal(ask(first, 'owner', 'some/key').owner, ask(second, 'owner', 'some/key').owner)
    assert.equal(ask(second, 'status').nodeId, 'node-2')
    assert.equal(ask(second, 'explain', 'some/key').preferenceList.length, 3)
    const submitted = ask(
      first,
      'submit',
      'exec',
      '--command',
      'sha256sum',
      '--arg',
      'package.json',
      '--wait',
    )
    const direct = execFileSync('sha256sum', ['package.json'], { cwd: PACKAGE, encoding: 'utf8' })
    assert.equal(submitted.record.result.stdout, direct)
    assert.equal(ask(second, 'task', submitted.record.spec.id).state, 'succeeded')
    assert.equal(
      ask(first, 'tasks', '--scope', 'all', '--state', 'succeeded', '--limit', '5').tasks.length,
      5,
    )
    assert.ok(execFileSync(PROGRAM, ['status', '--check', '--url', first]))
    assert.ok(execFileSync(PROGRAM, ['status', '--ready', '--url', first]))
    assert.equal(ask(second, 'leave').leaving, true)
    await until(() => ask(first, 'members', 'node-2').opinion === 'left')
    await until(() => run.err().includes('node-2 has ended'))
    run.child.kill('SIGINT')
    assert.deepEqual(await run.ended, { code: 0, signal: null })
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('runs a task list of the user', { timeout: TEST_MS }, async () => {
    const list = join(scratch, 'mine.yaml')
    const tasks = Array.from(
      { length: 20 },
      (_, i) => `- {id: t${i}, key: k${i}, type: exec, payload: {command: say, args: ["${i}"]}}`,
    )
    await writeFile(list, `${tasks.join('\n')}\n`)
    const run = cluster(
      '--nodes',
      '2',
      '--tasks',
      list,
      '--allow',
      'say=echo',
      '--manifest',
      'mine.ndjson',
      '--dir',
      join(scratch, 'mine'),
      '--json',
    )
    const { code } = await run.ended
    assert.equal(code, 0, run.err() + run.out())
    const log = await readFile(join(scratch, 'mine', 'node-1.log'), 'utf8')
    const read = log.indexOf('"task-list-read"')
    assert.ok(read >= 0 && read < log.indexOf('"listening"'), 'what it read is known once it listens')
    const results = (await readFile(join(scratch, 'mine.ndjson'), 'utf8')).trimEnd().split('\n')
    const printed = results.map(line => JSON.parse(line)).map(({ spec, result }) => [spec.id, result.stdout])
    assert.deepEqual(
      Object.fromEntries(printed),
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${i}`, `${i}\n`])),
    )
  })

  test('shows what is wrong with a task list, and starts nothing', { timeout: TEST_MS }, async () => {
    const list = join(scratch, 'wrong.yaml')
    await writeFile(list, '- {id: a, key: k}\n- {id: b, key: k, type: 3}\n')
    const run = cluster('--nodes', '2', '--tasks', list, '--json')
    const { code } = await run.ended
    assert.notEqual(code, 0)
    const { error } = JSON.parse(run.out())
    assert.equal(error.code, 'TASK_LIST_INVALID')
    assert.ok(error.problems.length >= 2)
    assert.deepEqual([daemons(), await leftBehind()], [[], []])
  })

  test('fails the job of a task that cannot succeed, and names it', { timeout: TEST_MS }, async () => {
    const list = join(scratch, 'hopeless.ndjson')
    await writeFile(list, '{"id":"no","key":"k","type":"exec","payload":{"command":"no"},"maxAttempts":1}\n')
    const run = cluster('--nodes', '2', '--tasks', list, '--allow', 'no=false', '--json')
    const { code } = await run.ended
    assert.equal(code, 1)
    const summary = JSON.parse(run.out())
    assert.equal(summary.ok, false)
    assert.equal(summary.unsuccessful[0].task, 'no')
    assert.equal(summary.unsuccessful[0].state, 'dead')
  })
})
