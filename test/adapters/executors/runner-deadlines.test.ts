import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { monotonicMs } from '../../../src/adapters/executors/monotonic-clock.ts'
import { rawRunner } from './raw-runner.ts'
import { isAlive, pidIn, scene, until, untilDead } from './scene.ts'

const linux = { skip: process.platform !== 'linux' }
const inMs = (ms: number): number => Math.floor(monotonicMs() + ms)

test('a runner that hears nothing more ends its commands in time', linux, async t => {
  const { directory } = scene(t)
  const runner = await rawRunner(t)
  const deadlineMs = inMs(5_000)
  runner.order(runner.sh(1, `trap "" TERM; echo $$ > ${directory}/a; exec sleep 600`, deadlineMs))
  const pid = await pidIn(join(directory, 'a'))
  const { cause, signal } = await runner.end(1)
  assert.deepEqual([cause, signal, isAlive(pid)], ['fenced', 'SIGKILL', false])
  assert.ok(monotonicMs() < deadlineMs)
})

test('an order that is late when it arrives is not obeyed, one without a deadline is', async t => {
  const { directory } = scene(t)
  const runner = await rawRunner(t)
  runner.order(
    runner.sh(1, `touch ${directory}/late`, inMs(-1)),
    runner.sh(2, `touch ${directory}/near`, inMs(400)),
    runner.sh(3, `touch ${directory}/free`, null),
  )
  for (const id of [1, 2]) {
    const { cause, exitCode, signal } = await runner.end(id)
    assert.deepEqual([cause, exitCode, signal], ['fenced', null, null])
  }
  assert.equal((await runner.end(3)).cause, 'exit')
  assert.deepEqual(
    ['late', 'near', 'free'].map(name => existsSync(join(directory, name))),
    [false, false, true],
  )
})

test(
  'a runner that wakes looks at the clock before it reads the extension that has waited',
  linux,
  async t => {
    const { directory } = scene(t)
    const runner = await rawRunner(t)
    const deadlineMs = inMs(6_000)
    const ids = Array.from({ length: 10 }, (_, i) => i + 1)
    const script = (id: number): string => `trap "" TERM; echo $$ > ${directory}/${id}; exec sleep 600`
    runner.order(...ids.map(id => runner.sh(id, script(id), deadlineMs)))
    const pids = await Promise.all(ids.map(id => pidIn(join(directory, String(id)))))
    for (const pid of [runner.pid, ...pids]) process.kill(pid, 'SIGSTOP')
    await until('the deadline is past', () => monotonicMs() > deadlineMs + 100)
    runner.order({ kind: 'extend', ids, deadlineMs: inMs(60_000) })
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    const woken = performance.now()
    process.kill(runner.pid, 'SIGCONT')
    for (const pid of pids) await untilDead(pid)
    const ms = performance.now() - woken
    t.diagnostic(`10 commands dead ${ms.toFixed(0)} ms after SIGCONT`)
    assert.ok(ms < 2_000, `${ms}`)
    for (const id of ids) assert.equal((await runner.end(id)).cause, 'fenced')
  },
)

test(
  'a runner that was frozen in the middle of many orders looks at the clock before it obeys the rest',
  linux,
  async t => {
    const { directory } = scene(t)
    const runner = await rawRunner(t)
    const deadlineMs = inMs(4_000)
    runner.order(runner.sh(1, `trap "" TERM; echo $$ > ${directory}/a; exec sleep 600`, deadlineMs))
    const pid = await pidIn(join(directory, 'a'))
    const others = Array.from({ length: 400 }, (_, i) => runner.sh(i + 2, 'true', null))
    runner.order(...others, { kind: 'extend', ids: [1], deadlineMs: inMs(60_000) })
    await until('it is in the middle', () => runner.started() > 5)
    process.kill(runner.pid, 'SIGSTOP')
    const seen = runner.started()
    await until('the deadline is past', () => monotonicMs() > deadlineMs + 100)
    assert.ok(seen < 350 && isAlive(pid), `it had started ${seen}`)
    const woken = performance.now()
    process.kill(runner.pid, 'SIGCONT')
    await untilDead(pid)
    const obeyed = runner.started() - seen
    t.diagnostic(`dead ${(performance.now() - woken).toFixed(0)} ms and ${obeyed} orders after SIGCONT`)
    assert.ok(obeyed < 200, `it obeyed ${obeyed} orders first`)
    assert.equal((await runner.end(1)).cause, 'fenced')
  },
)

test('an extension that comes when the command is being stopped comes too late', linux, async t => {
  const { directory } = scene(t)
  const runner = await rawRunner(t)
  const deadlineMs = inMs(2_000)
  const script = `trap "echo yes > ${directory}/asked" TERM; echo $$ > ${directory}/a; while :; do sleep 0.02; done`
  runner.order(runner.sh(1, script, deadlineMs))
  const pid = await pidIn(join(directory, 'a'))
  await until('it was asked to stop', () => existsSync(join(directory, 'asked')))
  runner.order({ kind: 'extend', ids: [1, 77], deadlineMs: inMs(60_000) })
  await untilDead(pid)
  assert.ok(monotonicMs() < deadlineMs)
  assert.equal((await runner.end(1)).cause, 'fenced')
})

test(
  'a command that was over by itself, but after its deadline, is fenced and no success',
  linux,
  async t => {
    const { directory } = scene(t)
    const runner = await rawRunner(t)
    const deadlineMs = inMs(2_500)
    const script = `echo $$ > ${directory}/a; while ! [ -e ${directory}/go ]; do sleep 0.02; done; echo done`
    runner.order(runner.sh(1, script, deadlineMs))
    const pid = await pidIn(join(directory, 'a'))
    assert.ok(isAlive(pid))
    process.kill(runner.pid, 'SIGSTOP')
    await until('the deadline is past', () => monotonicMs() > deadlineMs)
    writeFileSync(join(directory, 'go'), '')
    await untilDead(pid)
    process.kill(runner.pid, 'SIGCONT')
    const { cause, exitCode, stdout } = await runner.end(1)
    assert.deepEqual([cause, exitCode, stdout], ['fenced', 0, 'done\n'])
  },
)
