import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderSpec } from '../../../src/tasks/schedules/orders.ts'
import { scheduleIdOf } from '../../../src/tasks/schedules/state.ts'
import { Cluster } from '../cluster.ts'
import { names, ringOf } from '../samples.ts'
import { definition } from './samples.ts'

test('why nothing is made of a schedule is told alike by any node that is asked for it', () => {
  const cluster = new Cluster()
  cluster.start(names(3))
  cluster.until(() => cluster.quiet())
  const name = ['a', 'b', 'c', 'd', 'e', 'f'].find(each => ringOf(names(3)).owner(each) === 'n2') ?? ''
  const put = { op: 'put', definition: definition(name, { everyMs: 60_000 }) } as const
  assert.ok(cluster.ask('n1', { kind: 'submit', spec: orderSpec(name, put) }).ok)
  cluster.pass(1_000)
  const waits = (face: string): string | undefined => {
    const reply = cluster.ask(face, { kind: 'get', task: scheduleIdOf(name) })
    return reply.ok ? reply.waits : reply.failure.code
  }
  assert.deepEqual(names(3).map(waits), [undefined, undefined, undefined], 'its slots are made')
  const paused = cluster.ask('n3', { kind: 'submit', spec: orderSpec(name, { op: 'pause' }) })
  assert.ok(paused.ok && paused.waits === 'it is paused')
  cluster.pass(1_000)
  const same = Array(3).fill('it is paused')
  assert.deepEqual(names(3).map(waits), same)
})
