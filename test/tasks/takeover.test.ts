import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Step } from '../../src/tasks/effects.ts'
import type { InventoryReply } from '../../src/tasks/messages.ts'
import { Takeover } from '../../src/tasks/takeover.ts'
import { View } from '../../src/tasks/view.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { Scene } from './scene.ts'
import { Solo } from './solo.ts'

const [n1, n2, n3] = names(3).map(asNodeId) as [NodeId, NodeId, NodeId]
const keys = specs(300).map(({ key }) => key)

function made(live: readonly NodeId[] = [n1, n2, n3]) {
  const view = new View(n1, 3)
  const takeover = new Takeover(view, new Random(1), 1_000)
  const see = (ids: readonly NodeId[], at = 0) => {
    const before = view.ring
    const ring = ringOf(ids)
    view.change(ring, ids)
    takeover.keepOnly(view.live)
    const asks = takeover.ringChanged(before, ring)
    if (asks) takeover.begin(instantOf(at))
    return asks
  }
  const ask = (at: number) => {
    const step = new Step({ mono: instantOf(at), wall: wallOf(at) })
    takeover.ask(step)
    return step
      .effects()
      .flatMap(effect =>
        effect.kind === 'send' && effect.message.type === 'inventory'
          ? [{ to: effect.to, ...effect.message }]
          : [],
      )
  }
  see(live)
  return { view, takeover, see, ask }
}

const answer = (id: number, changes: Partial<InventoryReply> = {}): InventoryReply => ({
  type: 'inventory-reply',
  id,
  agreed: true,
  answer: 1,
  page: 0,
  records: [],
  running: [],
  done: true,
  ...changes,
})

test('all keys wait until everybody has answered', () => {
  const { takeover, ask } = made()
  const asked = ask(0)
  assert.deepEqual(asked.map(({ to }) => to as string).sort(), ['n2', 'n3'])
  assert.ok(keys.every(key => takeover.gates(key)))
  const id = asked[0]?.id as number
  takeover.answer(n2, answer(id), instantOf(5))
  assert.equal(takeover.complete(instantOf(5)), false)
  takeover.answer(n3, answer(id), instantOf(6))
  assert.equal(takeover.complete(instantOf(6)), true)
  takeover.release()
  assert.ok(keys.every(key => !takeover.gates(key)))
})

test('only gained keys wait when a member goes, and none when one comes', () => {
  const { takeover, see } = made()
  takeover.release()
  assert.equal(see([n1, n2]), true)
  const before = ringOf([n1, n2, n3])
  const after = ringOf([n1, n2])
  for (const key of keys) {
    if (after.owner(key) !== 'n1') continue
    assert.equal(takeover.gates(key), before.owner(key) !== 'n1')
  }
  takeover.release()
  assert.equal(see([n1, n2, n3]), false)
  assert.equal(takeover.active, false)
})

test('a key that was lost and won back within one takeover waits', () => {
  const { takeover, see } = made([n1, n2])
  takeover.release()
  see([n1])
  see([n1, n2, n3])
  see([n1, n2])
  const lostMeanwhile = keys.filter(
    key => ringOf([n1, n2]).owner(key) === 'n1' && ringOf([n1, n2, n3]).owner(key) !== 'n1',
  )
  assert.ok(lostMeanwhile.length > 0)
  assert.ok(lostMeanwhile.every(key => takeover.gates(key)))
})

test('one that sees another ring is asked again shortly, and a silent one too', () => {
  const { takeover, ask } = made()
  const [first] = ask(0)
  assert.equal(
    takeover.answer(n2, answer(first?.id as number, { agreed: false }), instantOf(10)),
    'disagrees',
  )
  assert.deepEqual(ask(60), [])
  assert.deepEqual(
    ask(111).map(({ to }) => to),
    [n2],
  )
  assert.deepEqual(
    ask(300).map(({ to }) => to),
    [n3],
  )
})

test('a silent member is not waited for beyond the limit, while pages that still come are', () => {
  const { takeover, ask } = made()
  const id = ask(0)[0]?.id as number
  takeover.answer(n2, answer(id), instantOf(5))
  for (let at = 500, page = 0; at <= 3_000; at += 500) {
    assert.equal(takeover.answer(n3, answer(id, { page: page++, done: false }), instantOf(at)), 'page')
    assert.equal(takeover.complete(instantOf(at + 400)), false)
  }
  assert.equal(takeover.complete(instantOf(4_001)), true)
  assert.deepEqual(takeover.unanswered, [n3])
})

test('while one member pages and another is silent, the next wake is what is waited for, and never past', () => {
  const { takeover, ask } = made()
  const id = ask(0)[0]?.id as number
  for (let at = 500, page = 0; at < 10_000; at += 100) {
    ask(at)
    takeover.answer(n3, answer(id, { page: page++, done: false }), instantOf(at))
    assert.equal(takeover.complete(instantOf(at)), false)
    assert.ok(takeover.nextWake() > at, `at ${at} the next wake is ${takeover.nextWake()}`)
  }
  ask(9_990)
  assert.ok(takeover.nextWake() <= 10_000, 'patience ends on time')
  assert.equal(takeover.complete(instantOf(10_000)), true)
})

test('answers to an earlier question do not count', () => {
  const { takeover, see, ask } = made()
  const id = ask(0)[0]?.id as number
  see([n1, n2])
  assert.equal(takeover.answer(n2, answer(id), instantOf(5)), 'stale')
  assert.equal(takeover.answer(n3, answer(id + 1), instantOf(5)), 'stale')
})

test('what runs elsewhere is known from the first page on', () => {
  const { takeover, ask } = made()
  const id = ask(0)[0]?.id as number
  const task = asTaskId('t')
  assert.equal(takeover.runsAt(n2, task), undefined)
  takeover.answer(n2, answer(id, { running: [task], done: false }), instantOf(1))
  takeover.answer(n2, answer(id, { page: 1 }), instantOf(2))
  assert.equal(takeover.runsAt(n2, task), true)
  assert.equal(takeover.runsAt(n2, asTaskId('other')), false)
})

test('the last page is no answer while one before it is missing, and the rest is asked for until it is there', () => {
  const { takeover, ask } = made([n1, n2])
  const id = ask(0)[0]?.id as number
  const asks = (at: number) => ask(at).map(({ answer, page }) => [answer, page])
  assert.equal(takeover.answer(n2, answer(id, { done: false }), instantOf(1)), 'page')
  assert.equal(takeover.answer(n2, answer(id, { page: 2 }), instantOf(2)), 'stale')
  assert.deepEqual(takeover.unanswered, [n2])
  assert.deepEqual(asks(301), [[1, 1]])
  assert.equal(takeover.answer(n2, answer(id, { page: 1, done: false }), instantOf(400)), 'page')
  assert.equal(takeover.answer(n2, answer(id, { page: 1, done: false }), instantOf(401)), 'stale', 'twice')
  assert.deepEqual(asks(701), [[1, 2]])
  assert.equal(takeover.answer(n2, answer(id, { page: 2 }), instantOf(800)), 'answered')
})

test('a late page of an answer that was begun anew fills no gap in the new one, nor does what ran then', () => {
  const { takeover, ask } = made([n1, n2])
  const id = ask(0)[0]?.id as number
  const [old, still] = [asTaskId('old'), asTaskId('still')]
  takeover.answer(n2, answer(id, { running: [old], done: false }), instantOf(1))
  takeover.answer(n2, answer(id, { answer: 2, running: [still], done: false }), instantOf(2))
  assert.equal(takeover.answer(n2, answer(id, { page: 1, done: false }), instantOf(3)), 'stale')
  assert.equal(takeover.answer(n2, answer(id, { page: 1 }), instantOf(3)), 'stale')
  assert.equal(takeover.answer(n2, answer(id, { answer: 2, page: 2 }), instantOf(4)), 'stale')
  assert.deepEqual(takeover.unanswered, [n2])
  assert.equal(takeover.answer(n2, answer(id, { answer: 2, page: 1 }), instantOf(5)), 'answered')
  assert.equal(takeover.runsAt(n2, old), false)
  assert.equal(takeover.runsAt(n2, still), true)
})

test('more is asked for as soon as all is here that was sent', () => {
  const { takeover, ask } = made([n1, n2])
  const id = ask(0)[0]?.id as number
  takeover.answer(n2, answer(id, { done: false }), instantOf(1))
  assert.deepEqual(ask(1), [])
  takeover.answer(n2, answer(id, { page: 1, paused: true, done: false }), instantOf(2))
  assert.equal(takeover.nextWake(), 2)
  assert.deepEqual(
    ask(2).map(({ page }) => page),
    [2],
  )
})

test('pages that do not count keep nobody waiting', () => {
  const { takeover, ask } = made([n1, n2])
  const id = ask(0)[0]?.id as number
  takeover.answer(n2, answer(id, { done: false }), instantOf(100))
  takeover.answer(n2, answer(id, { page: 2, done: false }), instantOf(900))
  assert.equal(takeover.complete(instantOf(1_100)), true)
})

test('a member that hangs delays the takeover by its limit and no more', () => {
  const cluster = new Cluster({ config: { inventoryMs: 800 } })
  const list = specs(100)
  cluster.list('work', list)
  for (const name of names(4)) cluster.boot(name)
  for (const other of names(4)) cluster.cut.add(`n4 ${other}`)
  cluster.agree()
  for (const name of names(4)) cluster.open(name)
  const first = (node: string) => cluster.executions.find(({ order }) => order.node === node)?.startedAt ?? 0
  cluster.until(() => names(3).every(node => first(node) > 0))
  for (const node of names(3))
    assert.ok(first(node) >= 800 && first(node) < 1_000, `${node} starts at ${first(node)}`)
  assert.equal(metric(cluster.host('n1'), 'takeovers_timed_out_total'), 1)
})

const ended = (solo: Solo) =>
  solo.logged('takeover-complete').map(({ level, fields }) => [level, fields?.['unanswered']])

test('a takeover that goes on since enough have answered is no trouble, whoever is still to answer', () => {
  const scene = new Scene()
  scene.take()
  scene.answer('n2')
  scene.solo.pass(100)
  assert.deepEqual(ended(scene.solo), [['info', ['n3']]])
})

test('one that goes on since nobody would wait any longer is', () => {
  const solo = new Solo(undefined, {}, names(3))
  solo.pass(30_000)
  assert.deepEqual(ended(solo), [['warn', ['n2', 'n3']]])
})

test('a task that is only said to run somewhere is run after that node was asked', () => {
  const cluster = new Cluster()
  cluster.start(names(3))
  cluster.until(() => cluster.quiet())
  const task = specs(100).find(({ key }) => ringOf(names(3)).owner(key) === 'n1') ?? spec('')
  const running = {
    spec: task,
    source: 'api' as const,
    state: 'running' as const,
    acceptedAt: wallOf(1),
    attempts: [{ number: 1, node: n2, startedAt: wallOf(2) }],
    holders: [n2],
    revision: 3,
  }
  cluster.deliver('n1', 'n3', { type: 'replicate', batch: 1, records: [running] })
  assert.equal(metric(cluster.host('n1'), 'tasks_elsewhere'), 1)
  cluster.until(() => cluster.allSettled([task]), 5_000)
  assert.deepEqual(
    cluster
      .host('n1')
      .machine.get(task.id)
      ?.attempts.map(({ node, outcome }) => [node, outcome]),
    [
      ['n2', 'lost'],
      ['n1', 'succeeded'],
    ],
  )
})
