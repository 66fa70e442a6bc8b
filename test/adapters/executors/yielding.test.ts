/** The processor is the daemon's first: who yields it, and that nobody fails for it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { groupOf, signalGroup } from '../../../src/adapters/executors/process-group.ts'
import { hurry, yieldToDaemon } from '../../../src/adapters/executors/yielding.ts'
import { rawRunner } from './raw-runner.ts'
import { orderOf, resultOf, scene } from './scene.ts'

/** Of whoever asks, as a shell sees it. */
const OWN = 'cut -d" " -f19 /proc/self/stat'

test('commands and modules yield the processor to the daemon', async t => {
  const { directory } = scene(t)
  const file = join(directory, 'nice.mjs')
  writeFileSync(file, 'import { getPriority } from "node:os"\nexport default () => getPriority()')
  const { executors, sh } = scene(t, {
    modules: { nice: { path: file, concurrency: 1, memoryBytes: 64 * 1024 * 1024, env: {} } },
  })
  const expected = Math.max(10, getPriority())
  // It is given after the spawn: a command that looks at once may be faster.
  const nice = `while [ "$(${OWN})" != ${expected} ]; do sleep 0.01; done; echo fine`
  assert.equal(resultOf(await sh(nice))['stdout'], 'fine\n')
  const outcome = await executors.execute(orderOf('nice', null), new AbortController().signal)
  assert.deepEqual(outcome, { ok: true, result: expected })
})

test('a command of a runner that yields more already stays as it is, and runs', async t => {
  const { directory } = scene(t)
  const runner = await rawRunner(t)
  setPriority(runner.pid, 15)
  const go = join(directory, 'go')
  runner.order(runner.sh(1, `while [ ! -e ${go} ]; do sleep 0.01; done; ${OWN}`, null))
  runner.order(runner.sh(2, 'true', null))
  await runner.end(2) // It has done with the start of the other.
  writeFileSync(go, '')
  const { cause, stdout } = await runner.end(1)
  assert.deepEqual([cause, stdout], ['exit', '15\n'])
})

test('where the system does not allow it, that is said, and nothing is thrown', {
  skip: process.getuid?.() !== 0 && 'only root can be somebody else for a moment',
}, async t => {
  const child = spawn('sleep', ['600'])
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const nobody = 65_534
  process.seteuid?.(nobody)
  const denied = yieldToDaemon(child.pid)
  process.seteuid?.(0)
  assert.match(String(denied), /uv_os_setpriority returned (EPERM|EACCES)/)
  assert.equal(getPriority(Number(child.pid)), getPriority())
  assert.equal(yieldToDaemon(child.pid), undefined)
  assert.equal(
    readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[18],
    String(Math.max(10, getPriority())),
  )
})

test('one that has ended has nothing to yield', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  assert.equal(yieldToDaemon(child.pid), undefined)
})

test('what is killed yields no more, or it would die late where all cores are busy', {
  skip: process.getuid?.() !== 0 && 'only root makes a process less nice',
}, async () => {
  const child = spawn('sleep', ['600'], { detached: true })
  await once(child, 'spawn')
  const pid = Number(child.pid)
  yieldToDaemon(pid)
  assert.equal(getPriority(pid), Math.max(10, getPriority()))
  signalGroup(groupOf(pid), 'SIGKILL')
  assert.equal(getPriority(pid), getPriority(), 'not reaped before the next turn of the event loop')
  await once(child, 'exit')
  hurry(pid)
})
