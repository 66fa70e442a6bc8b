import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { after, type Instant, instantOf } from '../../../src/base/time.ts'
import { Machine } from '../../faults/machine.ts'
import { failureOf, isAlive, metric, orderOf, pidIn, resultOf, scene, until, untilDead } from './scene.ts'

const linux = { skip: process.platform !== 'linux' }
const inMs = (ms: number): Instant => after(instantOf(performance.now()), ms)

/** Leaves its pid and runs on, deaf to SIGTERM. */
const stubborn = (file: string): string => `trap "" TERM; echo $$ > ${file}; exec sleep 600`
/** Sleeps in a session of its own, out of reach of signals to the group. */
const stray = (file: string): string =>
  `setsid sh -c 'trap "" TERM; echo $$ > ${file}; exec sleep 600' > /dev/null 2>&1 & sleep 600`

/**
 * Plays until what was seen came in time: `play` gives how late it was, in ms, below 0 when it was not. Once more only when
 * the machine stood still meanwhile, for as long as it came late.
 */
async function inTime(t: TestContext, play: (turn: number) => Promise<number>): Promise<void> {
  const machine = new Machine()
  t.after(() => machine.stop())
  const [late = Number.NaN] = await machine.trials(1, play, {
    // On the dot is late.
    excess: ms => ({ ms: ms < 0 ? 0 : Math.max(ms, Number.MIN_VALUE) }),
    say: text => t.diagnostic(text),
  })
  t.diagnostic(`${Math.round(-late)} ms before the end`)
  assert.ok(late < 0, `${late} ms late`)
}

interface Leaseholder {
  readonly child: ChildProcess
  readonly pid: number
  readonly runner: number
  readonly lines: string[]
  renewals(): number
}

async function leaseholder(
  t: TestContext,
  dataDir: string,
  leaseMs: number,
  renewMs: number,
  scripts: readonly string[],
): Promise<Leaseholder> {
  const program = fileURLToPath(new URL('./leaseholder.ts', import.meta.url))
  const args = [program, dataDir, String(leaseMs), String(renewMs), ...scripts]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  const line = await until('the leaseholder is up', () => lines.find(l => l.startsWith('runner ')))
  const runner = Number(line.slice('runner '.length))
  t.after(() => {
    for (const pid of [Number(child.pid), runner]) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  const renewals = (): number => lines.filter(l => l.startsWith('renewed ')).length
  return { child, pid: Number(child.pid), runner, lines, renewals }
}

test(
  'a command whose right is not renewed is dead before it ends, deaf or strayed though it be',
  linux,
  async t => {
    const { sh, directory, pidIn: pidOf, executors } = scene(t)
    await sh('true')
    let played = 0
    await inTime(t, async turn => {
      played++
      const end = inMs(3_000)
      const outcomes = [
        sh(stubborn(`${directory}/a${turn}`), { until: end, attempt: 1 }),
        sh(stray(`${directory}/b${turn}`), { until: end, attempt: 2 }),
      ]
      const pids = [await pidOf(`a${turn}`), await pidOf(`b${turn}`)]
      assert.ok(pids.every(isAlive))
      for (const pid of pids) await untilDead(pid)
      const late = performance.now() - end
      for (const outcome of outcomes) {
        const { code, message, retryable } = failureOf(await outcome)
        assert.deepEqual([code, retryable], ['FENCED', true])
        assert.match(message, /right to act .* ended and the attempt was stopped/)
      }
      return late
    })
    assert.equal(metric(executors, 'exec_kills_total', { reason: 'fenced' }), 2 * played)
    assert.equal(metric(executors, 'attempts_total', { type: 'exec', outcome: 'FENCED' }), 2 * played)
  },
)

test('a command is asked to stop before it is killed', async t => {
  const { sh, directory } = scene(t)
  await sh('true')
  await inTime(t, async turn => {
    const script = `trap "echo done > $1/cleaned${turn}; exit 0" TERM; while :; do sleep 0.02; done`
    const end = inMs(2_500)
    assert.equal(failureOf(await sh(script, { until: end })).code, 'FENCED')
    const late = performance.now() - end
    // Killed while the machine stood still, it may have had no time for it.
    assert.ok(late >= 0 || existsSync(join(directory, `cleaned${turn}`)))
    return late
  })
})

test('a command lives on as long as its right is renewed, and a renewal never shortens it', async t => {
  const { sh, executors, pidIn: pidOf, directory } = scene(t)
  const order = orderOf('exec', null)
  await sh('true')
  let end = inMs(2_000)
  const outcome = sh(stubborn(`${directory}/a`), { until: end })
  const pid = await pidOf('a')
  const stopAt = performance.now() + 4_000
  while (performance.now() < stopAt) {
    await until('it is time to renew', () => performance.now() > end - 1_300)
    end = inMs(2_000)
    executors.extend([order], end)
    executors.extend([order], inMs(10))
    assert.equal(isAlive(pid), true)
  }
  assert.equal(failureOf(await outcome).code, 'FENCED')
  assert.ok(performance.now() < end)
  assert.equal(isAlive(pid), false)
})

test('a right without an end, and a renewal for an attempt that is not there, change nothing', async t => {
  const { sh, executors, directory } = scene(t)
  const order = orderOf('exec', null)
  const outcome = sh(`touch ${directory}/a; sleep 0.8; echo fine`)
  await until('it runs', () => existsSync(join(directory, 'a')))
  executors.extend([order, { ...order, attempt: 9 }], inMs(600))
  assert.equal(resultOf(await outcome)['stdout'], 'fine\n')
})

test('what comes to be started too late is not started', linux, async t => {
  const { sh, executors, directory } = scene(t)
  const touch = `touch ${directory}/ran`
  const late = failureOf(await sh(touch, { until: inMs(-1) }))
  assert.equal(late.code, 'FENCED')
  assert.match(late.message, /was not started/)
  assert.equal(executors.runnerPid(), undefined)
  await sh('true')
  assert.match(failureOf(await sh(touch, { until: inMs(300) })).message, /was not started/)
  assert.equal(existsSync(join(directory, 'ran')), false)
})

test(
  'an order that waited for a frozen runner is not obeyed after its end, and nobody waits for that runner',
  linux,
  async t => {
    const { sh, executors, directory } = scene(t)
    await sh('true')
    const runner = Number(executors.runnerPid())
    process.kill(runner, 'SIGSTOP')
    const end = inMs(1_500)
    const outcome = sh(`touch ${directory}/ran`, { until: end })
    await until('its time is over', () => performance.now() > end)
    process.kill(runner, 'SIGCONT')
    assert.equal(failureOf(await outcome).code, 'FENCED')
    assert.equal(existsSync(join(directory, 'ran')), false)
  },
)

test('when the runner is frozen, the daemon keeps the deadline: strays die in time too', linux, async t => {
  const { sh, executors, directory, pidIn: pidOf, log } = scene(t)
  let played = 0
  await inTime(t, async turn => {
    played++
    const end = inMs(2_500)
    const outcomes = [
      sh(stubborn(`${directory}/a${turn}`), { until: end, attempt: 1 }),
      sh(stray(`${directory}/b${turn}`), { until: end, attempt: 2 }),
    ]
    const pids = [await pidOf(`a${turn}`), await pidOf(`b${turn}`)]
    const runner = Number(executors.runnerPid())
    process.kill(runner, 'SIGSTOP')
    for (const pid of pids) await untilDead(pid)
    const late = performance.now() - end
    for (const outcome of outcomes) assert.equal(failureOf(await outcome).code, 'FENCED')
    await untilDead(runner)
    return late
  })
  assert.equal(log.count('runner-lost'), played)
  assert.equal(resultOf(await sh('echo again'))['stdout'], 'again\n')
})

test('when the runner dies, what has a deadline is dead long before it', linux, async t => {
  const { sh, executors, directory, pidIn: pidOf } = scene(t)
  await sh('true')
  const end = inMs(5_000)
  const outcome = sh(stubborn(`${directory}/a`), { until: end })
  const pid = await pidOf('a')
  process.kill(Number(executors.runnerPid()), 'SIGKILL')
  await untilDead(pid)
  assert.ok(performance.now() < end)
  assert.equal(failureOf(await outcome).code, 'RUNNER_LOST')
})

test('a daemon that is frozen holds no command past the end of its last renewal', linux, async t => {
  const { directory } = scene(t)
  const leaseMs = 2_500
  await inTime(t, async turn => {
    const files = ['a', 'b'].map(name => join(directory, `${name}${turn}`))
    const scripts = files.map((file, i) => (i === 0 ? stubborn : stray)(file))
    const { pid, lines, renewals } = await leaseholder(t, directory, leaseMs, 200, scripts)
    const pids = await Promise.all(files.map(pidIn))
    const lived = renewals()
    await until('it has outlived its first lease', () => renewals() > lived + (2 * leaseMs) / 200)
    assert.ok(pids.every(isAlive))
    const frozen = performance.now()
    process.kill(pid, 'SIGSTOP')
    for (const each of pids) await untilDead(each)
    const late = performance.now() - frozen - leaseMs
    process.kill(pid, 'SIGCONT')
    await until('both outcomes are told', () => lines.filter(line => line.includes('FENCED')).length === 2)
    return late
  })
})

test('a whole tree that was frozen past the deadline is dead a moment after it wakes', linux, async t => {
  const { directory } = scene(t)
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`)
  const scripts = names.map((name, i) => (i < 2 ? stray : stubborn)(join(directory, name)))
  const leaseMs = 2_500
  const { pid, runner, lines } = await leaseholder(t, directory, leaseMs, 100, scripts)
  const pids = await Promise.all(names.map(name => pidIn(join(directory, name))))
  const groups = [...new Set(pids.map(groupOf))]
  process.kill(pid, 'SIGSTOP')
  process.kill(runner, 'SIGSTOP')
  const frozen = performance.now()
  for (const group of groups) process.kill(-group, 'SIGSTOP')
  await until('the deadline is past', () => performance.now() > frozen + leaseMs + 200)
  assert.ok(pids.every(isAlive))
  // The worst order: the commands first, then the daemon, which would renew, and the runner last.
  const woken = performance.now()
  for (const group of groups) process.kill(-group, 'SIGCONT')
  process.kill(pid, 'SIGCONT')
  process.kill(runner, 'SIGCONT')
  for (const each of pids) await untilDead(each)
  const ms = performance.now() - woken
  t.diagnostic(`20 commands, 2 of them strayed, dead ${ms.toFixed(0)} ms after SIGCONT`)
  assert.ok(ms < 2_000, `${ms}`)
  await until('every outcome is told', () => lines.filter(line => line.includes('FENCED')).length === 20)
})

test('a hundred commands whose rights end in one moment are dead in time', linux, async t => {
  const { sh, directory, pidIn: pidOf } = scene(t)
  await sh('true')
  await inTime(t, async turn => {
    const end = inMs(6_000)
    const outcomes = Array.from({ length: 100 }, (_, i) =>
      sh(stubborn(`${directory}/${turn}-${i}`), { until: end, attempt: i + 1 }),
    )
    const pids = await Promise.all(outcomes.map((_, i) => pidOf(`${turn}-${i}`)))
    for (const pid of pids) await untilDead(pid)
    const late = performance.now() - end
    for (const outcome of outcomes) assert.equal(failureOf(await outcome).code, 'FENCED')
    t.diagnostic(`the last outcome was told ${Math.round(end - performance.now())} ms before the end`)
    return late
  })
})

/** Number of the process group that a process is in. */
function groupOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
}
