import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { Priority, TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { type Host, metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'

/** `SEED=7 SEEDS=7` replays one; `SEEDS=4000` takes a few minutes. */
const FIRST = Number(process.env['SEED'] ?? 1)
const SEEDS = Number(process.env['SEEDS'] ?? 60)
const NODES = names(5)

/** One thing goes wrong, or right again. */
function disturb(cluster: Cluster, random: Random): void {
  const living = cluster.living.map(host => host.id)
  const dead = NODES.filter(name => !living.includes(name as NodeId))
  const choice = random.below(5)
  if (choice === 0 && living.length > 2) cluster.kill(random.pick(living) as string)
  else if (choice === 1 && dead.length > 0) {
    const name = random.pick(dead) as string
    cluster.boot(name)
    cluster.agree([0, 60])
    cluster.pass(61)
    if (cluster.host(name).alive) cluster.open(name)
  } else if (choice === 2) cluster.cut.add(`${random.pick(NODES)} ${random.pick(NODES)}`)
  else if (choice === 3) cluster.cut.clear()
  else cluster.commitMs = random.chance(0.3) ? [50, 200] : [0.5, 4]
  cluster.agree([0, 60])
  cluster.pass(random.between(5, 300))
}

/** Everybody is there again, sees everybody, and hears everybody. */
function heal(cluster: Cluster): void {
  cluster.cut.clear()
  cluster.commitMs = [0.5, 4]
  for (const name of NODES) if (!cluster.host(name).alive) cluster.boot(name)
  cluster.agree([0, 60])
  cluster.pass(61)
  for (const name of NODES) cluster.open(name)
}

function assertCounts({ id, machine }: Host): void {
  const counts = machine.counts()
  const all = machine.page({ scope: 'all', limit: 1_000 }).tasks
  const ring = ringOf(NODES)
  for (const [state, count] of Object.entries(counts.owned)) {
    const found = all.filter(record => record.state === state && ring.owner(record.spec.key) === id)
    assert.equal(count, found.length, `${id} counts what it owns in state ${state}`)
  }
  const held = all.filter(record => record.revision > 0 && ring.owner(record.spec.key) !== id)
  assert.equal(counts.held, held.length, `${id} counts what it holds`)
}

interface Asked {
  readonly task: TaskSpec
  readonly id: string
  readonly host: Host
  readonly life: number
}

/** Submits to random faces while things fail. */
function stir(cluster: Cluster, random: Random, seed: number): Asked[] {
  const asked: Asked[] = []
  for (let round = 0; round < 12; round++) {
    const host = random.pick(cluster.living) as Host
    const { life } = host
    for (let i = 0; i < 8; i++) {
      const task = spec(`s${seed}-${round}-${i}`, { key: `k${random.below(40)}`, maxAttempts: 50 })
      asked.push({ task, id: cluster.request(host.id, { kind: 'submit', spec: task }), host, life })
    }
    disturb(cluster, random)
  }
  return asked
}

/** Three nodes lost make a poison letter; that is an end too. */
function assertEnded(cluster: Cluster, { id, key }: TaskSpec): void {
  const record = cluster.atOwner(id, key)
  const lost = record?.attempts.filter(attempt => attempt.outcome === 'lost').length ?? 0
  const ran = cluster.runsOf(id).some(run => run.outcome?.ok)
  assert.ok(lost >= 3 || (record?.state === 'succeeded' && ran), `${id} is ${record?.state}`)
  for (const node of ringOf(NODES).preferenceList(key, 3)) {
    assert.equal(cluster.host(node).disk.get(id)?.state, record?.state, `${node} holds ${id}`)
  }
}

function assertIdle(host: Host): void {
  assertCounts(host)
  for (const name of [
    'tasks_queued',
    'tasks_gated',
    'tasks_elsewhere',
    'requests_in_flight_to_peers',
    'records_unsafe',
  ]) {
    assert.equal(metric(host, name), 0, `${host.id} ${name}`)
  }
}

function storm(seed: number): void {
  const random = new Random(seed)
  const cluster = new Cluster({
    seed,
    run: (_, draw) => ({ ms: draw.between(1, 150), outcome: { ok: true, result: 1 } }),
  })
  const listed = specs(60, 'listed').map((task, i) => ({
    ...task,
    maxAttempts: 50,
    priority: (i % 4) as Priority,
  }))
  cluster.list('work', listed)
  cluster.start(NODES)
  const asked = stir(cluster, random, seed)
  heal(cluster)
  const accepted = asked.filter(({ id }) => cluster.reply(id)?.ok).map(({ task }) => task)
  assert.ok(accepted.length > 20, `accepted only ${accepted.length}`)
  cluster.until(() => cluster.allSettled([...listed, ...accepted]), 120_000)
  cluster.until(() => cluster.quiet() && cluster.living.every(host => metric(host, 'tasks_running') === 0))
  cluster.pass(10_000)
  for (const task of [...listed, ...accepted]) assertEnded(cluster, task)
  for (const host of cluster.living) assertIdle(host)
  for (const { id, host, life } of asked) {
    assert.ok(host.life !== life || cluster.reply(id) !== undefined, `who still lives has answered ${id}`)
  }
}

test('whatever fails, every accepted task ends once things are well again', () => {
  for (let seed = FIRST; seed <= SEEDS; seed++) {
    try {
      storm(seed)
    } catch (cause) {
      throw new Error(`replay with SEED=${seed} SEEDS=${seed}`, { cause })
    }
  }
})
