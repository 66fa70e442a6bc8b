/** Modules in threads: what they get, what becomes of them, and that nothing they do reaches anybody else. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ModuleConfig } from '../../../src/adapters/executors/config.ts'
import { after, instantOf } from '../../../src/base/time.ts'
import type { AttemptOrder } from '../../../src/node/machine.ts'
import type { Json } from '../../../src/tasks/task.ts'
import { failureOf, isAlive, metric, orderOf, pidIn, type Scene, scene, until, untilDead } from './scene.ts'

const never = new AbortController().signal
const MIB = 1024 * 1024
/** From the order to stop to the end of everything; a cancel must be done everywhere within a second. */
const STOP_MS_MAX = 1_000
/** What a start and an end of processes may take on a machine that does other things too. */
const LATE_MS = 3_000

interface Subject extends Scene {
  readonly file: string
  run(payload?: Json, some?: Partial<AttemptOrder>, signal?: AbortSignal): ReturnType<Scene['sh']>
}

/** One type, `work`, whose module has this source; `DIR` in it is the directory of the test. */
function subject(t: TestContext, source: string, some: Partial<ModuleConfig> = {}): Subject {
  // The scene makes the directory, and the configuration names a file in it: so the file's place comes first.
  const { directory } = scene(t)
  const file = join(directory, 'work.mjs')
  writeFileSync(file, source)
  const module = { path: file, concurrency: 2, memoryBytes: 64 * MIB, env: { DIR: directory }, ...some }
  const stage = scene(t, { modules: { work: module } })
  return {
    ...stage,
    directory,
    file,
    pidIn: name => pidIn(join(directory, name)),
    run: (payload = null, order = {}, signal = never) =>
      stage.executors.execute(orderOf('work', payload, order), signal),
  }
}

const WRITE_PID = `import { writeFileSync } from 'node:fs'
writeFileSync(process.env.DIR + '/pid', String(process.pid))
`

test('a module gets its task and its attempt, and what it returns is the result', async t => {
  const { run, executors } = subject(
    t,
    `export default async (task, { signal, progress, ...context }) => ({
      task, context, aborted: signal.aborted, progress: typeof progress, env: Object.keys(process.env) })`,
  )
  assert.ok(executors.types.has('work'))
  const outcome = await run({ a: [1, 'ü'] }, { attempt: 3, token: { value: '77', safe: true } })
  assert.ok(outcome.ok, JSON.stringify(outcome))
  const { task, context, env, ...rest } = outcome.result as Record<string, Json>
  assert.deepEqual(task, { id: 'task-1', key: 'key-1', type: 'work', payload: { a: [1, 'ü'] } })
  const { deadlineMs, ...others } = context as Record<string, Json>
  assert.deepEqual(others, { attempt: 3, node: 'node-1', token: { value: '77', safe: true } })
  assert.ok(Math.abs(Number(deadlineMs) - Date.now() - 20_000) < 10_000)
  assert.deepEqual(rest, { aborted: false, progress: 'function' })
  for (const name of env as string[])
    assert.ok(
      ['PATH', 'HOME', 'LANG', 'TZ', 'DIR', 'ROUNDTABLE_TASK_RUN', 'NODE_COMPILE_CACHE'].includes(name),
      name,
    )
})

test('a module lives on between attempts, and one that returns nothing has the result null', async t => {
  const { run } = subject(t, 'let n = 0\nexport default task => task.payload === "quiet" ? undefined : ++n')
  assert.deepEqual(await run(), { ok: true, result: 1 })
  assert.deepEqual(await run(), { ok: true, result: 2 })
  assert.deepEqual(await run('quiet'), { ok: true, result: null })
})

test('a changed file is loaded anew for the next attempt, and what runs ends on the old one', async t => {
  const stage = subject(t, WAITING('old'))
  const running = stage.run()
  await stage.pidIn('pid')
  writeFileSync(stage.file, 'export default () => "new"')
  assert.deepEqual(await stage.run(null, { attempt: 2 }), { ok: true, result: 'new' })
  writeFileSync(join(stage.directory, 'go'), '')
  assert.deepEqual(await running, { ok: true, result: 'old' })
  assert.deepEqual(await stage.run(null, { attempt: 3 }), { ok: true, result: 'new' })
  assert.ok(metric(stage.executors, 'module_loads_total') >= 2)
})

const WAITING = (result: string): string => `${WRITE_PID}
import { existsSync } from 'node:fs'
export default async () => {
  while (!existsSync(process.env.DIR + '/go')) await new Promise(resolve => setTimeout(resolve, 10))
  return '${result}'
}`

test('a change of a file that the module imports is a change too', async t => {
  const stage = subject(t, `import { word } from './part.mjs'\nexport default () => word`)
  const part = join(stage.directory, 'part.mjs')
  writeFileSync(part, 'export const word = "one"')
  assert.deepEqual(await stage.run(), { ok: true, result: 'one' })
  writeFileSync(part, 'export const word = "another"')
  assert.deepEqual(await stage.run(), { ok: true, result: 'another' })
})

for (const [what, source, code, message, retryable] of [
  ['throws', 'export default () => { throw new Error("no luck") }', 'THREW', /no luck.*work\.mjs/s, true],
  ['rejects with no error', 'export default async () => { throw "just so" }', 'THREW', /just so/, true],
  ['has a mistake in it', 'export default (', 'MODULE_UNLOADABLE', /SyntaxError/, true],
  ['throws when it is loaded', 'throw new Error("no start")', 'MODULE_UNLOADABLE', /no start/, true],
  [
    'imports what is not there',
    'import "./no.mjs"\nexport default () => 1',
    'MODULE_UNLOADABLE',
    /no\.mjs/,
    true,
  ],
  ['exports no function', 'export default 7', 'MODULE_UNLOADABLE', /expected a function .* got number/, true],
  ['exits', 'export default () => process.exit(7)', 'MODULE_EXITED', /exit code 7/, true],
  [
    'throws beside its attempt',
    'export default () => new Promise(() => setImmediate(() => { throw new Error("aside") }))',
    'THREW',
    /uncaught: Error: aside/,
    true,
  ],
  [
    'leaves a rejection to nobody',
    'export default () => new Promise(() => void Promise.reject(new Error("alone")))',
    'THREW',
    /alone/,
    true,
  ],
  [
    'kills its process',
    'export default () => { process.kill(process.pid, "SIGKILL"); return new Promise(() => {}) }',
    'MODULE_EXITED',
    /ended with SIGKILL/,
    true,
  ],
  ['returns no JSON', 'export default () => 10n', 'RESULT_INVALID', /no JSON: .*BigInt/, false],
  ['returns a function', 'export default () => () => 1', 'RESULT_INVALID', /no JSON but a function/, false],
  [
    'returns what is nested without end',
    'export default () => { let deep = 1; for (let i = 0; i < 10_000; i++) deep = [deep]; return deep }',
    'RESULT_INVALID',
    /what it returned has more than 1000 levels/,
    false,
  ],
  [
    'returns too much',
    'export default () => "x".repeat(2 ** 21)',
    'OUTPUT_TOO_LARGE',
    /returned 2097154 bytes/,
    false,
  ],
  [
    'says what is no progress',
    'export default (_, { progress }) => progress({ fraction: 7 })',
    'THREW',
    /TypeError: progress: fraction: expected a number from 0 to 1, got 7/,
    true,
  ],
] as const) {
  test(`a module that ${what} fails its attempt with ${code}, and the next attempt is nothing the worse for it`, async t => {
    const stage = subject(t, source)
    const failure = failureOf(await stage.run())
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, message)
    assert.equal(failure.retryable, retryable)
    writeFileSync(stage.file, 'export default () => "well"')
    assert.deepEqual(await stage.run(null, { attempt: 2 }), { ok: true, result: 'well' })
    assert.equal(metric(stage.executors, 'runner_losses_total'), 0)
  })
}

test('a module that is not there fails its attempt, is said at the start, and may come later', async t => {
  const stage = scene(t)
  const path = join(stage.directory, 'later.mjs')
  const module = { path, concurrency: 1, memoryBytes: 64 * MIB, env: {} }
  const { executors, log } = scene(t, { modules: { later: module } })
  assert.equal(log.count('module-missing'), 1)
  const failure = failureOf(await executors.execute(orderOf('later', null), never))
  assert.equal(failure.code, 'MODULE_UNLOADABLE')
  assert.ok(failure.message.includes(path), failure.message)
  writeFileSync(path, 'export default () => 1')
  assert.deepEqual(await executors.execute(orderOf('later', null), never), { ok: true, result: 1 })
})

for (const [what, source] of [
  [
    'its heap',
    'export default () => { const all = []; for (;;) all.push(new Array(1000).fill(Math.random())) }',
  ],
  [
    'buffers beside its heap',
    'export default () => { const all = []; for (;;) { all.push(Buffer.alloc(4 * 2 ** 20, 1)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5) } }',
  ],
] as const) {
  test(`a module that fills ${what} without end is stopped at its limit`, async t => {
    const stage = subject(t, source)
    const failure = failureOf(await stage.run())
    assert.equal(failure.code, 'MEMORY_EXCEEDED', failure.message)
    writeFileSync(stage.file, 'export default () => 1')
    assert.deepEqual(await stage.run(), { ok: true, result: 1 })
    assert.equal(metric(stage.executors, 'runner_losses_total'), 0)
  })
}

test('a thread whose heap stays half full is not used again, so that a slow leak fails nobody', async t => {
  const { run } = subject(
    t,
    `const all = []
     export default () => { for (let i = 0; i < 60; i++) all.push(new Array(2 ** 16).fill(all.length + i)); return all.length }`,
  )
  for (let attempt = 1; attempt <= 4; attempt++) {
    const outcome = await run(null, { attempt })
    assert.ok(outcome.ok, JSON.stringify(outcome))
  }
})

const BLOCKING = `${WRITE_PID}
console.log('about to block')
export default (_, { progress }) => { progress({ note: 'blocking' }); for (;;); }`

test('a module that blocks its thread is ended at its time limit, and what it printed before that is seen', async t => {
  const stage = subject(t, BLOCKING)
  const begun = performance.now()
  const running = stage.run(null, { timeoutMs: 1_500 })
  const pid = await stage.pidIn('pid')
  const failure = failureOf(await running)
  assert.equal(failure.code, 'TIMEOUT')
  assert.ok(performance.now() - begun < 1_500 + STOP_MS_MAX + LATE_MS)
  await untilDead(pid)
  const look = await stage.executors.look(orderOf('work', null).task, 1, 1_000)
  assert.equal(look?.stdout?.text, 'about to block\n')
  assert.equal(look?.progress?.note, 'blocking')
})

test('a cancelled attempt is over within a second, whatever the module does', async t => {
  for (const source of [
    BLOCKING,
    `${WRITE_PID}export default () => new Promise(() => setInterval(() => {}, 1000))`,
    `${WRITE_PID}import { execFileSync } from 'node:child_process'
     export default () => execFileSync('sleep', ['600'])`,
  ]) {
    const stage = subject(t, source)
    const stop = new AbortController()
    const running = stage.run(null, {}, stop.signal)
    const pid = await stage.pidIn('pid')
    stop.abort()
    const stoppedAt = performance.now()
    assert.equal(failureOf(await running).code, 'CANCELLED')
    assert.ok(performance.now() - stoppedAt < STOP_MS_MAX, `${performance.now() - stoppedAt} ms`)
    await untilDead(pid)
  }
})

test('a module that listens to its signal ends by itself, and can clean up', async t => {
  const stage = subject(
    t,
    `${WRITE_PID}
     export default (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => {
       writeFileSync(process.env.DIR + '/cleaned', String(signal.reason))
       reject(signal.reason)
     }))`,
  )
  const stop = new AbortController()
  const running = stage.run(null, {}, stop.signal)
  await stage.pidIn('pid')
  stop.abort()
  assert.equal(failureOf(await running).code, 'CANCELLED')
  assert.match(readFileSync(join(stage.directory, 'cleaned'), 'utf8'), /the attempt is stopped/)
})

test('processes that a stopped module has started die with it', async t => {
  const stage = subject(
    t,
    `import { spawn } from 'node:child_process'
     import { writeFileSync } from 'node:fs'
     export default () => {
       const own = spawn('sleep', ['600'])
       const stray = spawn('setsid', ['sleep', '600'], { detached: true })
       writeFileSync(process.env.DIR + '/own', String(own.pid))
       writeFileSync(process.env.DIR + '/stray', String(stray.pid))
       return new Promise(() => {})
     }`,
  )
  const stop = new AbortController()
  const running = stage.run(null, {}, stop.signal)
  const pids = await Promise.all(['own', 'stray'].map(name => stage.pidIn(name)))
  stop.abort()
  await running
  await Promise.all(pids.map(untilDead))
})

test('what a module has left behind in a session of its own dies with its process', async t => {
  const { run } = subject(
    t,
    `import { spawn } from 'node:child_process'
     export default () => [process.pid, spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).pid]`,
  )
  const outcome = await run()
  assert.ok(outcome.ok, JSON.stringify(outcome))
  const [host = 0, left = 0] = outcome.result as readonly number[]
  assert.deepEqual([host, left].map(isAlive), [true, true])
  process.kill(host, 'SIGKILL') // It waits for work; its time to go would be in 30 s.
  await untilDead(left)
})

test('an attempt whose right ends is over before that, though its thread is blocked, and ends as fenced', async t => {
  const stage = subject(t, BLOCKING)
  // Its process has to be started by then, also on a busy machine.
  const until_ = after(instantOf(performance.now()), 5_000)
  const running = stage.run(null, { until: until_ })
  const pid = await stage.pidIn('pid')
  assert.equal(failureOf(await running).code, 'FENCED')
  // It was killed before that was said; the kernel takes a moment to clear it away.
  await untilDead(pid)
  assert.ok(performance.now() < until_)
})

test('one that blocks holds up no other: neither of its own type, nor a command', async t => {
  const stage = subject(t, `export default task => { if (task.payload === 'block') for (;;); return 'free' }`)
  const stop = new AbortController()
  const blocked = stage.run('block', {}, stop.signal)
  assert.deepEqual(await stage.run('go', { attempt: 2 }), { ok: true, result: 'free' })
  assert.ok((await stage.sh('true', { attempt: 3 })).ok)
  stop.abort()
  await blocked
})

test('more than the type’s concurrency wait for their turn', async t => {
  const stage = subject(t, WAITING('done'), { concurrency: 1 })
  const first = stage.run(null, { attempt: 1 })
  await stage.pidIn('pid')
  const second = stage.run(null, { attempt: 2, timeoutMs: 10_000 })
  await until('the second waits', () => metric(stage.executors, 'module_attempts_waiting') === 1)
  const stop = new AbortController()
  const third = stage.run(null, { attempt: 3 }, stop.signal)
  stop.abort()
  assert.equal(failureOf(await third).code, 'CANCELLED')
  writeFileSync(join(stage.directory, 'go'), '')
  assert.deepEqual(await Promise.all([first, second]), [
    { ok: true, result: 'done' },
    { ok: true, result: 'done' },
  ])
})

test('progress is seen while the module runs, however often it is said', async t => {
  const stage = subject(
    t,
    `import { existsSync } from 'node:fs'
     export default async (_, { progress }) => {
       for (let i = 1; i <= 100000; i++) progress({ done: i, total: 200000 })
       while (!existsSync(process.env.DIR + '/go')) await new Promise(resolve => setTimeout(resolve, 10))
       progress({ fraction: 1, note: 'all' })
     }`,
  )
  const running = stage.run()
  const order = orderOf('work', null)
  let done: number | undefined
  await until('the newest of many is seen', () => {
    void stage.executors.look(order.task, 1, 0).then(look => {
      done = look?.progress?.done
    })
    return done === 100_000
  })
  writeFileSync(join(stage.directory, 'go'), '')
  assert.ok((await running).ok)
  const look = await stage.executors.look(order.task, 1, 0)
  assert.deepEqual({ ...look?.progress, at: 0 }, { fraction: 1, note: 'all', at: 0 })
})

test('all processes of modules are gone when the executors have stopped, those that wait for work too', async t => {
  const stage = subject(t, `${WRITE_PID}export default () => process.pid`)
  const outcome = await stage.run()
  assert.ok(outcome.ok)
  const pid = Number(outcome.result)
  assert.equal(isAlive(pid), true, 'it waits for the next attempt')
  await stage.executors.stop()
  assert.equal(isAlive(pid), false)
  assert.equal(existsSync(stage.file), true)
})

test('when the runner is killed the attempt is lost, its process is dead, and the next attempt finds a new runner', async t => {
  const stage = subject(t, BLOCKING)
  const running = stage.run()
  const pid = await stage.pidIn('pid')
  process.kill(Number(stage.executors.runnerPid()), 'SIGKILL')
  assert.equal(failureOf(await running).code, 'RUNNER_LOST')
  await untilDead(pid)
  writeFileSync(stage.file, 'export default () => 1')
  assert.deepEqual(await stage.run(null, { attempt: 2 }), { ok: true, result: 1 })
})
