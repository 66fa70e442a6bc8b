/** The judge of tasks that share an id, on histories that are wrong, and on those beside them that are right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { Cluster, makeSpec } from './cluster.ts'
import { Findings } from './findings.ts'
import { Promised } from './promised.ts'
import { makeSchedule } from './schedule.ts'
import { shapeOf } from './shape.ts'
import { TwinJudge } from './twin-judge.ts'

const NAMES = ['n1', 'n2', 'n3'].map(asNodeId)
const ID = asTaskId('twin-0')
const REQUEST = asRequestId('w1')

/** Three nodes that run, and a record of one id under each of two keys. */
function scene() {
  const shape = shapeOf(3, { mode: 'quorum', nodes: 3, extras: 'none' })
  const drawn = makeSchedule(shape)
  const schedule = { ...drawn, durability: 2 as const, modes: [], work: { ...drawn.work, forgetful: false } }
  const hosts = NAMES.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 1, hosts, list: [], grants: { mode: 'quorum', voters: NAMES } })
  const findings = new Findings(() => cluster.world.now)
  for (const host of cluster.world.hosts) cluster.world.start(host)
  cluster.world.runUntil(8_000)
  const promised = new Promised(cluster, schedule, findings)
  const judge = new TwinJudge({ cluster, schedule, findings, promised })
  const recordOf = (key: string): TaskRecord => ({
    ...freshRecord({ ...makeSpec(ID, 1), key }, 'api', wallOf(1_000), NAMES, 1),
    term: 5,
  })
  const [ours, other] = [recordOf('key 1'), recordOf('key 2')]
  const owner = cluster.world.hosts.find(host => cluster.nodeOf(host)?.ring.owner('key 1') === host.name)
  const by = owner?.process ?? assert.fail('somebody owns the key')
  judge.input(REQUEST, { kind: 'request', id: REQUEST, request: { kind: 'submit', spec: ours.spec } })
  return { cluster, judge, findings, ours, other, by }
}

/** Puts a record, or that there is none, on disks. */
const put = (cluster: Cluster, ...rows: (TaskRecord | undefined)[]): void => {
  for (const [index, value] of rows.entries())
    cluster.world.hosts[index]?.disk.apply([{ table: 'tasks', key: ID, value }] as never)
}

test('two copies that are told are not there where one disk has the other task of the id', () => {
  const { cluster, judge, findings, ours, other, by } = scene()
  put(cluster, ours, other, undefined)
  judge.replied(by, {
    kind: 'reply',
    id: REQUEST,
    reply: { ok: true, record: ours, existed: false, durableCopies: 2 },
  })
  assert.equal(findings.violation?.invariant, 'as many disks as were told')
})

test('what is handed on was true when its owner said it: the keys may be those of the other node by now', () => {
  const { cluster, judge, findings, ours, by } = scene()
  put(cluster, ours, ours, undefined)
  const reply = { ok: true, record: ours, existed: false, durableCopies: 2 } as const
  const handing =
    cluster.world.hosts.find(({ process }) => process !== by)?.process ?? assert.fail('others run')
  const found = (): string | undefined => findings.violation?.invariant
  judge.answers(by, ours, 2)
  put(cluster, undefined, undefined, ours)
  judge.replied(by, { kind: 'reply', id: REQUEST, reply })
  assert.equal(found(), undefined, 'the answer waited for a disk')
  judge.answers(handing, ours, 2)
  assert.equal(found(), undefined, 'it is not the owner')
  judge.answers(by, ours, 2)
  assert.equal(found(), 'as many disks as were told')
})

test('what was accepted is not there in the end where the other task of its id is, and is where its own record is', () => {
  const { cluster, judge, findings, ours, other, by } = scene()
  put(cluster, ours, ours, other)
  judge.replied(by, {
    kind: 'reply',
    id: REQUEST,
    reply: { ok: true, record: ours, existed: false, durableCopies: 2 },
  })
  judge.checkEnd()
  const before = findings.violation
  assert.equal(before, undefined)
  put(cluster, other, other, other)
  judge.checkEnd()
  assert.equal(findings.violation?.invariant, 'nothing accepted is forgotten')
})

test('whoever sends one of them is not answered with the other', () => {
  const { cluster, judge, findings, other, by } = scene()
  put(cluster, other, other, undefined)
  judge.replied(by, {
    kind: 'reply',
    id: REQUEST,
    reply: { ok: true, record: other, existed: true, durableCopies: 2 },
  })
  assert.equal(findings.violation?.invariant, 'one name is one task')
})
