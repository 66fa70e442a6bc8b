/** Real daemons that are told to end while something in them waits for a disk that does not answer. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { untilEnded } from '../adapters/storage/ended.ts'
import { children, scratch, start, storeOf, timeout, until } from './disk-scene.ts'
import type { Daemon } from './subject.ts'

/** Of the calls that wait for a disk, by the architecture. */
const CALLS: Partial<Record<NodeJS.Architecture, { readonly openat: string; readonly statx: string }>> = {
  x64: { openat: '257', statx: '332' },
  arm64: { openat: '56', statx: '291' },
}
const calls = process.platform === 'linux' ? CALLS[process.arch] : undefined
const known = calls === undefined ? 'needs Linux on a known architecture' : false
const canTrace =
  process.getuid?.() === 0 && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
    ? known
    : 'needs strace and leave to trace'

/** The threads of a process that are in this call of the kernel now. */
function threadsIn(call: 'openat' | 'statx', { child }: Daemon): readonly string[] {
  const tasks = `/proc/${child.pid}/task`
  return readdirSync(tasks).filter(
    thread => readFileSync(join(tasks, thread, 'syscall'), 'utf8').split(' ')[0] === calls?.[call],
  )
}

/** Waits until a thread has been in this call for a while. */
async function hangsIn(call: 'openat' | 'statx', daemon: Daemon): Promise<void> {
  await until(async () => {
    const before = threadsIn(call, daemon)
    if (before.length === 0) return false
    await pause(200)
    return threadsIn(call, daemon).some(thread => before.includes(thread))
  })
}

/** Whoever opens it to read waits for somebody who writes, who never comes. */
function fifo(path: string): void {
  rmSync(path, { force: true })
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
}

/** From now on whoever looks at this path waits, until the tracer that is returned ends. */
async function hangLooks({ child }: Daemon, path: string): Promise<ChildProcess> {
  const hang = ['-P', path, '-e', 'trace=statx', '-e', 'inject=statx:delay_enter=120s']
  const tracer = spawn('strace', ['-f', '-p', String(child.pid), ...hang, '-o', '/dev/null'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(tracer)
  await once(tracer.stderr, 'data') // attached
  return tracer
}

/** It was killed by itself, and said what it waited for. */
async function saidStuck(daemon: Daemon, what: RegExp): Promise<void> {
  assert.deepEqual(await daemon.exited, [null, 'SIGKILL'])
  const line = await daemon.said('process-stuck')
  assert.equal(line['level'], 'error')
  assert.match(JSON.stringify(line['waitsFor']), what)
}

test('a leave ends though a look at the data directory hangs, and says which', {
  ...timeout,
  skip: canTrace,
}, async () => {
  const daemon = await start({ leaveMs: 3_000 })
  await daemon.said('ready')
  const tracer = await hangLooks(daemon, storeOf('one'))
  await hangsIn('statx', daemon)
  daemon.child.kill('SIGTERM')
  await untilEnded(daemon.child, 10_000).finally(() => tracer.kill('SIGKILL'))
  await saidStuck(daemon, /a look at .*store\.sqlite, for \d+ ms/)
  await daemon.said('stopped')
})

test('and though a look at the configuration does, on whatever disk that is', {
  ...timeout,
  skip: canTrace,
}, async () => {
  const daemon = await start({ leaveMs: 3_000 })
  await daemon.said('ready')
  const tracer = await hangLooks(daemon, join(scratch, 'one.json'))
  await hangsIn('statx', daemon)
  daemon.child.kill('SIGTERM')
  await untilEnded(daemon.child, 10_000).finally(() => tracer.kill('SIGKILL'))
  await saidStuck(daemon, /a look at .*one\.json/)
})

test('so does one whose thread for the configuration waits for a disk', {
  ...timeout,
  skip: known,
}, async () => {
  const daemon = await start({ leaveMs: 5_000 })
  await daemon.said('ready')
  fifo(join(scratch, 'one.json'))
  daemon.child.kill('SIGHUP')
  await hangsIn('openat', daemon)
  daemon.child.kill('SIGTERM')
  await untilEnded(daemon.child, 10_000)
  await saidStuck(daemon, /the thread that reads the configuration \(.*one\.json\)/)
})

test('a start that waits for its disk ends within the time of a leave, or at once when it is told twice', {
  ...timeout,
  skip: known,
}, async () => {
  const dataDir = join(scratch, 'hung')
  mkdirSync(dataDir)
  fifo(join(dataDir, 'boot.json'))
  const told = await start({ dataDir, leaveMs: 1_000 })
  await told.said('called')
  await hangsIn('openat', told)
  told.child.kill('SIGTERM')
  await untilEnded(told.child, 5_000)
  await saidStuck(told, /the lock and boot file of .*hung/)
  const twice = await start({ dataDir, leaveMs: 60_000 })
  await twice.said('called')
  await hangsIn('openat', twice)
  await pause(1_000) // what has waited for a second hangs
  twice.child.kill('SIGTERM')
  await pause(200) // two that come in one moment are one
  twice.child.kill('SIGTERM')
  await untilEnded(twice.child, 5_000)
  await saidStuck(twice, /the lock and boot file of .*hung/)
})
