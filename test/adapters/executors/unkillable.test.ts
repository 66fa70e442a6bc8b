/** What the kernel keeps, whatever it is sent, holds up its own attempt for a while, and no other. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ChildCommand } from '../../../src/adapters/executors/child-command.ts'
import { OVERDUE_MS } from '../../../src/adapters/executors/end-times.ts'
import { outcomeOfCommand } from '../../../src/adapters/executors/exec.ts'
import type { ModuleOrder, RunnerReport } from '../../../src/adapters/executors/messages.ts'
import { ModuleAttempt } from '../../../src/adapters/executors/module-attempt.ts'
import { ModuleHosts } from '../../../src/adapters/executors/module-hosts.ts'
import { MARK_VARIABLE } from '../../../src/adapters/executors/stray-processes.ts'
import { StraySweeps } from '../../../src/adapters/executors/stray-sweeps.ts'
import { orderTo } from './raw-runner.ts'
import { isAlive, scene } from './scene.ts'

const linux = { skip: process.platform !== 'linux' }

/** SIGKILL does nothing to this one, nor to its group, as to a process that waits for a hung disk; until the test is over. */
function keep(t: TestContext): (pid: number) => void {
  const kept = new Set<number>()
  const kill = process.kill.bind(process)
  t.mock.method(process, 'kill', (pid: number, signal?: string | number) => {
    if (signal === 'SIGKILL' && kept.has(Math.abs(pid))) return true
    return kill(pid, signal)
  })
  t.after(() => {
    for (const pid of kept) kill(-pid, 'SIGKILL')
  })
  return pid => {
    kept.add(pid)
  }
}

/** Keeps what an attempt has started, and hears its end. */
function listener(t: TestContext, onStart: (pid: number) => void = () => {}) {
  const keepIt = keep(t)
  const ended = Promise.withResolvers<RunnerReport>()
  const pids: number[] = []
  const report = (said: RunnerReport): void => {
    if (said.kind === 'started') {
      keepIt(said.pid)
      pids.push(said.pid)
      onStart(said.pid)
    } else if (said.kind === 'ended' || said.kind === 'module-ended') ended.resolve(said)
  }
  return { report, ended: ended.promise, pids }
}

const TIMEOUT_MS = 200

test(
  'a command that cannot be killed ends as timed out before its runner counts as frozen',
  linux,
  async t => {
    const { report, ended, pids } = listener(t)
    const env = { PATH: String(process.env['PATH']), [MARK_VARIABLE]: randomUUID() }
    const order = orderTo('/bin/sh', ['-c', 'trap "" TERM; exec sleep 600'], { env, timeoutMs: TIMEOUT_MS })
    const startedAt = performance.now()
    new ChildCommand(order, report, new StraySweeps()).start()
    const end = await ended
    const tookMs = performance.now() - startedAt
    assert.equal(end.kind === 'ended' && end.cause, 'timeout')
    assert.ok(isAlive(Number(pids[0])), 'it was kept')
    assert.ok(tookMs < TIMEOUT_MS + OVERDUE_MS, `told after ${tookMs} ms`)
  },
)

test('a command that cannot be killed at its deadline is not told as one that never ran', linux, async t => {
  const { report, ended, pids } = listener(t)
  const env = { PATH: String(process.env['PATH']), [MARK_VARIABLE]: randomUUID() }
  const order = orderTo('/bin/sh', ['-c', 'exec sleep 600'], { env, timeoutMs: 60_000 })
  const command = new ChildCommand(order, report, new StraySweeps())
  command.start()
  command.cutOff()
  const end = await ended
  assert.ok(end.kind === 'ended' && end.cause === 'fenced')
  assert.ok(isAlive(Number(pids[0])), 'it was kept')
  const outcome = outcomeOfCommand(end, order, order)
  assert.match(outcome.ok ? '' : outcome.error.message, /ended and the attempt cannot be killed yet$/)
})

test(
  'a module whose process cannot be killed does, too, also when its deadline comes meanwhile',
  linux,
  async t => {
    const { directory } = scene(t)
    const path = join(directory, 'endless.mjs')
    writeFileSync(path, 'export default () => new Promise(() => {})')
    // Frozen, it hears of no order.
    const { report, ended, pids } = listener(t, pid => process.kill(pid, 'SIGSTOP'))
    const order: ModuleOrder = {
      kind: 'module',
      id: 1,
      path,
      memoryMb: 32,
      env: { PATH: String(process.env['PATH']) },
      task: '{}',
      timeoutMs: TIMEOUT_MS,
      deadlineMs: null,
    }
    const sweeps = new StraySweeps()
    const parts = { hosts: new ModuleHosts(randomUUID(), sweeps), sweeps }
    const startedAt = performance.now()
    const attempt = new ModuleAttempt(order, report, parts)
    attempt.start()
    const deadline = setTimeout(() => attempt.cutOff(), OVERDUE_MS / 2)
    const end = await ended
    clearTimeout(deadline)
    const tookMs = performance.now() - startedAt
    assert.equal(end.kind === 'module-ended' && end.cause, 'timeout')
    assert.ok(isAlive(Number(pids[0])), 'it was kept')
    assert.ok(tookMs < TIMEOUT_MS + OVERDUE_MS, `told after ${tookMs} ms`)
  },
)

test('who sweeps for what cannot be killed holds up nobody else', linux, async t => {
  const keepIt = keep(t)
  const sleeper = async (mark: string): Promise<number> => {
    const env = { PATH: String(process.env['PATH']), [MARK_VARIABLE]: mark }
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore', env })
    await once(child, 'spawn')
    return Number(child.pid)
  }
  const [stuck, free] = [randomUUID(), randomUUID()]
  const kept = await sleeper(stuck)
  keepIt(kept)
  const other = await sleeper(free)
  const sweeps = new StraySweeps()
  const ends: string[] = []
  const both = [sweeps.sweep(stuck).then(found => ends.push(`stuck ${found[0]?.pid}`))]
  // Asked for while the first is under way.
  await new Promise(resolve => setImmediate(resolve))
  both.push(sweeps.sweep(free).then(found => ends.push(`free ${found[0]?.pid}`)))
  await Promise.all(both)
  assert.deepEqual(ends, [`free ${other}`, `stuck ${kept}`])
  assert.deepEqual([isAlive(other), isAlive(kept)], [false, true])
})
