import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import { Cluster } from './cluster.ts'
import { Findings } from './findings.ts'
import { Promised } from './promised.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { shapeOf } from './shape.ts'

/** A cluster that runs, and what is promised in it. */
function promisedIn(given: Partial<Schedule>) {
  const schedule = { ...makeSchedule(shapeOf(3, { mode: 'quorum', nodes: 3 })), ...given }
  const grants = { mode: 'quorum', voters: ['n1', 'n2', 'n3'].map(asNodeId) } as const
  const cluster = new Cluster({ seed: 1, hosts: schedule.hosts, list: [], grants })
  const findings = new Findings(() => cluster.world.now)
  for (const host of cluster.world.hosts) cluster.world.start(host)
  cluster.world.runUntil(1_000)
  return { cluster, findings, promised: new Promised(cluster, schedule, findings) }
}

test('keys with a prefix in available mode are promised nothing, and in available mode no key is', () => {
  const { promised } = promisedIn({ modes: [{ prefix: 'key 1', mode: 'available' }] })
  assert.equal(promised.isQuorum('key 12'), false)
  assert.equal(promised.isKept('key 12'), false)
  assert.equal(promised.isQuorum('key 2'), true)
  assert.equal(promised.isKept('key 2'), true)
  assert.equal(promisedIn({ mode: 'available' }).promised.isQuorum('key 2'), false)
})

test('whoever says that something may be lost is believed where the disk was lost or was given up, and else not', () => {
  const { cluster, findings, promised } = promisedIn({})
  const [n1, n2] = cluster.world.hosts
  const process = n1?.process ?? assert.fail('n1 runs')
  const fields = { term: 1, ring: 'r', forgotten: ['n2'] }
  const says = { kind: 'log', level: 'error', event: 'may-have-lost', fields } as const
  assert.ok(n2 !== undefined)
  cluster.world.powerOff(n2)
  n2.disk.wipe()
  promised.effect(process, says)
  const before = findings.violation
  assert.equal(before, undefined)
  promised.input({
    kind: 'control',
    id: asRequestId('f1'),
    request: { kind: 'forget', node: asNodeId('n1') },
  })
  promised.effect(process, { ...says, fields: { ...fields, forgotten: ['n1', 'n2'] } })
  const after = findings.violation
  assert.equal(after, undefined, 'one that an operator gave up may come back with its disk')
  promised.effect(process, { ...says, fields: { ...fields, forgotten: ['n2', 'n3'] } })
  assert.equal(findings.violation?.invariant, 'what may be lost was lost')
})
