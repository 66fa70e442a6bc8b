/** In available mode nodes that never held a schedule of the configuration begin it; what others knew of it counts all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSchedule, scheduleIdOf, slotTaskId } from '../../../src/tasks/schedules/state.ts'
import { Cluster } from '../cluster.ts'
import { names, ringOf } from '../samples.ts'
import { definition } from './samples.ts'

const NODES = names(6)
const NAME = 'alpha'
const HOLDERS: readonly string[] = ringOf(NODES).preferenceList(NAME, 3)
const everyMinute = definition(NAME, { everyMs: 60_000, catchUp: 'last' })

function begin(cluster: Cluster, nodes: readonly string[]): void {
  for (const node of nodes) cluster.boot(node)
  cluster.agree()
  for (const node of nodes) {
    cluster.host(node).machine.schedules.configured([everyMinute])
    cluster.open(node)
  }
}

test('after all were down no slot is missed unsaid, though nodes that never held the schedule come first', () => {
  const cluster = new Cluster({ seed: 3 })
  begin(cluster, NODES)
  cluster.pass(130_000)
  const before = cluster.atOwner(scheduleIdOf(NAME), NAME)
  assert.ok(before !== undefined && isSchedule(before))
  for (const node of NODES) cluster.kill(node)
  cluster.pass(150_000)
  begin(
    cluster,
    NODES.filter(node => !HOLDERS.includes(node)),
  )
  cluster.pass(5_000)
  begin(cluster, HOLDERS)
  cluster.pass(60_000)
  const after = cluster.atOwner(scheduleIdOf(NAME), NAME)
  assert.ok(after !== undefined && isSchedule(after))
  const { to, lately, made, missed } = after.schedule.decided
  const first = before.schedule.decided.to + 60_000
  const due = Array.from({ length: (to - first) / 60_000 + 1 }, (_, i) => first + i * 60_000)
  assert.ok(due.length >= 4)
  for (const slot of due) {
    const listed = lately.some(range => range.from <= slot && slot <= range.to)
    const task = cluster.atOwner(slotTaskId(NAME, slot), NAME)
    assert.equal(task !== undefined, !listed, new Date(slot).toISOString())
  }
  assert.equal(made + missed, before.schedule.decided.made + due.length)
})
