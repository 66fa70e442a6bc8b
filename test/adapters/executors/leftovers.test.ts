import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createExecutors } from '../../../src/adapters/executors/executors.ts'
import { clearLeftovers } from '../../../src/adapters/executors/leftovers.ts'
import { openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'
import { lockDirectory } from '../../../src/adapters/storage/directory-lock.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { bootIn } from '../storage/boot.ts'
import { configOf, isAlive, LogBook, pidIn, resultOf, scene, until, untilDead } from './scene.ts'

const linux = { skip: process.platform !== 'linux' }

const refusal =
  (code: CodedError['code'], ...parts: readonly RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CodedError, String(error))
    assert.equal(error.code, code)
    for (const part of parts) assert.match(error.message, part)
    return true
  }

/** A daemon stand-in that runs these scripts in this directory; `pid` is its own, `runner` that of its runner. */
async function daemonOn(t: TestContext, dataDir: string, ...scripts: string[]) {
  const program = fileURLToPath(new URL('./host.ts', import.meta.url))
  const child = spawn(process.execPath, [program, dataDir, ...scripts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  const line = await until('the host is up', () => lines.find(l => l.startsWith('runner ')))
  const found = { pid: Number(child.pid), runner: Number(line.slice('runner '.length)) }
  t.after(() => {
    for (const pid of Object.values(found)) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return found
}

/** Opens the directory as a daemon does. */
function boot(directory: string, log: LogBook, waitMs?: number) {
  const wait = waitMs === undefined ? {} : { waitMs }
  return bootIn(directory, { first: path => clearLeftovers({ directory: path, logger: log, ...wait }) })
}

const isLocked = (directory: string): boolean => {
  try {
    lockDirectory(directory, 'runner-lock').release()
    return false
  } catch (error) {
    assert.ok(error instanceof CodedError && error.code === 'DATA_DIR_LOCKED', String(error))
    return true
  }
}

test(
  'the runner holds its lock from its first command to its end, and no command inherits it',
  linux,
  async t => {
    const { sh, directory, executors } = scene(t, {}, true)
    assert.equal(isLocked(directory), false)
    const files = String(resultOf(await sh('ls -l /proc/self/fd'))['stdout'])
    assert.doesNotMatch(files, /runner-lock/)
    assert.equal(isLocked(directory), true)
    const holder = JSON.parse(readFileSync(join(directory, 'runner-lock.json'), 'utf8'))
    assert.equal(holder.pid, executors.runnerPid())
    await executors.stop()
    assert.equal(isLocked(directory), false)
  },
)

test('a runner that was lost gives its lock to the next one', async t => {
  const { sh, directory, executors } = scene(t, {}, true)
  await sh('true')
  process.kill(Number(executors.runnerPid()), 'SIGKILL')
  await until('it is known to be lost', () => executors.runnerPid() === undefined)
  resultOf(await sh('echo again'))
  assert.equal(isLocked(directory), true)
})

test(
  'a runner that stands still is woken by the next boot, and its commands are dead when that begins',
  linux,
  async t => {
    const { directory, log } = scene(t)
    // Without its environment it bears no mark: only the runner knows its group.
    const bare = `exec env -i sh -c 'echo $$ > ${directory}/b; exec sleep 600'`
    const { pid, runner } = await daemonOn(t, directory, `echo $$ > ${directory}/a; exec sleep 600`, bare)
    const commands = await Promise.all(['a', 'b'].map(name => pidIn(join(directory, name))))
    process.kill(runner, 'SIGSTOP') // It cannot see the daemon go, and keeps its commands.
    process.kill(pid, 'SIGKILL')
    await untilDead(pid)
    assert.ok(commands.every(isAlive))
    const opened = await boot(directory, log)
    assert.deepEqual([opened.boot, commands.filter(isAlive)], [1, []])
    await untilDead(runner)
    assert.deepEqual(
      log.lines.map(({ event, fields }) => [event, fields['pid']]),
      [['leftover-runner-woken', runner]],
    )
    await opened.close()
  },
)

test('the next boot waits for a runner that has not ended', async t => {
  const { directory, log } = scene(t)
  const runner = lockDirectory(directory, 'runner-lock')
  let booted = false
  const opening = boot(directory, log).then(opened => {
    booted = true
    return opened
  })
  const waited = performance.now() + 300
  await until('it had time to be wrong', () => performance.now() > waited)
  await assert.rejects(openDataDirectory(directory), refusal('DATA_DIR_LOCKED'))
  assert.deepEqual([booted, existsSync(join(directory, 'boot.json'))], [false, false])
  runner.release()
  await (await opening).close()
})

test('a runner that does not end is named, and no boot is counted', async t => {
  const { directory, log } = scene(t)
  const runner = lockDirectory(directory, 'runner-lock')
  await assert.rejects(
    boot(directory, log, 200),
    refusal(
      'DATA_DIR_LOCKED',
      new RegExp(`process ${process.pid} on host`),
      /runner of the daemon that was here before/,
    ),
  )
  assert.equal(existsSync(join(directory, 'boot.json')), false)
  runner.release()
  await (await boot(directory, log)).close()
})

test('what a kill -9 of daemon and runner left running is dead when the next boot begins', linux, async t => {
  const { directory, log } = scene(t)
  const strayed = `setsid sh -c 'echo $$ > ${directory}/b; exec sleep 600' > /dev/null 2>&1 & sleep 600`
  const { pid, runner } = await daemonOn(t, directory, `echo $$ > ${directory}/a; exec sleep 600`, strayed)
  const commands = await Promise.all(['a', 'b'].map(name => pidIn(join(directory, name))))
  process.kill(runner, 'SIGSTOP') // So that it cannot see the daemon go.
  process.kill(pid, 'SIGKILL')
  process.kill(runner, 'SIGKILL')
  await Promise.all([pid, runner].map(untilDead))
  assert.ok(commands.every(isAlive))
  const begun = performance.now()
  const opened = await boot(directory, log)
  t.diagnostic(`cleared in ${(performance.now() - begun).toFixed(0)} ms`)
  assert.deepEqual(commands.filter(isAlive), [])
  assert.equal(log.count('leftovers-killed'), 1)
  await opened.close()
})

test('a directory that nothing was started from is cleared at once and leaves no file but the lock', async t => {
  const { directory, log } = scene(t)
  await clearLeftovers({ directory, logger: log, waitMs: 0 })
  assert.equal(existsSync(join(directory, 'runner-mark')), false)
  assert.deepEqual(log.lines, [])
})

test('a mark that cannot be kept or read stops the start: nothing would find what runs', t => {
  const { directory } = scene(t)
  writeFileSync(join(directory, 'file'), '')
  const dataDir = join(directory, 'file')
  const init = { config: configOf(), logger: new LogBook(), dataDir }
  assert.throws(() => createExecutors(init), refusal('DATA_DIR_UNUSABLE', /runner-mark/))
})
