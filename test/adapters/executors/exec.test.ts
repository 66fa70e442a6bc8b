import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Json } from '../../../src/tasks/task.ts'
import {
  commandOf,
  directoryHasAlive,
  failureOf,
  isAlive,
  metric,
  orderOf,
  resultOf,
  rssMb,
  scene,
  until,
  untilDead,
} from './scene.ts'

const never = new AbortController().signal
const linux = { skip: process.platform !== 'linux' }

test('what a command prints is the result', async t => {
  const { sh } = scene(t)
  const { durationMs, ...result } = resultOf(await sh('printf "hello €"; echo problem >&2'))
  assert.deepEqual(result, { exitCode: 0, stdout: 'hello €', stderr: 'problem\n', bytes: 9 })
  assert.ok(Number(durationMs) >= 0)
})

test('arguments reach the command as they are: there is no shell between', async t => {
  const { executors } = scene(t, { commands: { print: commandOf('printf', { args: ['<%s>'] }) } })
  const args = ['$HOME', '; rm -rf /', '`id`', '*', '', 'a b', 'ü\n']
  const outcome = await executors.execute(orderOf('exec', { command: 'print', args }), never)
  assert.equal(resultOf(outcome)['stdout'], args.map(arg => `<${arg}>`).join(''))
})

test('text goes to standard input as it is and any other value as JSON', async t => {
  const { executors } = scene(t)
  const cases: readonly [Json, string][] = [
    ['a "b"\0c', 'a "b"\0c'],
    [{ a: [1, 'ü'] }, '{"a":[1,"ü"]}'],
    [null, 'null'],
  ]
  for (const [stdin, seen] of cases) {
    assert.equal(
      resultOf(await executors.execute(orderOf('exec', { command: 'cat', stdin }), never))['stdout'],
      seen,
    )
  }
  assert.equal(resultOf(await executors.execute(orderOf('exec', { command: 'cat' }), never))['stdout'], '')
})

test('a command sees its attempt and nothing of the daemon’s environment', async t => {
  process.env['ROUNDTABLE_TEST_SECRET'] = 'hidden'
  t.after(() => delete process.env['ROUNDTABLE_TEST_SECRET'])
  const { executors } = scene(t, {
    commands: { env: commandOf('env', { env: { MINE: 'yes', ROUNDTABLE_TASK_ID: 'no' } }) },
  })
  const order = orderOf('exec', { command: 'env' }, { key: 'a/ü=1', attempt: 3 })
  const lines = String(resultOf(await executors.execute(order, never))['stdout'])
    .trim()
    .split('\n')
  const env = Object.fromEntries(
    lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const {
    ROUNDTABLE_TASK_DEADLINE_MS: deadline,
    ROUNDTABLE_TASK_RUN: run,
    PATH,
    HOME,
    LANG,
    TZ,
    ...rest
  } = env
  assert.deepEqual(rest, {
    MINE: 'yes',
    ROUNDTABLE_TASK_ID: 'task-1',
    ROUNDTABLE_TASK_KEY: 'a/ü=1',
    ROUNDTABLE_TASK_ATTEMPT: '3',
    ROUNDTABLE_TASK_TOKEN: '7',
    ROUNDTABLE_TASK_TOKEN_SAFE: 'false',
    ROUNDTABLE_TASK_NODE: 'node-1',
    ROUNDTABLE_TASK_PROGRESS_FD: '3',
  })
  assert.deepEqual(
    [PATH, HOME, LANG, TZ],
    [process.env['PATH'], process.env['HOME'], process.env['LANG'], process.env['TZ']],
  )
  assert.ok(Math.abs(Number(deadline) - Date.now() - 20_000) < 10_000)
  assert.ok(run)
})

test('a command inherits no file of the daemon or the runner', linux, async t => {
  const { executors, directory } = scene(t, {
    commands: { ls: commandOf('ls', { args: ['/proc/self/fd'] }) },
  })
  // What whoever started the tests left open on purpose goes to everybody: a plain child shows it. The fourth of its own
  // is that of its progress.
  const stdio = ['ignore', 'pipe', 'pipe', 'pipe'] as const
  const plain = spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8', stdio: [...stdio] }).stdout
  const held = openSync(join(directory, 'held'), 'w')
  t.after(() => closeSync(held))
  const stdout = resultOf(await executors.execute(orderOf('exec', { command: 'ls' }), never))['stdout']
  assert.equal(stdout, plain)
})

test('an exit code other than 0 is a failure that shows the end of standard error', async t => {
  const { sh } = scene(t)
  const { code, message, retryable } = failureOf(await sh('echo first >&2; echo last words >&2; exit 3'))
  assert.deepEqual([code, retryable], ['EXIT_NONZERO', true])
  assert.match(message, /exit code 3: first\nlast words$/)
})

test('a signal from elsewhere is told from an exit', async t => {
  const { sh } = scene(t)
  const { code, message } = failureOf(await sh('kill -SEGV $$'))
  assert.equal(code, 'SIGNALLED')
  assert.match(message, /SIGSEGV/)
})

test('a command that kills its own process group is signalled and harms nobody else', async t => {
  const { sh, executors } = scene(t)
  const neighbour = sh('sleep 0.5; echo fine')
  assert.equal(failureOf(await sh('sleep 600 & kill -9 0')).code, 'SIGNALLED')
  assert.equal(resultOf(await neighbour)['stdout'], 'fine\n')
  assert.equal(metric(executors, 'runner_losses_total'), 0)
})

test('a command that hangs is over at its time limit, and its children with it', async t => {
  const { sh, pidIn, executors } = scene(t)
  const outcome = sh('sleep 600 & echo $! > "$1/child"; wait', { timeoutMs: 1_500 })
  const child = await pidIn('child')
  const { code, retryable } = failureOf(await outcome)
  assert.deepEqual([code, retryable], ['TIMEOUT', true])
  await untilDead(child)
  assert.equal(metric(executors, 'exec_kills_total', { reason: 'timeout' }), 1)
})

test('a command that ignores SIGTERM is killed after a short grace', async t => {
  const { sh, pidIn } = scene(t)
  const outcome = sh('trap "" TERM; echo $$ > "$1/pid"; while :; do sleep 0.05; done', { timeoutMs: 1_500 })
  const pid = await pidIn('pid')
  assert.equal(failureOf(await outcome).code, 'TIMEOUT')
  await untilDead(pid)
})

test('a command may clean up on SIGTERM', async t => {
  const { sh, directory } = scene(t)
  const script = 'trap "echo done > $1/cleaned; exit 0" TERM; while :; do sleep 0.02; done'
  assert.equal(failureOf(await sh(script, { timeoutMs: 1_500 })).code, 'TIMEOUT')
  rmSync(join(directory, 'cleaned')) // Throws when it is not there.
})

test('a grandchild that holds the output open holds nothing up and is killed', async t => {
  const { sh, pidIn } = scene(t)
  const begun = performance.now()
  const outcome = await sh('sleep 600 & echo $! > "$1/child"; echo answer')
  assert.equal(resultOf(outcome)['stdout'], 'answer\n')
  assert.ok(performance.now() - begun < 10_000)
  await untilDead(await pidIn('child'))
})

test('what a pipeline writes just after its head has ended is kept', async t => {
  const { sh } = scene(t)
  assert.equal(resultOf(await sh('(sleep 0.05; echo late) & echo early'))['stdout'], 'early\nlate\n')
})

test(
  'a process that leaves its group with setsid, holding the output, is found by its mark and killed',
  linux,
  async t => {
    const { sh, pidIn, executors } = scene(t)
    const outcome = await sh(
      'setsid sh -c \'echo $$ > "$1/stray"; exec sleep 600\' sh "$1" & while ! [ -s "$1/stray" ]; do sleep 0.01; done; echo answer',
    )
    assert.equal(resultOf(outcome)['stdout'], 'answer\n')
    await untilDead(await pidIn('stray'))
    assert.equal(metric(executors, 'exec_strays_killed_total'), 1)
  },
)

test('a process that leaves its group with setsid dies at the time limit too', linux, async t => {
  const { sh, pidIn } = scene(t)
  const script = 'setsid sh -c \'echo $$ > "$1/stray"; exec sleep 600 > /dev/null 2>&1\' sh "$1" & sleep 600'
  const outcome = sh(script, { timeoutMs: 1_500 })
  const stray = await pidIn('stray')
  assert.equal(failureOf(await outcome).code, 'TIMEOUT')
  await untilDead(stray)
})

test('a command that prints without end is killed at the limit', async t => {
  const { executors } = scene(t, { commands: { yes: commandOf('yes') }, outputBytesMax: 10_000 })
  const { code, message, retryable } = failureOf(
    await executors.execute(orderOf('exec', { command: 'yes' }), never),
  )
  assert.deepEqual([code, retryable], ['OUTPUT_TOO_LARGE', false])
  assert.match(message, /more than 10000 bytes/)
  assert.equal(metric(executors, 'exec_kills_total', { reason: 'output' }), 1)
  assert.ok(metric(executors, 'exec_output_cut_bytes_total') > 0)
})

test('output of exactly the limit is a result', async t => {
  const { sh } = scene(t, { outputBytesMax: 1000 })
  assert.equal(resultOf(await sh('printf %01000d 0'))['bytes'], 1000)
  assert.equal(failureOf(await sh('printf %01001d 0')).code, 'OUTPUT_TOO_LARGE')
})

test(
  '1 GB on standard output and 1 GB on standard error leave the runner and this process small',
  linux,
  async t => {
    const { sh, executors } = scene(t)
    await sh('true')
    const runner = Number(executors.runnerPid())
    const before = { own: rssMb(process.pid), runner: rssMb(runner) }
    const gigabyte = 'head -c 1000000000 /dev/zero'
    assert.equal(failureOf(await sh(gigabyte)).code, 'OUTPUT_TOO_LARGE')
    const result = resultOf(await sh(`${gigabyte} >&2; printf end >&2`, { timeoutMs: 60_000 }))
    assert.equal(String(result['stderr']).length, 8 * 1024)
    assert.ok(String(result['stderr']).endsWith('\0end'))
    assert.ok(metric(executors, 'exec_output_cut_bytes_total') > 999_000_000)
    assert.equal(executors.runnerPid(), runner)
    const grown = { own: rssMb(process.pid) - before.own, runner: rssMb(runner) - before.runner }
    // What is free but not yet given back is as large as the collector of garbage likes; what was kept would be ten times this.
    assert.ok(grown.runner < 128 && grown.own < 128, JSON.stringify(grown))
  },
)

test('output that is not UTF-8 becomes text', async t => {
  const { sh } = scene(t)
  assert.equal(resultOf(await sh("printf 'a\\377\\376b'"))['stdout'], 'a\ufffd\ufffdb')
})

test('the largest output allowed arrives whole, even where JSON makes it six times as long', async t => {
  const { sh } = scene(t, { outputBytesMax: 1024 * 1024 })
  const { stdout } = resultOf(await sh('head -c 1048576 /dev/zero'))
  assert.equal(stdout, '\0'.repeat(1024 * 1024))
})

const long = 'x'.repeat(900_000)

test('a command that closes its standard input while it is written to may succeed', async t => {
  const { sh } = scene(t)
  assert.equal(resultOf(await sh('exec 0<&-; sleep 0.1; echo fine', {}, never, long))['stdout'], 'fine\n')
})

test('a command that exits while its standard input is still written to may succeed', async t => {
  const { sh } = scene(t)
  assert.equal(resultOf(await sh('head -c 10; exit 0', {}, never, long))['stdout'], 'xxxxxxxxxx')
})

test('a command that never reads its standard input is over at its time limit', async t => {
  const { sh } = scene(t)
  assert.equal(failureOf(await sh('exec sleep 600', { timeoutMs: 200 }, never, long)).code, 'TIMEOUT')
})

test('a program that vanished after the start is a clear failure that is not retried', async t => {
  const { directory } = scene(t)
  const program = join(directory, 'tool')
  writeFileSync(program, '#!/bin/sh\necho hi\n')
  chmodSync(program, 0o755)
  const { executors } = scene(t, {
    commands: { tool: commandOf(program), lost: commandOf('sh', { cwd: `${directory}/no` }) },
  })
  const run = async (command: string) => executors.execute(orderOf('exec', { command }), never)
  assert.equal(resultOf(await run('tool'))['stdout'], 'hi\n')
  chmodSync(program, 0o644)
  assert.match(failureOf(await run('tool')).message, /EACCES/)
  rmSync(program)
  const gone = failureOf(await run('tool'))
  assert.deepEqual([gone.code, gone.retryable], ['THREW', false])
  assert.match(gone.message, /tool cannot be started: .*ENOENT/)
  assert.match(failureOf(await run('lost')).message, /cannot be started in .*\/no: .*ENOENT/)
})

test('an aborted attempt is killed and ends as cancelled', async t => {
  const { sh, pidIn } = scene(t)
  const abort = new AbortController()
  const outcome = sh('echo $$ > "$1/pid"; exec sleep 600', {}, abort.signal)
  const pid = await pidIn('pid')
  abort.abort()
  assert.equal(failureOf(await outcome).code, 'CANCELLED')
  assert.equal(isAlive(pid), false)
})

test('an attempt aborted before it began starts nothing', async t => {
  const { sh, executors } = scene(t)
  assert.equal(failureOf(await sh('true', {}, AbortSignal.abort())).code, 'CANCELLED')
  assert.equal(executors.runnerPid(), undefined)
})

test('an attempt aborted in the moment after it was ordered ends as cancelled', async t => {
  const { sh, directory } = scene(t)
  for (let i = 0; i < 20; i++) {
    const abort = new AbortController()
    const outcome = sh(`echo $$ > "$1/pid-${i}"; exec sleep 600`, {}, abort.signal)
    await new Promise(resolve => setTimeout(resolve, i))
    abort.abort()
    assert.equal(failureOf(await outcome).code, 'CANCELLED')
  }
  await until('no sleeper is left', () => !directoryHasAlive(directory))
})

test('wrong payloads are refused with what was expected and what came', t => {
  const { executors } = scene(t, { commands: { fixed: commandOf('true', { taskArgs: false }) } })
  const wrong: readonly [Json, string, RegExp][] = [
    [null, 'TASK_INVALID', /payload: expected an object with command, args, stdin, got null/],
    [{}, 'TASK_INVALID', /payload\.command: expected the name of an allowed command, got nothing/],
    [
      { command: 'rm' },
      'COMMAND_NOT_ALLOWED',
      /executors\.exec\.commands that this node can run \(sh, cat, fixed\), got "rm" \(not in the configuration that this daemon started with; a change of it needs a restart\)/,
    ],
    [{ command: '__proto__' }, 'COMMAND_NOT_ALLOWED', /got "__proto__"/],
    [{ command: '/bin/sh' }, 'COMMAND_NOT_ALLOWED', /got "\/bin\/sh"/],
    [{ command: 'fixed', args: ['x'] }, 'TASK_INVALID', /taskArgs/],
    [{ command: 'sh', args: 'x' }, 'TASK_INVALID', /payload\.args: expected a list of texts, got "x"/],
    [{ command: 'sh', args: [1] }, 'TASK_INVALID', /payload\.args\.0/],
    [{ command: 'sh', args: ['a\0b'] }, 'TASK_INVALID', /without NUL/],
    [
      { command: 'sh', args: Array(300).fill('') as string[] },
      'TASK_INVALID',
      /at most 256 arguments, got 300/,
    ],
    [{ command: 'sh', args: ['x'.repeat(70_000)] }, 'TASK_INVALID', /at most 65536 bytes, got 70000/],
    [{ command: 'cat', stdin: 'x'.repeat(1_100_000) }, 'TASK_INVALID', /payload\.stdin/],
    [{ command: 'cat', shell: true }, 'TASK_INVALID', /payload\.shell: expected only the fields/],
  ]
  for (const [payload, code, detail] of wrong) {
    const failure = executors.check('exec', payload)
    assert.equal(failure?.code, code, JSON.stringify(payload).slice(0, 80))
    assert.match(String(failure?.detail), detail)
  }
  assert.equal(executors.check('exec', { command: 'fixed', args: [] }), undefined)
})

test('a refused payload that is executed all the same runs nothing and is not retried', async t => {
  const { executors } = scene(t)
  const { code, retryable } = failureOf(await executors.execute(orderOf('exec', { command: 'rm' }), never))
  assert.deepEqual([code, retryable], ['COMMAND_NOT_ALLOWED', false])
  assert.equal(executors.runnerPid(), undefined)
})

test('a key that no environment can hold is refused', async t => {
  const { sh } = scene(t)
  const { code, message } = failureOf(await sh('true', { key: 'a\0b' }))
  assert.equal(code, 'TASK_INVALID')
  assert.match(message, /ROUNDTABLE_TASK_KEY would hold a NUL byte/)
})
