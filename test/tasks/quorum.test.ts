import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { AttemptOrder } from '../../src/tasks/effects.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Arbiter } from './arbiter.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'

/** `SEED=7 SEEDS=7` replays one. */
const FIRST = Number(process.env['SEED'] ?? 1)
const SEEDS = Number(process.env['SEEDS'] ?? 40)
const NODES = names(5)

/** A cluster in quorum mode in which no two nodes may ever run tasks of one key at one moment. */
function made(seed: number, ms: readonly [number, number]) {
  const arbiter = new Arbiter()
  let overlaps = 0
  const alone = ({ key, node }: AttemptOrder): boolean =>
    cluster.living.every(
      host => host.id === node || [...host.attempts.values()].every(({ order }) => order.key !== key),
    )
  const cluster: Cluster = new Cluster({
    seed,
    right: node => arbiter.right(node),
    claims: (host, kept, now) => {
      // The arbiter lives on the node of the lowest name, and sees what that node sees.
      if (cluster.living.every(({ id }) => id >= host.id)) arbiter.ring = host.ring
      arbiter.claims(host.id, host.ring, kept, now)
    },
    run: (order, random) => {
      if (!alone(order)) overlaps++
      return { ms: random.between(...ms), outcome: { ok: true, result: 1 } }
    },
  })
  return { cluster, arbiter, overlaps: () => overlaps }
}

const keyed = (count: number, keys: number, prefix: string): TaskSpec[] =>
  specs(count, prefix).map((task, i) => ({ ...task, key: `k${i % keys}`, maxAttempts: 2 }))

test('keys that move while their tasks run change hands without running anything twice', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { cluster, overlaps } = made(seed, [20, 400])
    // Slow enough that leave would often come before the news of how a task ended.
    cluster.commitMs = [5, 80]
    const list = keyed(240, 80, 'moving')
    cluster.list('work', list)
    cluster.start(NODES.slice(0, 3))
    cluster.pass(300)
    const settle = () => {
      cluster.pass(100)
      cluster.until(() => cluster.living.every(host => metric(host, 'keys_kept') === 0))
    }
    for (const name of NODES.slice(3)) {
      cluster.boot(name)
      cluster.agree([0, 40])
      cluster.pass(41)
      cluster.open(name)
      settle()
    }
    cluster.agree([0, 40], ['n1'])
    settle()
    const left = NODES.filter(name => name !== 'n1')
    cluster.until(() =>
      list.every(({ id, key }) => cluster.atOwner(id, key, ringOf(left))?.state === 'succeeded'),
    )
    assert.equal(overlaps(), 0)
    for (const { id } of list) assert.equal(cluster.runsOf(id).length, 1, `seed ${seed}: ${id} runs once`)
    assert.ok(cluster.living.some(host => metric(host, 'handoff_waits_total') > 0))
  }
})

/** Fails, heals, or cuts something. */
function disturb(cluster: Cluster, arbiter: Arbiter, random: Random): void {
  const living = cluster.living.map(host => host.id)
  const dead = NODES.filter(name => !living.includes(name as NodeId))
  const choice = random.below(6)
  if (choice === 0 && living.length > 3) cluster.kill(random.pick(living) as string)
  else if (choice === 1 && dead.length > 0) {
    const name = random.pick(dead) as string
    cluster.boot(name)
    cluster.agree([0, 60])
    cluster.pass(61)
    cluster.open(name)
  } else if (choice === 2) arbiter.cut.add(random.pick(NODES) as string)
  else if (choice === 3) arbiter.cut.clear()
  else if (choice === 4) cluster.cut.add(`${random.pick(NODES)} ${random.pick(NODES)}`)
  else cluster.commitMs = random.chance(0.3) ? [50, 900] : [0.5, 4]
  const leaving = random.chance(0.3) ? [random.pick(living) as string] : []
  cluster.agree([0, 200], leaving)
  cluster.pass(random.between(5, 1_500))
}

function storm(seed: number): void {
  const random = new Random(seed)
  const { cluster, arbiter, overlaps } = made(seed, [1, 900])
  const listed = keyed(60, 30, 'listed')
  cluster.list('work', listed)
  cluster.start(NODES)
  const asked: { readonly task: TaskSpec; readonly id: string }[] = []
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 6; i++) {
      const task = spec(`s${seed}-${round}-${i}`, { key: `k${random.below(30)}`, maxAttempts: 2 })
      asked.push({
        task,
        id: cluster.request(random.pick(cluster.living)?.id ?? '', { kind: 'submit', spec: task }),
      })
    }
    disturb(cluster, arbiter, random)
    assert.equal(overlaps(), 0, 'two nodes run tasks of one key')
  }
  heal(cluster, arbiter)
  const accepted = asked.filter(({ id }) => cluster.reply(id)?.ok).map(({ task }) => task)
  cluster.until(() => cluster.allSettled([...listed, ...accepted]), 120_000)
  assert.equal(overlaps(), 0)
  for (const { id, key } of [...listed, ...accepted]) {
    const record = cluster.atOwner(id, key)
    const lost = record?.attempts.filter(({ outcome }) => outcome === 'lost').length ?? 0
    assert.ok(record?.state === 'succeeded' || lost >= 2, `${id} is ${record?.state}`)
  }
  cluster.until(() => cluster.quiet())
  cluster.pass(5_000)
  for (const host of cluster.living) {
    for (const name of [
      'tasks_withheld',
      'keys_kept',
      'tasks_elsewhere',
      'submits_confirming',
      'tasks_running',
    ]) {
      assert.equal(metric(host, name), 0, `${host.id} ${name}`)
    }
  }
}

function heal(cluster: Cluster, arbiter: Arbiter): void {
  arbiter.cut.clear()
  cluster.cut.clear()
  cluster.commitMs = [0.5, 4]
  for (const name of NODES) if (!cluster.host(name).alive) cluster.boot(name)
  cluster.agree([0, 60])
  cluster.pass(61)
  for (const name of NODES) cluster.open(name)
}

test('whatever fails, no two nodes run tasks of one key at one moment, and all ends once things are well', () => {
  for (let seed = FIRST; seed <= SEEDS; seed++) {
    try {
      storm(seed)
    } catch (cause) {
      throw new Error(`replay with SEED=${seed} SEEDS=${seed}`, { cause })
    }
  }
})
