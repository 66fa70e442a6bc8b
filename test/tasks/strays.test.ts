import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId, type NodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import { Strays } from '../../src/tasks/strays.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { Cluster } from './cluster.ts'
import { metric } from './host.ts'
import type { KnownEpochs } from './known-epochs.ts'
import { names, ringOf, spec, specs } from './samples.ts'
import { DONE, own, ready, ring, Scene, THREE } from './scene.ts'

const HOLDERS = 3
const [first, second, third] = names(3).map(asNodeId) as [NodeId, NodeId, NodeId]
const task = asTaskId('t')
const copy = (revision: number, epoch: number, term = 5) => ({
  task,
  record: { revision, acceptedAt: wallOf(1), term },
  epoch,
})

test('a record that moves is never on fewer than two disks, though its new owner still waits for answers', () => {
  const cluster = new Cluster()
  const tasks = specs(60)
  const disksOf = (id: string): number =>
    [...cluster.hosts.values()].filter(({ disk }) => disk.has(id)).length
  cluster.start(names(4))
  for (const spec of tasks) cluster.request('n1', { kind: 'submit', spec })
  cluster.until(() => cluster.allSettled(tasks) && tasks.every(({ id }) => disksOf(id) === HOLDERS))
  const comers = names(10).slice(4)
  for (const name of comers) {
    cluster.boot(name)
    // It hears nothing from here, so what it gains waits.
    cluster.cut.add(`n1 ${name}`)
  }
  cluster.agree()
  for (const name of comers) cluster.open(name)
  const fewest = { now: HOLDERS }
  for (let ms = 0; ms < 1_000; ms++) {
    cluster.pass(1)
    fewest.now = Math.min(fewest.now, ...tasks.map(({ id }) => disksOf(id)))
  }
  const dropped = cluster.living.reduce((sum, host) => sum + metric(host, 'strays_dropped_total'), 0)
  assert.ok(dropped > 0, 'records moved')
  assert.ok(fewest.now >= 2, `${fewest.now} disks`)
  cluster.cut.clear()
  cluster.until(() => cluster.quiet() && tasks.every(({ id }) => disksOf(id) === HOLDERS))
})

test('a stray record may go when all of its heirs have it as it is now', () => {
  const strays = new Strays()
  assert.equal(strays.confirmed(copy(1, 1), first, [first, second]), false)
  assert.equal(strays.confirmed(copy(1, 1), first, [first, second]), false)
  assert.equal(strays.confirmed(copy(1, 1), second, [first, second]), true)
  assert.equal(strays.size, 0)
})

test('what was confirmed of an earlier revision, or under another ring, does not count', () => {
  const strays = new Strays()
  strays.confirmed(copy(1, 1), first, [first, second])
  assert.equal(strays.confirmed(copy(2, 1), second, [first, second]), false)
  assert.equal(strays.confirmed(copy(2, 2), first, [first, third]), false)
  assert.equal(strays.confirmed(copy(2, 2), third, [first, third]), true)
})

test('nor does what another owner had written as often', () => {
  const strays = new Strays()
  strays.confirmed(copy(2, 1, 5), first, [first, second])
  assert.equal(strays.confirmed(copy(2, 1, 6), second, [first, second]), false)
  assert.equal(strays.confirmed(copy(2, 1, 6), first, [first, second]), true)
})

test('what is no heir of the record confirms nothing', () => {
  const strays = new Strays()
  assert.equal(strays.confirmed(copy(1, 1), third, [first]), false)
  assert.equal(strays.size, 0)
})

/** A task that this node takes as one of three, and that lies on three others once seven more have joined. */
function moved(durability: number) {
  const later = ringOf(names(10))
  for (let i = 0; ; i++) {
    const heirs = later.preferenceList(`key-${i}`, HOLDERS)
    if (ring.owner(`key-${i}`) !== 'n1' || heirs.some(id => THREE.includes(id))) continue
    const scene = ready({ durability })
    scene.solo.submit(spec('moves', { key: `key-${i}`, runAt: wallOf(1e15) }))
    for (const holder of ['n2', 'n3']) scene.acknowledge(holder)
    scene.right.end()
    scene.right.epochs.note(later)
    scene.right.epochs.members = names(10).map(asNodeId)
    scene.solo.see(names(10))
    return { scene, heirs, isHere: () => scene.solo.tasks.get(asTaskId('moves')) !== undefined }
  }
}

for (const [durability, needed] of [
  [1, 2],
  [2, 2],
  [3, 3],
] as const) {
  test(`with durability ${durability} a stray goes when ${needed} of those who should have it do`, () => {
    const { scene, heirs, isHere } = moved(durability)
    for (const heir of heirs.slice(0, needed)) {
      assert.ok(isHere(), `before ${heir} has it`)
      assert.ok(scene.acknowledge(heir).length > 0, `${heir} was sent it`)
    }
    assert.ok(!isHere())
  })
}

test('a stray stays while its owner says that it is early, and goes a moment after it says otherwise', () => {
  const { scene, heirs, isHere } = moved(2)
  const [owner = '', other = ''] = heirs
  scene.acknowledge(other)
  assert.ok(scene.acknowledge(owner, { unwritten: [0] }).length > 0)
  scene.solo.pass(500)
  assert.ok(isHere())
  scene.solo.pass(1_000)
  assert.ok(scene.acknowledge(owner).length > 0, 'it was sent again')
  assert.ok(!isHere())
})

/** It is to take over from n4 and n5, which are no holders any more. */
function takingOver(config: Partial<TasksConfig> = {}) {
  const scene = new Scene(config)
  const { solo, right } = scene
  right.epochs.note(ring, ringOf(['n4', 'n5']))
  right.epochs.members = names(5).map(asNodeId)
  solo.step(() => solo.tasks.viewChanged(ring, names(5).map(asNodeId), solo.at))
  scene.take()
  const move = (from: string, batch: number, record: TaskRecord) => {
    solo.hear(from, { type: 'replicate', batch, records: [record], ring: ring.checksum, terms: [0] })
    return scene.sent(from, 'replicated').at(-1)
  }
  return { scene, solo, right, move }
}

/**
 * Else: n3 has answered n1 that it has no such task, the ring passes through one in which n1 is no holder and comes back, and
 * n4, which has not answered, may leave the task to n3 meanwhile. Then n4 answers, too, and n1 takes the copy of n3 for one
 * of a task that has ended.
 */
test('an owner that still asks takes what moves to it, and lets nobody forget it', () => {
  const { scene, solo, move } = takingOver()
  const task = own('moves', { runAt: wallOf(1e15) })
  const moves = { ...freshRecord(task, 'api', wallOf(0), [], 1), term: 3, copies: 2 }
  const hear = (from: string, batch: number) => move(from, batch, moves)
  assert.deepEqual(hear('n4', 1), { type: 'replicated', batch: 1, counted: true, unwritten: [0], early: [0] })
  assert.ok(solo.record('moves'), 'it is here all the same')
  assert.deepEqual(
    hear('n2', 2),
    { type: 'replicated', batch: 2, counted: true },
    'a holder does not drop it for that',
  )
  for (const node of ['n2', 'n3']) scene.answer(node)
  assert.deepEqual(hear('n4', 3)?.unwritten, [0], 'of the ring before nobody has answered')
  scene.answer('n4', [moves])
  assert.deepEqual(hear('n4', 4), { type: 'replicated', batch: 4, counted: true })
  assert.equal(solo.record('moves').state, 'scheduled')
})

/** A task came too early from n4, which keeps it for that, and has ended here since. */
function endedEarly() {
  const { scene, solo, right, move } = takingOver({ settledMax: 0 })
  const moves = { ...freshRecord(own('moves'), 'api', wallOf(0), [], 1), term: 3, copies: 2 }
  assert.deepEqual(move('n4', 1, moves)?.unwritten, [0])
  // No quorum of the voters knows of all rings, so this node may not call anything ended that it does not know.
  right.epochs.rings = 'lost'
  right.epochs.changes++
  for (const node of ['n2', 'n3', 'n5']) scene.answer(node)
  scene.answer('n4', [moves])
  const acknowledge = () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  }
  acknowledge()
  solo.end('moves', 1, DONE)
  solo.pass(1_000, acknowledge)
  assert.equal(solo.tasks.final(asTaskId('moves'))?.state, 'succeeded')
  return { solo, right, tellN4: () => move('n4', 2, moves) }
}

for (const [why, goes] of [
  ['was forgotten', epochs => epochs.gone.add('n4')],
  ['has gone in good order', epochs => (epochs.members = THREE.map(asNodeId))],
] as readonly (readonly [string, (epochs: KnownEpochs) => void])[])
  test(`the end of what moved early is not remembered for one that ${why}`, () => {
    const { solo, right } = endedEarly()
    solo.step(() => {
      goes(right.epochs)
      right.epochs.changes++
      return []
    })
    solo.pass(200)
    assert.equal(solo.tasks.get(asTaskId('moves')), undefined)
  })

test('the end of what moved early is remembered until whoever kept it was told', () => {
  const { solo, tellN4 } = endedEarly()
  assert.deepEqual(tellN4()?.refused, [[0, 0]], 'it is newer here, so n4 may drop it')
  solo.tick()
  assert.equal(solo.tasks.get(asTaskId('moves')), undefined)
  assert.equal(solo.orders.length, 1)
})
