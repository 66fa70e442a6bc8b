/** In available mode nothing but its end says that a schedule was deleted, to whoever was away and has it still. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderSpec } from '../../../src/tasks/schedules/orders.ts'
import { scheduleIdOf } from '../../../src/tasks/schedules/state.ts'
import { Cluster } from '../cluster.ts'
import { names, ringOf, spec } from '../samples.ts'
import { definition } from './samples.ts'

const NODES = names(4)
const NAME = 'alpha'
const [OWNER = '', HEIR = '', THIRD = ''] = ringOf(NODES).preferenceList(NAME, 3)
const slots = (cluster: Cluster): number =>
  [...cluster.hosts.values()].flatMap(({ log }) => log.filter(({ event }) => event === 'slot-run')).length

for (const away of [OWNER, THIRD]) {
  const who = away === OWNER ? 'its owner' : 'a holder'
  test(`${who} that was away while it was deleted does not bring it back, however many tasks have ended since`, () => {
    const cluster = new Cluster({ seed: 3, config: { settledMax: 50 } })
    cluster.start(NODES)
    cluster.pass(300)
    const put = orderSpec(NAME, { op: 'put', definition: definition(NAME) })
    assert.ok(cluster.ask('n1', { kind: 'submit', spec: put }).ok)
    cluster.until(() => cluster.quiet() && slots(cluster) > 0)
    cluster.kill(away)
    cluster.agree()
    cluster.until(() => cluster.quiet())
    const gone = cluster.ask(HEIR, { kind: 'submit', spec: orderSpec(NAME, { op: 'delete' }) })
    assert.ok(gone.ok)
    const tasks = Array.from({ length: 400 }, (_, i) => spec(`t${i}`))
    for (const task of tasks) cluster.request(HEIR, { kind: 'submit', spec: task })
    cluster.until(() => tasks.every(({ id }) => cluster.runsOf(id).length > 0) && cluster.quiet())
    cluster.pass(1_000)
    const before = slots(cluster)
    cluster.boot(away)
    cluster.agree()
    cluster.open(away)
    cluster.until(() => cluster.quiet())
    if (away !== OWNER) {
      // Whoever takes over asks all for what they have.
      cluster.kill(OWNER)
      cluster.agree()
    }
    cluster.pass(5_000)
    assert.equal(slots(cluster), before)
    const states = cluster.living.flatMap(host => host.machine.get(scheduleIdOf(NAME))?.state ?? [])
    assert.deepEqual(new Set(states), new Set(['cancelled']))
  })
}
