import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'

const succeeded = { ok: true, result: 'done' } as const

test('when a node is killed in the middle nothing is missed, and only what it had not told is run again', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const cluster = new Cluster({ seed })
    const list = specs(500)
    cluster.list('work', list)
    cluster.start(names(8))
    cluster.until(() => cluster.executions.filter(run => run.endedAt !== undefined).length >= 150)
    const at = cluster.now
    const told = new Set<string>()
    for (const host of cluster.living) {
      if (host.id === 'n3') continue
      for (const { spec: known, state } of host.disk.values()) if (state === 'succeeded') told.add(known.id)
    }
    const victim = cluster.kill('n3')
    cluster.agree([10, 60])
    cluster.until(() => cluster.allSettled(list))
    for (const task of list) assert.equal(cluster.atOwner(task.id, task.key)?.state, 'succeeded')
    for (const task of list) {
      const runs = cluster.runsOf(task.id)
      if (runs.length === 1) continue
      assert.equal(runs.length, 2, `${task.id} ran twice at most`)
      assert.equal(runs[0]?.order.node, victim.id, 'only what the victim ran is run again')
      const endedAt = runs[0]?.endedAt
      assert.ok(endedAt === undefined || !told.has(task.id), `${task.id} was known to be done`)
      // A completion is told once it is on disk: commit and frame take 7 ms at most here.
      assert.ok(
        endedAt === undefined || at - endedAt <= 7,
        `${task.id} was done ${at - (endedAt ?? 0)} ms before`,
      )
    }
    const first = cluster.executions.find(
      run => run.startedAt > at && ringOf(names(8)).owner(run.order.key) === 'n3',
    )
    assert.ok(
      first !== undefined && first.startedAt - at < 1_000,
      'its tasks start elsewhere within a second',
    )
  }
})

test('a killed node that comes back runs nothing again that is done', () => {
  for (const seed of [1, 2, 3]) {
    const cluster = new Cluster({ seed })
    const list = specs(400)
    cluster.list('work', list)
    cluster.start(names(5))
    cluster.until(() => cluster.executions.length >= 120)
    cluster.kill('n2')
    cluster.agree([10, 60])
    cluster.pass(60)
    const before = new Map(list.map(task => [task.id, cluster.runsOf(task.id).length]))
    cluster.boot('n2')
    cluster.agree([5, 40])
    cluster.pass(41)
    cluster.open('n2')
    cluster.until(() => cluster.allSettled(list))
    let more = 0
    for (const task of list) {
      const runs = cluster.runsOf(task.id)
      assert.ok(runs.length >= 1)
      if (runs.length > 1) assert.equal(runs[0]?.order.node, 'n2')
      if (runs.length > 1 && before.get(task.id) === runs.length) more++
    }
    assert.ok(more <= 20, `${more} tasks ran twice`)
  }
})

test('a node that joins takes its share and nothing is run twice', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const cluster = new Cluster({ seed })
    const list = specs(500)
    cluster.list('work', list)
    cluster.start(names(4))
    cluster.until(() => cluster.executions.length >= 150)
    cluster.boot('n5')
    cluster.agree([0, 80])
    cluster.pass(81)
    cluster.open('n5')
    cluster.until(() => cluster.allSettled(list))
    assert.equal(cluster.executions.length, 500)
    assert.ok(cluster.host('n5').machine.counts().started > 10)
  }
})

test('a key that moves while its task runs waits for the end of that run', () => {
  const cluster = new Cluster({ run: () => ({ ms: 30_000, outcome: succeeded }) })
  const before = ringOf(['n1', 'n2', 'n3'])
  const after = ringOf(names(4))
  const moved = specs(400).find(({ key }) => before.owner(key) === 'n1' && after.owner(key) === 'n4')
  assert.ok(moved)
  cluster.list('work', [moved])
  cluster.start(['n1', 'n2', 'n3'])
  cluster.until(() => cluster.executions.length === 1)
  cluster.boot('n4')
  cluster.agree()
  cluster.open('n4')
  // Another task of the same key waits for it as well.
  cluster.request('n4', { kind: 'submit', spec: spec('other', { key: moved.key }) })
  cluster.pass(20_000)
  assert.equal(cluster.executions.length, 1)
  assert.equal(metric(cluster.host('n4'), 'tasks_elsewhere'), 1)
  cluster.until(() => cluster.atOwner(moved.id, moved.key)?.state === 'succeeded')
  cluster.until(() => cluster.executions.length === 2)
  assert.equal(cluster.executions[1]?.order.task, 'other')
})

test('what a node that went away still ran is tried again elsewhere, as a lost attempt', () => {
  const run = ({ attempt }: { attempt: number }) => ({ ms: attempt === 1 ? 30_000 : 5, outcome: succeeded })
  const cluster = new Cluster({ run })
  const [task] = specs(1)
  assert.ok(task)
  cluster.list('work', [task])
  cluster.start(names(3))
  cluster.until(() => cluster.executions.length === 1)
  const first = cluster.executions[0]?.order.node as string
  cluster.pass(20)
  cluster.kill(first)
  cluster.agree()
  cluster.until(() => cluster.allSettled([task]))
  const attempts = cluster.atOwner(task.id, task.key)?.attempts
  assert.deepEqual(
    attempts?.map(({ number, outcome }) => [number, outcome]),
    [
      [1, 'lost'],
      [2, 'succeeded'],
    ],
  )
  assert.equal(attempts?.[0]?.error?.code, 'NODE_LOST')
})

test('a process that was killed counts what it ran as lost when it is alone again', () => {
  const cluster = new Cluster({
    run: ({ attempt }) => ({ ms: attempt === 1 ? 30_000 : 5, outcome: succeeded }),
  })
  const [task] = specs(1)
  assert.ok(task)
  cluster.start(['n1'])
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.executions.length === 1)
  cluster.kill('n1')
  cluster.start(['n1'])
  cluster.until(() => cluster.allSettled([task]))
  assert.deepEqual(
    cluster
      .host('n1')
      .machine.get(task.id)
      ?.attempts.map(({ outcome }) => outcome),
    ['lost', 'succeeded'],
  )
})

test('a task that takes its node down three times becomes a dead letter', () => {
  const cluster = new Cluster({ run: () => ({ ms: 30_000, outcome: succeeded }) })
  const poison = spec('poison', { maxAttempts: 50 })
  cluster.start(names(5))
  cluster.ask('n1', { kind: 'submit', spec: poison })
  for (let crash = 1; crash <= 3; crash++) {
    cluster.until(() => cluster.executions.length === crash)
    cluster.pass(20)
    cluster.kill(cluster.executions.at(-1)?.order.node as string)
    cluster.agree()
  }
  cluster.until(() => cluster.atOwner('poison', 'poison')?.state === 'dead')
  cluster.pass(5_000)
  assert.equal(cluster.executions.length, 3)
})

test('a leaving node ends what runs, hands the rest over and is drained', () => {
  for (const seed of [1, 2, 3]) {
    const cluster = new Cluster({ seed })
    const list = specs(300)
    cluster.start(names(4))
    for (const task of list) cluster.request('n2', { kind: 'submit', spec: task })
    cluster.until(() => cluster.executions.length >= 60)
    cluster.leave('n2')
    cluster.agree([0, 30], ['n2'])
    cluster.until(() => cluster.host('n2').machine.drained())
    cluster.kill('n2')
    cluster.agree([0, 30])
    cluster.until(() => cluster.allSettled(list))
    assert.equal(cluster.executions.length, 300)
  }
})

test('a leaving node takes nothing new', () => {
  const cluster = new Cluster()
  cluster.start(names(2))
  cluster.leave('n1')
  const reply = cluster.ask('n1', { kind: 'submit', spec: spec('a') })
  assert.equal(reply.ok ? undefined : reply.failure.code, 'LEAVING')
  // The other one does not yet know, and is told to come again.
  const mine = specs(50).find(({ key }) => ringOf(names(2)).owner(key) === 'n1')
  assert.ok(mine)
  const forwarded = cluster.ask('n2', { kind: 'submit', spec: mine })
  assert.equal(forwarded.ok ? undefined : forwarded.failure.code, 'NOT_READY')
  assert.equal(cluster.executions.length, 0)
})

test('what does not end in time is taken back, and counts against nothing', () => {
  const cluster = new Cluster({
    run: ({ attempt }) => ({ ms: attempt === 1 ? 600_000 : 5, outcome: succeeded }),
  })
  const task = spec('long', { maxAttempts: 1 })
  cluster.start(names(3))
  cluster.ask('n1', { kind: 'submit', spec: task })
  cluster.until(() => cluster.executions.length === 1)
  cluster.pass(50)
  const owner = cluster.executions[0]?.order.node as string
  cluster.leave(owner)
  cluster.agree([0, 0], [owner])
  cluster.pass(1_000)
  assert.equal(cluster.host(owner).machine.drained(), false)
  cluster.abandon(owner)
  cluster.until(() => cluster.host(owner).machine.drained())
  cluster.kill(owner)
  cluster.agree()
  cluster.until(() => cluster.allSettled([task]))
  const record = cluster.atOwner('long', 'long')
  assert.equal(record?.state, 'succeeded')
  assert.deepEqual(
    record?.attempts.map(({ outcome }) => outcome),
    ['cancelled', 'succeeded'],
  )
})

test('an accepted task survives the kill of its owner at any moment', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const cluster = new Cluster({ seed })
    cluster.start(names(4))
    const list = specs(20, `s${seed}`)
    const ids = list.map(task => cluster.request('n1', { kind: 'submit', spec: task }))
    cluster.pass(cluster.random.between(1, 40))
    cluster.kill('n2')
    cluster.agree([5, 50])
    cluster.pass(200)
    cluster.boot('n2')
    cluster.agree([5, 50])
    cluster.pass(51)
    cluster.open('n2')
    cluster.until(() => ids.every(id => cluster.reply(id) !== undefined))
    const accepted = list.filter((_, i) => cluster.reply(ids[i] as string)?.ok)
    cluster.until(() => cluster.allSettled(accepted))
    for (const { id, key } of accepted) assert.equal(cluster.atOwner(id, key)?.state, 'succeeded')
  }
})

test('both sides of a cut run what they own, and their records become one when it heals', () => {
  const cluster = new Cluster({ seed: 7 })
  const list = specs(120)
  cluster.list('work', list)
  cluster.start(names(4))
  cluster.until(() => cluster.executions.length >= 20)
  const sides = [['n1', 'n2'].map(asNodeId), ['n3', 'n4'].map(asNodeId)]
  for (const a of sides[0] ?? []) {
    for (const b of sides[1] ?? []) {
      cluster.cut.add(`${a} ${b}`)
      cluster.cut.add(`${b} ${a}`)
    }
  }
  for (const side of sides) for (const node of side) cluster.show(node, ringOf(side), side)
  cluster.pass(10_000)
  cluster.cut.clear()
  cluster.agree([0, 50])
  cluster.pass(51)
  cluster.until(() => cluster.allSettled(list) && cluster.quiet())
  const ring = ringOf(names(4))
  for (const { id, key } of list) {
    const holders = ring.preferenceList(key, 3)
    const copies = holders.map(node => cluster.host(node).disk.get(id))
    assert.ok(copies.every(copy => copy?.state === 'succeeded'))
    const ran = copies.map(copy => copy?.attempts.map(attempt => attempt.node).join())
    assert.equal(new Set(ran).size, 1, `all holders of ${id} know who ran it: ${ran}`)
    assert.equal(copies[0]?.attempts.length, cluster.runsOf(id).length, 'running twice stays visible')
  }
})
