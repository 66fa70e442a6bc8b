/** What must be so at the end, on histories that are wrong, and on those beside them that are right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { type Belief, Cluster, makeSpec } from './cluster.ts'
import { EndChecks } from './end-checks.ts'
import { Findings } from './findings.ts'
import { Promised } from './promised.ts'
import { makeSchedule } from './schedule.ts'
import { shapeOf } from './shape.ts'
import { TaskJudge } from './task-judge.ts'
import type { Host } from './world.ts'

const NAMES = ['n1', 'n2', 'n3'].map(asNodeId)
const ID = asTaskId('accepted')
const READY = freshRecord({ ...makeSpec(ID, 1), key: 'key 1' }, 'api', wallOf(1_000), NAMES, 1)
const DONE: TaskRecord = { ...READY, revision: 3, state: 'succeeded', settledAt: wallOf(4_000) }

/** The third node goes by another ring, of the same members. */
class Apart extends Cluster {
  override belief(host: Host): Belief | undefined {
    const belief = super.belief(host)
    return belief && host.name === 'n3' ? { ...belief, ringChecksum: 'another' } : belief
  }
}

/** Three nodes that agree, and what looks at them at the end. */
function scene(mode: 'quorum' | 'available', Made: typeof Cluster = Cluster) {
  const drawn = makeSchedule(shapeOf(3, { mode, nodes: 3, extras: 'none' }))
  const work = { ...drawn.work, forgetful: false }
  const schedule = { ...drawn, durability: 2 as const, modes: [], listTasks: 0, work }
  const hosts = NAMES.map(() => ({ seeds: [0, 1, 2] }))
  const grants = mode === 'quorum' ? { mode, voters: NAMES } : {}
  const cluster = new Made({ seed: 1, hosts, list: [], grants })
  const { world } = cluster
  const findings = new Findings(() => world.now)
  for (const host of world.hosts) world.start(host)
  world.runUntil(12_000)
  const promised = new Promised(cluster, schedule, findings)
  const parts = { cluster, schedule, findings, promised }
  const end = new EndChecks(parts, new TaskJudge(parts))
  /** Puts the record, or that there is none, on the disks in turn. */
  const put = (...rows: readonly (TaskRecord | undefined)[]): void => {
    for (const [index, value] of rows.entries())
      world.hosts[index]?.disk.apply([{ table: 'tasks', key: ID, value }] as never)
  }
  const accepted = (...on: readonly number[]): void => {
    const disks = world.hosts.filter(({ index }) => on.includes(index))
    end.accepted({ task: ID, key: READY.spec.key, disks })
  }
  const found = (): string | undefined => {
    end.check()
    return findings.violation?.invariant
  }
  return { world, put, accepted, found }
}

test('what was accepted is forgotten when no disk has it', () => {
  const { put, accepted, found } = scene('quorum')
  put(DONE, DONE)
  accepted(0, 1)
  assert.equal(found(), undefined)
  put(undefined, DONE)
  assert.equal(found(), undefined, 'one disk has it')
  put(undefined, undefined)
  assert.equal(found(), 'nothing accepted is forgotten')
})

test('it is when one disk was lost of the two that had it, and not when both were', () => {
  const one = scene('quorum')
  one.put(DONE, DONE)
  one.accepted(0, 1)
  one.put(undefined)
  one.world.hosts[1]?.disk.wipe()
  assert.equal(one.found(), 'nothing accepted is forgotten')
  const both = scene('quorum')
  both.put(DONE, DONE)
  both.accepted(0, 1)
  for (const { disk } of both.world.hosts.slice(0, 2)) disk.wipe()
  assert.equal(both.found(), undefined)
})

test('what was accepted is lost when it lies there and has not succeeded', () => {
  for (const mode of ['quorum', 'available'] as const) {
    const { put, accepted, found } = scene(mode)
    put(READY, DONE, READY)
    accepted(0, 1)
    assert.equal(found(), undefined, 'one knows that it has')
    put(READY, READY)
    assert.equal(found(), 'nothing accepted is lost', mode)
  }
})

test('in available mode it is lost when no disk has it, unless one of those that had it was lost', () => {
  const { put, accepted, found } = scene('available')
  put(DONE)
  accepted(0)
  assert.equal(found(), undefined)
  put(undefined)
  assert.equal(found(), 'nothing accepted is lost')
  const excused = scene('available')
  excused.put(DONE)
  excused.accepted(0)
  excused.world.hosts[0]?.disk.wipe()
  assert.equal(excused.found(), undefined)
})

test('nodes that count the same members and have not the same ring are found', () => {
  assert.equal(scene('available').found(), undefined)
  const { world, found } = scene('available', Apart)
  assert.equal(found(), 'one ring')
  const stopped = scene('available', Apart)
  const third = stopped.world.hosts[2] ?? assert.fail('n3 is there')
  stopped.world.powerOff(third)
  stopped.world.runUntil(world.now + 20_000)
  assert.equal(stopped.found(), undefined, 'who does not run has none')
})
