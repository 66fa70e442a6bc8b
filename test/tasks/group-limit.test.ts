import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupKey } from '../../src/tasks/spec.ts'
import { Cluster } from './cluster.ts'
import { names, spec } from './samples.ts'

/** Nodes with tasks of one group, and the most of it that ever ran at one time on all living nodes together. */
function made(limit: number, seed: number) {
  const most = { running: 0 }
  const cluster: Cluster = new Cluster({
    seed,
    config: { concurrency: 8, inventoryMs: 2_000 },
    run: ({ key }, random) => {
      const others = cluster.living.flatMap(({ attempts }) => [...attempts.values()])
      const running = 1 + others.filter(({ order }) => order.key === key).length
      most.running = Math.max(most.running, running)
      return { ms: random.between(5, 400), outcome: { ok: true, result: 'done' } }
    },
  })
  const of = { key: groupKey('g'), group: 'g', groupLimit: limit, concurrent: true, maxAttempts: 20 } as const
  const tasks = Array.from({ length: 40 }, (_, i) => spec(`t${i}`, of))
  cluster.start(names(4))
  cluster.list('work', tasks)
  return { cluster, tasks, most }
}

/** One thing that happens to the cluster; what cannot happen does not. */
function befall(what: 'kill' | 'boot' | 'wait', which: number, cluster: Cluster): void {
  const { living } = cluster
  const dead = [...cluster.hosts.values()].filter(host => !host.alive)
  if (what === 'kill' && living.length > 1) {
    cluster.kill(living[which % living.length]?.id ?? '')
    cluster.agree([0, 20])
  } else if (what === 'boot' && dead.length > 0) {
    const host = cluster.boot(dead[which % dead.length]?.id ?? '')
    cluster.agree([0, 20])
    cluster.pass(25)
    cluster.open(host.id)
  }
  cluster.pass(150 + which)
}

test('as many of a group run as its limit says, on one node', () => {
  const { cluster, tasks, most } = made(3, 1)
  cluster.until(() => cluster.allSettled(tasks))
  assert.equal(most.running, 3)
  assert.equal(new Set(cluster.executions.map(({ order }) => order.node)).size, 1)
})

test('no more of a group run in the whole cluster, whatever dies and comes back', () => {
  const happening = fc.record({
    what: fc.constantFrom('kill', 'kill', 'boot', 'wait'),
    which: fc.nat({ max: 200 }),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.array(happening, { minLength: 2, maxLength: 8 }),
      (limit, seed, script) => {
        const { cluster, tasks, most } = made(limit, seed)
        for (const { what, which } of script) befall(what as 'wait', which, cluster)
        cluster.until(() => cluster.allSettled(tasks), 600_000)
        assert.ok(most.running <= limit, `${most.running} of ${limit} ran at one time`)
      },
    ),
    { numRuns: 40 },
  )
})
