/**
 * Schedules over changes of owners: nodes are killed, come back, leave and are cut off, and every slot has one task in the end, or is
 * listed as missed. `SEED=7 SEEDS=7` replays one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId, type NodeId } from '../../../src/base/ids.ts'
import { Random } from '../../../src/base/random.ts'
import { instantOf, wallOf } from '../../../src/base/time.ts'
import { pageOf } from '../../../src/node/schedule-listing.ts'
import { orderSpec } from '../../../src/tasks/schedules/orders.ts'
import {
  isSchedule,
  type ScheduleRecord,
  scheduleIdOf,
  slotTaskId,
} from '../../../src/tasks/schedules/state.ts'
import { Arbiter } from '../arbiter.ts'
import { Cluster } from '../cluster.ts'
import { names, ringOf } from '../samples.ts'
import { definition } from './samples.ts'

const FIRST = Number(process.env['SEED'] ?? 1)
const SEEDS = Number(process.env['SEEDS'] ?? 12)
const WALL = 1_700_000_000_000
const NODES = names(6)
const NAMES = ['alpha', 'beta', 'gamma', 'delta']

function recordAt(cluster: Cluster, name: string): ScheduleRecord {
  const record = cluster.atOwner(scheduleIdOf(name), name)
  assert.ok(record !== undefined && isSchedule(record), `${name} is known to its owner`)
  return record
}

/**
 * Every slot of every second up to where they are decided has a task, or is listed. Never both, unless a node that was killed
 * may have brought back what it alone knew.
 */
function check(
  cluster: Cluster,
  name: string,
  from: number,
  seed: number,
  killed = false,
): { readonly made: number; readonly missed: number } {
  const { decided } = recordAt(cluster, name).schedule
  let [made, missed] = [0, 0]
  for (let slot = from + 1_000; slot <= decided.to; slot += 1_000) {
    const id = slotTaskId(name, slot)
    const task = cluster.atOwner(id, name)
    const listed = decided.lately.some(range => range.from <= slot && slot <= range.to)
    assert.ok(task !== undefined || listed, `seed ${seed}: ${id} is made or listed`)
    assert.ok(killed || task === undefined || !listed, `seed ${seed}: ${id} is not both`)
    if (task === undefined) missed++
    else made++
  }
  assert.ok(
    killed ? decided.missed >= missed : decided.missed === missed,
    `seed ${seed}: ${name} counts what it lists`,
  )
  return { made, missed }
}

test('in a quiet cluster every slot is made once, within its second, by the owner alone', () => {
  const cluster = new Cluster({ seed: 1 })
  cluster.start(NODES)
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  for (const name of NAMES) {
    const reply = cluster.ask('n1', {
      kind: 'submit',
      spec: orderSpec(name, { op: 'put', definition: definition(name) }),
    })
    assert.ok(reply.ok && !reply.existed && isSchedule(reply.record))
  }
  const from = WALL + cluster.now - (cluster.now % 1_000)
  cluster.pass(20_000)
  for (const name of NAMES) {
    const owner = ringOf(NODES).owner(name)
    const { made, missed } = check(cluster, name, from, 1)
    assert.ok(made >= 19 && missed === 0)
    for (const { order, startedAt } of cluster.executions.filter(run => run.order.key === name)) {
      assert.equal(order.node, owner)
      const slot = Date.parse(order.task.split('@')[1] ?? '')
      assert.ok(WALL + startedAt - slot < 200, `${order.task} starts ${WALL + startedAt - slot} ms late`)
      assert.equal(cluster.runsOf(order.task).length, 1)
    }
  }
})

test('a definition is held by the same nodes as its key, and any node finds it', () => {
  const cluster = new Cluster({ seed: 2 })
  cluster.start(NODES)
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  const id = scheduleIdOf('alpha')
  cluster.ask('n2', {
    kind: 'submit',
    spec: orderSpec('alpha', { op: 'put', definition: definition('alpha') }),
  })
  cluster.until(() => cluster.quiet())
  const holders = NODES.filter(name => cluster.host(name).disk.has(id))
  assert.deepEqual([...holders].sort(), [...ringOf(NODES).preferenceList('alpha', 3)].sort())
  for (const node of NODES) {
    const reply = cluster.ask(node, { kind: 'get', task: id })
    assert.ok(reply.ok && isSchedule(reply.record))
  }
  const paused = cluster.ask('n5', { kind: 'submit', spec: orderSpec('alpha', { op: 'pause' }) })
  assert.ok(paused.ok && isSchedule(paused.record) && paused.record.schedule.ordered.paused)
  const gone = cluster.ask('n4', { kind: 'submit', spec: orderSpec('alpha', { op: 'delete' }) })
  assert.ok(gone.ok && gone.record.state === 'cancelled')
  const again = cluster.ask('n3', { kind: 'submit', spec: orderSpec('alpha', { op: 'pause' }) })
  assert.equal(!again.ok && again.failure.code, 'SCHEDULE_UNKNOWN')
})

test('whoever lists its schedules by another ring than the one that asks can be told by that', () => {
  const cluster = new Cluster({ seed: 3 })
  cluster.start(NODES)
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  const put = { op: 'put', definition: definition('alpha', { everyMs: 60_000 }) } as const
  cluster.ask('n1', { kind: 'submit', spec: orderSpec('alpha', put) })
  cluster.until(() => cluster.quiet())
  const owner = ringOf(NODES).owner('alpha') as NodeId
  const others = NODES.filter(node => node !== owner).map(asNodeId)
  const page = (asked: readonly NodeId[]) => {
    const now = { mono: instantOf(cluster.now), wall: wallOf(WALL + cluster.now) }
    const query = { after: '', limit: 10 }
    const list = (node: NodeId) => cluster.host(node).machine.schedules.list(query, now)
    const told = new Map(asked.map(node => [node, list(node)]))
    const { schedules, unsure } = pageOf({ limit: 10, waiting: [], told })
    return [schedules.map(({ name }) => name), unsure]
  }
  assert.deepEqual(page([...others, owner]), [['alpha'], []])
  // It is cordoned and knows it, the others do not yet: what it owned is listed by nobody.
  cluster.show(owner, ringOf(others), NODES.map(asNodeId))
  cluster.pass(1_000)
  assert.deepEqual(page([...others, owner]), [[], [owner]])
  assert.deepEqual(page([owner, ...others]), [[], others])
  for (const node of others) cluster.show(node, ringOf(others), NODES.map(asNodeId))
  cluster.until(() => cluster.quiet())
  assert.deepEqual(page([...others, owner]), [['alpha'], []])
})

test('an owner that leaves or comes hands its schedules over: nothing is made twice or missed', () => {
  for (let seed = FIRST; seed < FIRST + 4; seed++) {
    const cluster = new Cluster({ seed })
    cluster.start(NODES.slice(0, 4))
    // Nobody says anything of a schedule before its takeover is complete.
    cluster.pass(300)
    for (const name of NAMES) {
      cluster.ask('n1', {
        kind: 'submit',
        spec: orderSpec(name, { op: 'put', definition: definition(name, { catchUp: 'all' }) }),
      })
    }
    const from = WALL + cluster.now - (cluster.now % 1_000)
    cluster.pass(5_300)
    for (const name of ['n5', 'n6']) {
      cluster.boot(name)
      cluster.agree([0, 40])
      cluster.pass(41)
      cluster.open(name)
      cluster.pass(4_000)
    }
    cluster.agree([0, 40], ['n1'])
    cluster.leave('n1')
    cluster.pass(5_000)
    cluster.kill('n1')
    cluster.agree([0, 40])
    cluster.pass(5_000)
    for (const name of NAMES) {
      const { missed } = check(cluster, name, from, seed)
      assert.equal(missed, 0, `seed ${seed}: ${name}`)
    }
    for (const { order } of cluster.executions) {
      assert.equal(cluster.runsOf(order.task).length, 1, `seed ${seed}: ${order.task} runs once`)
    }
  }
})

test('nothing is made of a gained schedule before its takeover is complete', () => {
  const cluster = new Cluster({ seed: 3, config: { inventoryMs: 8_000 } })
  cluster.start(NODES.slice(0, 3))
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  const put = orderSpec('alpha', { op: 'put', definition: definition('alpha', { catchUp: 'all' }) })
  cluster.ask('n1', { kind: 'submit', spec: put })
  cluster.pass(3_000)
  const ring = ringOf(NODES.slice(0, 3))
  const owner = ring.owner('alpha') as NodeId
  const heir = ringOf(NODES.slice(0, 3).filter(name => name !== owner)).owner('alpha') as NodeId
  const third = NODES.slice(0, 3).find(name => name !== owner && name !== heir) as string
  // The third does not answer the heir.
  cluster.cut.add(`${third} ${heir}`)
  cluster.kill(owner)
  const at = cluster.now
  cluster.agree()
  const runs = () => cluster.executions.filter(run => run.startedAt > at)
  cluster.pass(5_000)
  assert.deepEqual(runs(), [])
  const asked = cluster.ask(heir, { kind: 'submit', spec: orderSpec('alpha', { op: 'pause' }) })
  assert.equal(!asked.ok && asked.failure.code, 'TAKEOVER_INCOMPLETE', 'nor is it said not to be there')
  cluster.cut.clear()
  cluster.pass(5_000)
  assert.ok(runs().length >= 5)
})

/** Kills, revives, cuts off or heals; the arbiter of the right to act lives with the majority. */
function disturb(cluster: Cluster, arbiter: Arbiter, random: Random): void {
  const living = cluster.living.map(host => host.id)
  const dead = NODES.filter(name => !living.includes(asNodeId(name)))
  const choice = random.below(4)
  if (choice === 0 && living.length > 3 && arbiter.cut.size === 0) {
    cluster.kill(living[1 + random.below(living.length - 1)] as string)
    cluster.agree([0, 60])
  } else if (choice === 1 && dead.length > 0 && arbiter.cut.size === 0) {
    const name = dead[random.below(dead.length)] as string
    cluster.boot(name)
    cluster.agree([0, 60])
    cluster.pass(61)
    cluster.open(name)
  } else if (choice === 2 && arbiter.cut.size === 0 && living.length > 3) {
    partition(cluster, arbiter, living.slice(-2))
  } else if (arbiter.cut.size > 0) {
    arbiter.cut.clear()
    cluster.cut.clear()
    cluster.agree([0, 60])
  }
}

/** The smaller side keeps its ring and has no right to act; the larger one goes on without it. */
function partition(cluster: Cluster, arbiter: Arbiter, minority: readonly NodeId[]): void {
  const majority = cluster.living.map(host => host.id).filter(id => !minority.includes(id))
  for (const a of minority) {
    arbiter.cut.add(a)
    for (const b of majority) {
      cluster.cut.add(`${a} ${b}`)
      cluster.cut.add(`${b} ${a}`)
    }
  }
  for (const id of majority) cluster.show(id, ringOf(majority), majority, 30)
}

test('through kills, restarts and partitions in quorum mode each slot is made or listed, and no two nodes run one key at once', () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const random = new Random(seed * 7_919)
    const arbiter = new Arbiter()
    let together = 0
    const cluster: Cluster = new Cluster({
      seed,
      right: node => arbiter.right(node),
      claims: (host, kept, now) => {
        if (cluster.living.every(({ id }) => id >= host.id)) arbiter.ring = host.ring
        arbiter.claims(host.id, host.ring, kept, now)
      },
      run: (order, drawn) => {
        const others = cluster.living.filter(host => host.id !== order.node)
        if (others.some(host => [...host.attempts.values()].some(each => each.order.key === order.key)))
          together++
        return { ms: drawn.between(1, 300), outcome: { ok: true, result: 1 } }
      },
    })
    cluster.start(NODES)
    cluster.pass(300)
    const policies = ['none', 'last', 'all', 'all']
    for (const [i, name] of NAMES.entries()) {
      const one = definition(name, { catchUp: policies[i] })
      const reply = cluster.ask('n1', {
        kind: 'submit',
        spec: orderSpec(name, { op: 'put', definition: one }),
      })
      assert.ok(reply.ok, JSON.stringify(reply))
    }
    cluster.until(() => cluster.quiet())
    const from = Math.ceil((WALL + cluster.now) / 1_000) * 1_000
    for (let i = 0; i < 14; i++) {
      disturb(cluster, arbiter, random)
      cluster.pass(random.between(500, 6_000))
    }
    arbiter.cut.clear()
    cluster.cut.clear()
    cluster.agree([0, 40])
    cluster.pass(15_000)
    assert.equal(together, 0, `seed ${seed}`)
    for (const name of NAMES) {
      check(cluster, name, from, seed, true)
      assert.ok(
        recordAt(cluster, name).schedule.decided.to > WALL + cluster.now - 2_000,
        `seed ${seed}: ${name} goes on`,
      )
    }
    for (const { order } of cluster.executions) {
      const state = cluster.atOwner(order.task, order.key)?.state
      assert.ok(
        state !== undefined || cluster.host(order.node).alive === false,
        `seed ${seed}: ${order.task} is known`,
      )
    }
  }
})

test('the id of a slot is of its schedule alone: nobody else is given one, and the slot runs', () => {
  const cluster = new Cluster({ seed: 5 })
  cluster.start(NODES.slice(0, 3))
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  const taken = slotTaskId('alpha', WALL + 3_000)
  const owner = ringOf(NODES.slice(0, 3)).owner('alpha')
  const other = NODES.slice(0, 3).find(name => name !== owner)
  assert.ok(other)
  const own = {
    ...orderSpec('alpha', { op: 'pause' }),
    id: asTaskId(taken),
    type: 'echo',
    payload: 'mine',
    timeoutMs: 60_000,
  }
  const refused = cluster.ask(other, { kind: 'submit', spec: own })
  assert.equal(!refused.ok && refused.failure.code, 'TASK_INVALID')
  cluster.ask('n1', {
    kind: 'submit',
    spec: orderSpec('alpha', { op: 'put', definition: definition('alpha') }),
  })
  cluster.pass(6_000)
  assert.equal(cluster.runsOf(taken).length, 1)
  assert.equal(cluster.atOwner(taken, 'alpha')?.spec.payload, null)
})

test('one that is deleted is not looked at any more, however long its end is kept', () => {
  const cluster = new Cluster({ seed: 6 })
  cluster.start(NODES.slice(0, 3))
  // Nobody says anything of a schedule before its takeover is complete.
  cluster.pass(300)
  const put = orderSpec('alpha', { op: 'put', definition: definition('alpha') })
  const looked = () => NODES.slice(0, 3).map(node => cluster.host(node).machine.schedules.all.length)
  cluster.ask('n1', { kind: 'submit', spec: put })
  cluster.until(() => cluster.quiet())
  assert.deepEqual(looked(), [1, 1, 1])
  cluster.ask('n1', { kind: 'submit', spec: orderSpec('alpha', { op: 'delete' }) })
  cluster.until(() => cluster.quiet())
  assert.deepEqual(looked(), [0, 0, 0])
  assert.ok(recordAt(cluster, 'alpha').schedule.ordered.deleted)
  assert.equal(cluster.host('n1').machine.schedules.any, false)
  cluster.ask('n1', { kind: 'submit', spec: put })
  cluster.until(() => cluster.quiet())
  assert.deepEqual(looked(), [1, 1, 1])
})
