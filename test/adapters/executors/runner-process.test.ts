import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { AttemptDesk } from '../../../src/adapters/executors/attempt-desk.ts'
import { encodeFrame, FRAME_BYTES_MAX } from '../../../src/adapters/executors/frames.ts'
import { monotonicMs } from '../../../src/adapters/executors/monotonic-clock.ts'
import { RunnerProcess } from '../../../src/adapters/executors/runner-process.ts'
import { asTaskId } from '../../../src/base/ids.ts'
import { orderTo, rawRunner } from './raw-runner.ts'
import { isAlive, LogBook, pidIn, scene, untilDead } from './scene.ts'

/** A runner that is not ours: the source of its program uses `channel`, the socket to this process. */
function strangeRunner(t: TestContext, source: string): { runner: RunnerProcess; log: LogBook } {
  const { directory } = scene(t)
  const script = join(directory, 'strange.mjs')
  writeFileSync(
    script,
    `import { Socket } from 'node:net'\nconst channel = new Socket({ fd: 3 })\n${source}\n`,
  )
  const log = new LogBook()
  return {
    runner: new RunnerProcess({ mark: randomUUID(), lockIn: undefined, logger: log, env: {}, script }),
    log,
  }
}

const length = (bytes: number): string =>
  `const head = Buffer.alloc(4); head.writeUInt32BE(${bytes}); channel.write(head)`

const ENDED = {
  ...{ kind: 'ended', cause: 'exit', process: 'gone', exitCode: 0, signal: null, stdout: '', stderr: '' },
  ...{ bytes: 0, cutBytes: 0, durationMs: 1, failure: null, strays: 0 },
}

for (const [what, source] of [
  ['says something that is no frame', `channel.write('hello, this is nobody’s protocol')`],
  ['announces a frame above the limit', length(FRAME_BYTES_MAX + 1)],
  [
    'sends a report of the wrong shape',
    `const b = Buffer.from('{"kind":"ended","id":1}')\n${length(23)}; channel.write(b)`,
  ],
  ['hangs up', `channel.on('data', () => channel.destroy())`],
  ['exits at once', 'process.exit(3)'],
  ['crashes', `throw new Error('broken')`],
] as const) {
  test(`a runner that ${what} is killed, and its command is lost and not left hanging`, async t => {
    const { runner, log } = strangeRunner(t, `${source}\nsetInterval(() => {}, 60_000)`)
    assert.deepEqual(await runner.run(orderTo('/bin/true'), new AttemptDesk(asTaskId('t'), 1)), {
      kind: 'lost',
    })
    await runner.gone
    assert.equal(runner.usable, false)
    assert.equal(isAlive(Number(runner.pid)), false)
    assert.equal(log.count('runner-lost'), 1)
  })
}

test('an order that was on its way when the daemon died is not begun: others act for its keys by now', async t => {
  const program = join(import.meta.dirname, 'dying-daemon.ts')
  const { directory } = scene(t)
  for (const time of [1, 2, 3]) {
    const file = join(directory, `acted-${time}`)
    const daemon = spawn(process.execPath, ['--no-warnings', program, file, randomUUID()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const printed = text(daemon.stdout)
    await once(daemon, 'exit')
    const runner = Number(await printed)
    assert.equal(isAlive(runner), true, 'it stands still')
    process.kill(runner, 'SIGCONT')
    await untilDead(runner)
    assert.equal(existsSync(file), false)
  }
})

test('a runner that ignores the order to stop is killed', async t => {
  const { runner, log } = strangeRunner(t, `channel.on('data', () => {})`)
  const end = runner.run(orderTo('/bin/true'), new AttemptDesk(asTaskId('t'), 1))
  await runner.stop()
  assert.deepEqual(await end, { kind: 'stopped' })
  assert.equal(isAlive(Number(runner.pid)), false)
  assert.equal(log.count('runner-lost'), 0)
})

test('a runner that is awake is not killed for a command that the kernel keeps past its deadline', async t => {
  const frames = new URL('../../../src/adapters/executors/frames.ts', import.meta.url)
  const end = { ...ENDED, id: 1, cause: 'fenced', process: 'kept', exitCode: null }
  // It answers, and tells of the end long after one that is frozen would have been killed.
  const { runner, log } = strangeRunner(
    t,
    `import { encodeFrame, FrameReader } from '${frames}'
const reader = new FrameReader()
const nothing = { text: '', cutBytes: 0 }
channel.on('data', chunk => {
  for (const { kind, id } of reader.push(chunk)) {
    if (kind === 'stop') process.exit(0)
    if (kind !== 'look') continue
    channel.write(encodeFrame({ kind: 'looked', id, stdout: nothing, stderr: nothing }))
    setTimeout(() => channel.write(encodeFrame(${JSON.stringify(end)})), 2_000)
  }
})`,
  )
  const order = orderTo('/bin/true', [], { deadlineMs: Math.floor(monotonicMs()) + 5_000 })
  const ended = await runner.run(order, new AttemptDesk(asTaskId('t'), 1))
  assert.equal(ended.kind === 'ended' && ended.cause, 'fenced')
  assert.deepEqual([runner.usable, log.count('runner-lost')], [true, 0])
  await runner.stop()
})

test('that commands may not yield the processor is logged once, and harms none', async t => {
  const frames = new URL('../../../src/adapters/executors/frames.ts', import.meta.url)
  const { runner, log } = strangeRunner(
    t,
    `import { encodeFrame, FrameReader } from '${frames}'
const reader = new FrameReader()
channel.on('data', chunk => {
  for (const { kind, id } of reader.push(chunk)) {
    if (kind === 'stop') process.exit(0)
    for (let i = 0; i < 2; i++) channel.write(encodeFrame({ kind: 'not-yielding', id, reason: 'not here' }))
    channel.write(encodeFrame({ ...${JSON.stringify(ENDED)}, id }))
  }
})`,
  )
  const end = await runner.run(orderTo('/bin/true'), new AttemptDesk(asTaskId('t'), 1))
  assert.equal(end.kind, 'ended')
  assert.deepEqual(
    log.lines.map(({ level, event, fields }) => [level, event, fields]),
    [['warn', 'commands-not-yielding', { reason: 'not here' }]],
  )
  await runner.stop()
})

test('what a crashing runner says is in the log', async t => {
  const { runner, log } = strangeRunner(t, `throw new Error('broken in two')`)
  await runner.gone
  assert.match(String(log.lines[0]?.fields['stderr']), /broken in two/)
})

for (const [what, bytes] of [
  ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a frame that is no order', encodeFrame({ kind: 'start', id: 2, path: '/bin/true' })],
] as const) {
  test(`a runner that is sent ${what} kills its commands and exits with a reason`, async t => {
    const { directory } = scene(t)
    const { child, channel } = await rawRunner(t)
    channel.write(encodeFrame(orderTo('/bin/sh', ['-c', `echo $$ > ${directory}/pid; exec sleep 600`])))
    const pid = await pidIn(join(directory, 'pid'))
    let said = ''
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    channel.write(bytes)
    const [code] = await once(child, 'close')
    assert.equal(code, 70)
    assert.match(said, /frame of .* bytes is over|no order/)
    await untilDead(pid)
  })
}
