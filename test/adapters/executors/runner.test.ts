import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Outcome } from '../../../src/tasks/task.ts'
import {
  failureOf,
  isAlive,
  metric,
  pidIn,
  pidsMentioning,
  resultOf,
  rssMb,
  scene,
  until,
  untilDead,
} from './scene.ts'

const linux = { skip: process.platform !== 'linux' }

/** Leaves its pid in the temp directory and sleeps. */
const sleeper = (name: string, directory: string): string =>
  `echo $$ > ${join(directory, name)}; exec sleep 600`

/** Sleeps in a session of its own, out of reach of signals to the group. */
const stray = (name: string, directory: string): string =>
  `setsid sh -c 'echo $$ > ${join(directory, name)}; exec sleep 600' > /dev/null 2>&1 & sleep 600`

interface Host {
  readonly child: ChildProcess
  readonly pid: number
  readonly runner: number
  readonly lines: string[]
}

async function host(t: TestContext, dataDir: string, ...scripts: string[]): Promise<Host> {
  const program = fileURLToPath(new URL('./host.ts', import.meta.url))
  const child = spawn(process.execPath, [program, dataDir, ...scripts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  const line = await until('the host is up', () => lines.find(l => l.startsWith('runner ')))
  return { child, pid: Number(child.pid), runner: Number(line.slice('runner '.length)), lines }
}

test('no runner is there before the first command', async t => {
  const { executors, sh } = scene(t)
  assert.equal(metric(executors, 'runner_up'), 0)
  await sh('true')
  assert.equal(metric(executors, 'runner_up'), 1)
  assert.equal(metric(executors, 'runner_starts_total'), 1)
})

test(
  'when the daemon is killed with -9, its commands die at once, strays included, and the runner goes',
  linux,
  async t => {
    const { directory } = scene(t)
    const { pid, runner } = await host(
      t,
      '-',
      sleeper('a', directory),
      sleeper('b', directory),
      stray('c', directory),
    )
    const commands = await Promise.all(['a', 'b', 'c'].map(name => pidIn(join(directory, name))))
    assert.ok([runner, ...commands].every(isAlive))
    const killed = performance.now()
    process.kill(pid, 'SIGKILL')
    for (const command of commands) await untilDead(command)
    t.diagnostic(`dead ${Math.round(performance.now() - killed)} ms after the daemon`)
    await untilDead(runner)
  },
)

test('when the daemon is killed with -9 while commands are being started, none survives', linux, async t => {
  const { directory } = scene(t)
  const scripts = Array.from({ length: 30 }, (_, i) => `sleep 600; echo ${i} ${directory}`)
  const { pid, runner } = await host(t, '-', ...scripts)
  await until('some have begun', () => pidsMentioning(directory).length > 3)
  process.kill(pid, 'SIGKILL')
  await untilDead(runner)
  await until('all are dead', () => pidsMentioning(directory).length === 0)
})

test('a frozen daemon leaves its commands running and learns of their ends when it wakes', async t => {
  const { directory } = scene(t)
  const { pid, lines } = await host(t, '-', `echo $$ > ${directory}/a; sleep 0.5; echo done`)
  const command = await pidIn(join(directory, 'a'))
  process.kill(pid, 'SIGSTOP')
  await untilDead(command)
  process.kill(pid, 'SIGCONT')
  const line = await until('the outcome is told', () => lines.find(l => l.includes('"ok"')))
  assert.equal(JSON.parse(line).result.stdout, 'done\n')
})

test(
  'when the runner dies, its commands are killed before their attempts end as lost, and a new runner serves',
  linux,
  async t => {
    const { executors, sh, pidIn: pidOf, directory, log } = scene(t)
    const outcomes = [sh(sleeper('a', directory)), sh(stray('b', directory))]
    const commands = [await pidOf('a'), await pidOf('b')]
    const runner = Number(executors.runnerPid())
    process.kill(runner, 'SIGKILL')
    for (const outcome of outcomes) {
      const { code, retryable } = failureOf(await outcome)
      assert.deepEqual([code, retryable], ['RUNNER_LOST', true])
    }
    for (const command of commands) await untilDead(command)
    assert.equal(resultOf(await sh('echo again'))['stdout'], 'again\n')
    assert.notEqual(executors.runnerPid(), runner)
    assert.equal(metric(executors, 'runner_losses_total'), 1)
    assert.equal(metric(executors, 'runner_starts_total'), 2)
    assert.equal(log.count('runner-lost'), 1)
  },
)

/** Until the test is over, or what is returned is called. */
function withoutRunner(t: TestContext, path: string): () => void {
  const { execPath } = process
  const restore = (): void => {
    process.execPath = execPath
  }
  t.after(restore)
  process.execPath = path
  return restore
}

for (const [what, path, reason] of [
  ['says so later', '/nowhere/node', /spawn .*ENOENT/],
  ['throws', '', /./],
] as const) {
  test(`when no runner can be started, and the spawn ${what}, nothing ran and nothing is lost`, async t => {
    const { executors, sh, log } = scene(t)
    const restore = withoutRunner(t, path)
    for (const outcome of await Promise.all([sh('true'), sh('true'), sh('true')])) {
      assert.ok(!outcome.ok)
      assert.deepEqual([outcome.error.code, outcome.retryable], ['THREW', true])
      assert.match(outcome.error.message, /^nothing ran: the runner could not be started \(/)
      assert.match(outcome.error.message, reason)
    }
    assert.equal(metric(executors, 'runner_starts_total'), 0)
    assert.equal(metric(executors, 'runner_losses_total'), 0)
    assert.ok(Number(metric(executors, 'runner_start_failures_total')) > 0)
    assert.deepEqual([log.count('runner-lost'), log.count('runner-started')], [0, 0])
    assert.ok(log.count('runner-unstarted') > 0)
    restore()
    assert.equal(resultOf(await sh('echo fine'))['stdout'], 'fine\n')
  })
}

test('an attempt that comes from a turn of the event loop, as from the disk, ends too when no runner can be started', async t => {
  const { executors, sh } = scene(t)
  const restore = withoutRunner(t, '/nowhere/node')
  // Here the failed spawn is told of before whoever asked for the runner goes on.
  const outcome = await new Promise<Outcome>(resolve => setImmediate(() => void sh('true').then(resolve)))
  assert.match(failureOf(outcome).message, /^nothing ran: the runner could not be started \(spawn .*ENOENT/)
  restore()
  assert.equal(resultOf(await sh('echo fine'))['stdout'], 'fine\n')
  assert.equal(metric(executors, 'runner_up'), 1)
})

test('commands ordered from a runner that is just dying are lost and never hang', async t => {
  const { executors, sh } = scene(t)
  await sh('true')
  for (let i = 0; i < 5; i++) {
    const outcomes = Array.from({ length: 10 }, () => sh('sleep 0.2; echo fine'))
    process.kill(Number(await until('a runner is up', () => executors.runnerPid())), 'SIGKILL')
    outcomes.push(sh('echo fine'))
    for (const outcome of await Promise.all(outcomes)) {
      assert.ok(outcome.ok || outcome.error.code === 'RUNNER_LOST', JSON.stringify(outcome))
    }
  }
  assert.equal(resultOf(await sh('echo fine'))['stdout'], 'fine\n')
})

test('a runner that is frozen is found out and killed, and what it held is killed', linux, async t => {
  const { executors, sh, pidIn: pidOf, directory } = scene(t)
  const outcome = sh(sleeper('a', directory), { timeoutMs: 1_500 })
  const pid = await pidOf('a')
  const runner = Number(executors.runnerPid())
  process.kill(runner, 'SIGSTOP')
  assert.equal(failureOf(await outcome).code, 'RUNNER_LOST')
  await untilDead(pid)
  assert.equal(isAlive(runner), false)
})

test('stop leaves no process behind, whatever the commands do, and may be called again', linux, async t => {
  const { executors, sh, pidIn: pidOf, directory } = scene(t)
  const stubborn = `trap "" TERM; echo $$ > ${directory}/c; while :; do sleep 0.05; done`
  const outcomes = [sh(sleeper('a', directory)), sh(stray('b', directory)), sh(stubborn)]
  const pids = [await pidOf('a'), await pidOf('b'), await pidOf('c'), Number(executors.runnerPid())]
  await Promise.all([executors.stop(), executors.stop()])
  assert.deepEqual(pids.filter(isAlive), [])
  for (const outcome of outcomes) assert.equal(failureOf(await outcome).code, 'CANCELLED')
  await executors.stop()
  assert.equal(failureOf(await sh('true')).code, 'CANCELLED')
  assert.equal(executors.runnerPid(), undefined)
  assert.equal(metric(executors, 'runner_losses_total'), 0)
})

test(
  'a process that an ended command left behind in the background dies with stop at the latest',
  linux,
  async t => {
    const { executors, sh, pidIn: pidOf, directory } = scene(t)
    const left = `setsid sh -c 'echo $$ > ${directory}/a; exec sleep 600' > /dev/null 2>&1 < /dev/null & while ! [ -s ${directory}/a ]; do sleep 0.01; done`
    resultOf(await sh(left))
    const pid = await pidOf('a')
    await executors.stop()
    await untilDead(pid)
  },
)

test('the signals of a terminal do not reach the runner’s commands', async t => {
  const { executors, sh } = scene(t)
  const outcome = sh('sleep 0.3; echo fine')
  const runner = await until('the runner is up', () => executors.runnerPid())
  await sh('true')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(runner, signal)
  assert.equal(resultOf(await outcome)['stdout'], 'fine\n')
  assert.equal(executors.runnerPid(), runner)
})

test(
  'what daemon and runner left behind when both were killed is killed by the next daemon there',
  linux,
  async t => {
    const { directory } = scene(t)
    const { pid, runner } = await host(t, directory, sleeper('a', directory))
    const command = await pidIn(join(directory, 'a'))
    process.kill(runner, 'SIGSTOP') // So that it cannot see the daemon go.
    process.kill(pid, 'SIGKILL')
    process.kill(runner, 'SIGKILL')
    await untilDead(runner)
    assert.equal(isAlive(command), true)
    const elsewhere = scene(t, {}, true)
    resultOf(await elsewhere.sh('true'))
    assert.equal(isAlive(command), true)
    const { child } = await host(t, directory, 'true')
    await untilDead(command)
    child.kill('SIGKILL')
  },
)

test('the runner is small, at rest and after work', linux, async t => {
  const { executors, sh } = scene(t)
  await sh('true')
  const rest = rssMb(Number(executors.runnerPid()))
  for (let i = 0; i < 50; i++) await Promise.all(Array.from({ length: 4 }, () => sh('true')))
  const worked = rssMb(Number(executors.runnerPid()))
  t.diagnostic(`${rest.toFixed(0)} MB at rest, ${worked.toFixed(0)} MB after 200 commands`)
  assert.ok(rest < 75 && worked < 95, `${rest} ${worked}`)
})
