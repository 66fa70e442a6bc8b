import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf } from '../../src/base/time.ts'
import type { AttemptOrder } from '../../src/node/machine.ts'
import type { Outcome } from '../../src/tasks/task.ts'
import { HostClock } from './clock.ts'
import { Collector } from './collector.ts'
import { Executor } from './executor.ts'
import { EventQueue } from './queue.ts'

/** One host whose attempts take ten seconds, with a daemon that notes how they ended. */
class Scene {
  readonly queue = new EventQueue()
  readonly clock: HostClock
  readonly collector = new Collector(() => this.queue.now)
  readonly executor: Executor
  readonly told: { at: number; outcome: Outcome }[] = []

  constructor(rate = 1) {
    const { queue, collector } = this
    this.clock = new HostClock({ offsetMs: 1_000, rate, wallOffsetMs: 0 })
    this.executor = new Executor({ queue, clock: this.clock, random: new Random(7), collector })
    this.executor.setTakesMs(10_000, 10_000)
    this.executor.daemonStarted()
  }

  /** @param forMs local ms for which there is a right to run */
  start(type: 'exec' | 'echo', forMs?: number): void {
    const until = forMs === undefined ? {} : { until: instantOf(this.clock.monoAt(this.queue.now) + forMs) }
    const order: AttemptOrder = {
      ...{ task: asTaskId('t'), key: 'k', type, payload: null, attempt: 1, node: asNodeId('n1') },
      ...{ timeoutMs: 60_000, token: { value: '1', safe: true }, ...until },
    }
    this.executor.execute(0, 1, order, outcome => this.told.push({ at: this.queue.now, outcome }))
  }

  codes(): string[] {
    return this.told.map(({ outcome }) => (outcome.ok ? 'ok' : outcome.error.code))
  }

  /** When what ran was dead, in virtual ms. */
  endedAt(): number {
    return this.collector.runs[0]?.endedAt ?? Number.POSITIVE_INFINITY
  }
}

const ATTEMPT = [{ task: asTaskId('t'), attempt: 1 }]

test('an attempt without a deadline runs to its end', () => {
  const scene = new Scene()
  scene.start('exec')
  scene.queue.runUntil(20_000)
  assert.deepEqual(scene.codes(), ['ok'])
  assert.equal(scene.endedAt(), 10_000)
})

test('an attempt is dead before its deadline, on the clock of its host', () => {
  for (const type of ['exec', 'echo'] as const) {
    for (const rate of [0.9, 1, 1.1]) {
      const scene = new Scene(rate)
      scene.start(type, 2_000)
      scene.queue.runUntil(20_000)
      assert.deepEqual(scene.codes(), ['FENCED'])
      assert.ok(scene.endedAt() * rate < 2_000 && scene.endedAt() * rate >= 1_500, `${scene.endedAt()}`)
    }
  }
})

test('an extended right keeps the attempt alive', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  for (let at = 500; at < 10_000; at += 500) {
    scene.queue.runUntil(at)
    scene.executor.extend(ATTEMPT, instantOf(scene.clock.monoAt(at) + 2_000))
  }
  scene.queue.runUntil(20_000)
  assert.deepEqual(scene.codes(), ['ok'])
})

test('the runner keeps the deadline of a command while the daemon stands still', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(100)
  scene.executor.freezeDaemon()
  scene.queue.runUntil(5_000)
  assert.ok(scene.endedAt() < 2_000)
})

test('what runs inside a frozen daemon does nothing meanwhile, and is over when the daemon thaws too late', () => {
  const scene = new Scene()
  scene.start('echo', 2_000)
  scene.queue.runUntil(100)
  scene.executor.freezeDaemon()
  assert.deepEqual(scene.collector.executing('k'), [])
  scene.queue.runUntil(5_000)
  assert.equal(scene.endedAt(), Number.POSITIVE_INFINITY)
  scene.executor.thawDaemon()
  assert.equal(scene.endedAt(), 5_000)
  assert.deepEqual(scene.codes(), ['FENCED'])
})

test('a frozen runner is stood in for by the daemon, before the deadline', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(100)
  scene.executor.freezeRunner()
  scene.queue.runUntil(5_000)
  assert.ok(scene.endedAt() < 2_000 && scene.endedAt() > 1_800)
  assert.deepEqual(scene.codes(), ['RUNNER_LOST'])
  assert.equal(scene.executor.counts.standIns, 1)
})

test('a killed runner takes its attempts along, and says so', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(100)
  assert.equal(scene.executor.killRunner(), true)
  assert.equal(scene.endedAt(), 100)
  assert.deepEqual(scene.codes(), ['RUNNER_LOST'])
})

test('after kill -9 of the daemon the runner reaps soon, and only then lets go of the lock', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.start('echo', 2_000)
  scene.queue.runUntil(100)
  let releasedAt = 0
  scene.executor.daemonDied('killed', 0, () => {
    releasedAt = scene.queue.now
  })
  assert.equal(scene.executor.locked, true)
  scene.queue.runUntil(200)
  assert.ok(releasedAt > 100 && releasedAt <= 120, `${releasedAt}`)
  assert.equal(scene.executor.locked, false)
  assert.deepEqual(scene.codes(), [])
})

test('while the runner stands still it does not reap, and where a refusal is trusted that is excepted', () => {
  const excepted = (exceptMs: number): boolean => {
    const scene = new Scene()
    scene.start('exec', 4_000)
    scene.queue.runUntil(100)
    scene.executor.freezeRunner()
    scene.executor.daemonDied('killed', exceptMs, () => {})
    scene.queue.runUntil(2_000)
    assert.equal([...scene.collector.running()].length, 1)
    return scene.collector.executing('k').length === 0
  }
  assert.equal(excepted(21), true)
  assert.equal(excepted(0), false, 'nobody else acts before the lease is over')
})

test('a frozen tree may run on for a moment after it thaws, and that is excepted', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(100)
  scene.executor.freezeDaemon()
  scene.executor.freezeRunner()
  scene.executor.freezeChildren()
  assert.deepEqual([...scene.collector.running()], [])
  scene.queue.runUntil(9_000)
  scene.executor.thawChildren()
  assert.equal([...scene.collector.running()].length, 1)
  assert.deepEqual(scene.collector.executing('k'), [])
  scene.queue.runUntil(9_040)
  scene.executor.thawRunner()
  scene.executor.thawDaemon()
  assert.equal(scene.endedAt(), 9_040)
  assert.deepEqual(scene.codes(), ['FENCED'])
})

test('so is what outlives its right only since nobody is awake yet that could kill it', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(100)
  scene.executor.freezeDaemon()
  scene.executor.freezeRunner()
  scene.executor.freezeChildren()
  scene.queue.runUntil(1_980)
  scene.executor.thawChildren()
  scene.queue.runUntil(2_010)
  assert.equal([...scene.collector.running()].length, 1)
  assert.deepEqual(scene.collector.executing('k'), [])
  scene.queue.runUntil(2_020)
  scene.executor.thawRunner()
  assert.equal(scene.endedAt(), 2_020)
})

test('a right that is about to end starts nothing', () => {
  const scene = new Scene()
  scene.start('exec', 400)
  scene.queue.runUntil(1_000)
  assert.deepEqual(scene.codes(), ['FENCED'])
  assert.deepEqual(scene.collector.runs, [])
})

test('a cancelled command is dead within the grace of SIGTERM', () => {
  const scene = new Scene()
  scene.start('exec')
  scene.executor.cancel(asTaskId('t'), 1)
  scene.queue.runUntil(600)
  assert.deepEqual(scene.codes(), ['CANCELLED'])
})

test('the deadlines of a suspended host wait with its clock', () => {
  const scene = new Scene()
  scene.start('exec', 2_000)
  scene.queue.runUntil(1_400)
  scene.clock.suspend(1_400)
  scene.executor.freezeDaemon()
  scene.executor.freezeRunner()
  scene.executor.freezeChildren()
  scene.queue.runUntil(6_000)
  assert.ok(scene.queue.ran < 20, `${scene.queue.ran} events`)
  scene.clock.resume(6_000)
  scene.executor.thawChildren()
  scene.executor.thawRunner()
  scene.executor.thawDaemon()
  scene.queue.runUntil(20_000)
  assert.ok(scene.endedAt() > 6_100 && scene.endedAt() < 6_600, `${scene.endedAt()}`)
})
