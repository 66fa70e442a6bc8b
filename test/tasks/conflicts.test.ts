/** One id under two keys: each is a task of its own, and neither is lost for the other's sake. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { CONFLICTS_MAX, type Conflict, Conflicts } from '../../src/tasks/conflicts.ts'
import { Counters } from '../../src/tasks/counts.ts'
import { Step } from '../../src/tasks/effects.ts'
import { Replication } from '../../src/tasks/replication.ts'
import { Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { View } from '../../src/tasks/view.ts'
import { names, ringOf, spec } from './samples.ts'
import { own, ready, ring, Scene, THREE } from './scene.ts'
import { Solo } from './solo.ts'

const MUCH_LATER = { runAt: wallOf(1e15) }
const first = own('one', MUCH_LATER)
const KEY_OF_OTHER = (() => {
  for (let i = 0; ; i++) if (ring.owner(`other-${i}`) === 'n2') return `other-${i}`
})()

/** A copy of the task with that id, under the key of this node, or under that of n2. */
function copyOf(key: string, changes: Partial<TaskRecord> = {}): TaskRecord {
  const record = freshRecord(spec(first.id, { key, ...MUCH_LATER }), 'api', wallOf(0), THREE.map(asNodeId), 1)
  return { ...record, term: 5, copies: 2, ...changes }
}

/** It lies on three others once seven more have joined. */
const LATER = ringOf(names(10))
const moves = (() => {
  for (let i = 0; ; i++) {
    const task = own(`moves-${i}`, MUCH_LATER)
    if (!LATER.preferenceList(task.key, 3).some(node => THREE.includes(node))) return task
  }
})()

let batches = 0
function replicate(scene: Scene, from: string, record: TaskRecord, term = 0) {
  const batch = ++batches
  const batchOf = { batch, records: [record], ring: ring.checksum, terms: [term] }
  scene.solo.hear(from, { type: 'replicate', ...batchOf })
  return scene.sent(from, 'replicated').at(-1)
}

/** What a holder says of a batch of one. */
const CONFLICT = { unwritten: [0], conflicts: [[0, KEY_OF_OTHER]] } as const

test('a holder that has the id under another key says which, and takes nothing', () => {
  const scene = ready()
  scene.solo.submit(first)
  const wanted = { type: 'replicated', counted: true, unwritten: [0], conflicts: [[0, first.key]] }
  // Its term is above that of the task that is here, which says nothing of the other key, and below.
  for (const term of [9, 3, 0]) {
    const said = replicate(scene, 'n2', copyOf(KEY_OF_OTHER, { term: Math.max(1, term) }), term)
    assert.deepEqual(said, { ...wanted, batch: batches }, `as a write under ${term}`)
  }
  assert.equal(scene.solo.record(first.id).spec.key, first.key)
  const lines = scene.solo.logged('task-conflict').map(({ level, fields }) => ({ level, ...fields }))
  const line = { task: first.id, key: first.key, otherKey: KEY_OF_OTHER, node: 'n2' }
  assert.deepEqual(lines, [{ level: 'error', ...line }], 'it is said once')
})

test('a submission is refused when a holder has its id under another key, and so is the same once more', () => {
  const scene = ready()
  const id = scene.solo.submit(first)
  scene.acknowledge('n2', CONFLICT)
  assert.equal(scene.code(id), 'ID_CONTESTED')
  const reply = scene.solo.reply(id)
  assert.ok(reply?.ok === false && reply.failure.detail.includes(KEY_OF_OTHER), 'it names the key')
  assert.equal(scene.code(scene.solo.submit(first)), 'ID_CONTESTED')
  scene.solo.pass(300)
  scene.acknowledge('n3')
  assert.equal(scene.code(scene.solo.submit(first)), 'ok', 'two disks have it')
})

/** This task of the node was accepted, n2 has another disk since, and both others have the id under another key. */
function crowdedOut(): Scene {
  const scene = ready()
  const id = scene.solo.submit(first)
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
  scene.solo.step(() => {
    scene.right.epochs.replaced.add(asNodeId('n2'))
    scene.right.epochs.changes++
    return []
  })
  scene.acknowledge('n2', CONFLICT)
  assert.equal(scene.right.epochs.done, undefined, 'n3 may take it')
  assert.ok(scene.acknowledge('n3', CONFLICT).length > 0)
  return scene
}

test('a task that is on too few disks for that keeps the notes of older rings, is sent again, and is safe then', () => {
  const scene = crowdedOut()
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, undefined, 'who had it before is still to be asked')
  scene.solo.pass(1_500)
  assert.ok(scene.acknowledge('n2').length > 0)
  scene.right.epochs.changes++
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, ring.checksum)
  assert.equal(scene.code(scene.solo.submit(first)), 'ok')
})

test('one that has ended, as everybody may be told, keeps them no more', () => {
  const ended = copyOf(first.key, { state: 'cancelled', settledAt: wallOf(1e12), term: 4, revision: 2 })
  const scene = new Scene({}, { records: [ended] })
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node)
  assert.equal(scene.right.epochs.done, undefined)
  for (const node of ['n2', 'n3']) scene.acknowledge(node, CONFLICT)
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, ring.checksum)
})

test('one whose end nobody may be told yet keeps them', () => {
  const scene = crowdedOut()
  scene.solo.request({ kind: 'cancel', task: first.id, key: first.key })
  scene.solo.pass(3_000, () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node, CONFLICT)
  })
  assert.equal(scene.solo.record(first.id).state, 'scheduled')
  assert.equal(scene.right.epochs.done, undefined)
})

test('a stray is kept while an heir has its id under another key, and goes when that is over', () => {
  const scene = ready()
  scene.solo.submit(moves)
  for (const holder of ['n2', 'n3']) scene.acknowledge(holder)
  scene.right.end()
  scene.right.epochs.note(LATER)
  scene.right.epochs.members = names(10).map(asNodeId)
  scene.solo.see(names(10))
  const [owner = '', other = ''] = LATER.preferenceList(moves.key, 3)
  const isHere = () => scene.solo.tasks.get(moves.id) !== undefined
  scene.acknowledge(other)
  assert.ok(scene.acknowledge(owner, CONFLICT).length > 0)
  assert.ok(isHere())
  scene.solo.pass(1_500)
  assert.ok(scene.acknowledge(owner).length > 0, 'it is sent again')
  assert.ok(!isHere())
})

test('an owner that could not take a task does not say that it has ended once it can', () => {
  const scene = ready({ settledMax: 1 })
  const endedAt = (ms: number) =>
    ({ state: 'succeeded', settledAt: wallOf(scene.solo.at.wall + ms), revision: 2 }) as const
  replicate(scene, 'n2', copyOf(KEY_OF_OTHER, endedAt(0)), 5)
  const stray = copyOf(first.key)
  assert.deepEqual(replicate(scene, 'n4', stray)?.conflicts, [[0, KEY_OF_OTHER]])
  const next = copyOf(KEY_OF_OTHER, endedAt(1))
  replicate(scene, 'n2', { ...next, spec: { ...next.spec, id: asTaskId('next') } }, 5)
  assert.equal(scene.solo.tasks.get(first.id), undefined, 'the other one was dropped')
  const unknown = { ...stray, spec: { ...stray.spec, id: asTaskId('unknown') } }
  assert.deepEqual(replicate(scene, 'n4', unknown)?.ended, [0])
  assert.deepEqual(replicate(scene, 'n4', stray), { type: 'replicated', batch: batches, counted: true })
  assert.equal(scene.solo.record(first.id).spec.key, first.key)
})

test('in available mode a holder says so, too, and a stray is kept', () => {
  const solo = new Solo(undefined, {}, THREE)
  solo.pass(100)
  solo.submit(moves)
  const other = copyOf(KEY_OF_OTHER)
  solo.hear('n2', {
    type: 'replicate',
    batch: 1,
    records: [{ ...other, spec: { ...other.spec, id: moves.id } }],
  })
  const said = solo.of('send').findLast(({ message }) => message.type === 'replicated')
  assert.deepEqual(said?.message, { type: 'replicated', batch: 1, conflicts: [[0, moves.key]] })
  solo.see(names(10))
  const acknowledge = (node: string, conflicts?: readonly Conflict[]) => {
    const sent = solo.of('send').findLast(({ to, message }) => to === node && message.type === 'replicate')
    assert.ok(sent?.message.type === 'replicate')
    solo.hear(node, { type: 'replicated', batch: sent.message.batch, ...(conflicts && { conflicts }) })
  }
  const [owner = '', second = ''] = LATER.preferenceList(moves.key, 3)
  acknowledge(second)
  acknowledge(owner, [[0, KEY_OF_OTHER]])
  assert.ok(solo.record(moves.id))
  solo.pass(1_500)
  acknowledge(owner)
  assert.equal(solo.tasks.get(moves.id), undefined)
})

test('so many conflicts are remembered, and beyond that a line is said each second', () => {
  const counters = new Counters()
  const view = new View(asNodeId('n1'), 3)
  const conflicts = new Conflicts(view, new Replication(new Table(asNodeId('n1')), counters, 1), counters)
  let lines = 0
  const meet = (i: number, ms: number): void => {
    const step = new Step({ mono: instantOf(ms), wall: wallOf(ms) })
    conflicts.met({ id: asTaskId(`t${i}`), key: 'here' }, 'there', asNodeId('n2'), step)
    lines += step.effects().length
  }
  for (let i = 0; i < CONFLICTS_MAX; i++) meet(i, 0)
  assert.deepEqual([conflicts.size, lines], [CONFLICTS_MAX, CONFLICTS_MAX])
  assert.equal(counters.of('conflicts_forgotten'), 0)
  for (let i = 0; i < CONFLICTS_MAX; i++) meet(CONFLICTS_MAX + i, 2_000 + i * 5)
  assert.deepEqual([conflicts.size, lines], [CONFLICTS_MAX, CONFLICTS_MAX + 5])
  assert.equal(counters.of('conflicts_forgotten'), CONFLICTS_MAX)
  assert.ok(!conflicts.has(asTaskId('t0'), 'there'), 'the oldest is forgotten')
  assert.ok(conflicts.has(asTaskId(`t${2 * CONFLICTS_MAX - 1}`), 'there'))
})

/** This node takes over: the others have its task of one key, and it has another with the id, which comes to its end and is dropped. */
function cleared(theirs: TaskRecord): Scene {
  const ours = copyOf(first.key, { term: 4 })
  const scene = new Scene({ settledMax: 0 }, { records: [ours] })
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node, [theirs])
  scene.solo.request({ kind: 'cancel', task: first.id, key: first.key })
  scene.solo.pass(1_000, () => {
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  })
  assert.equal(scene.solo.tasks.get(first.id), undefined)
  return scene
}

test('the owner of a key does not deny a task of it that it could not take, though the one that was in its way is gone', () => {
  const theirs = copyOf(own('rival').key, { term: 4 })
  const scene = cleared(theirs)
  const asked = scene.get(first.id)
  for (const node of ['n2', 'n3']) scene.tell(node, { record: theirs })
  assert.equal(scene.code(asked), 'ok')
})

test('what could not be taken is not held for over when the one in its way is gone: others told of it when they were asked', () => {
  const theirs = copyOf(own('rival').key, { term: 4 })
  const scene = cleared(theirs)
  assert.equal(replicate(scene, 'n2', theirs)?.ended, undefined)
  assert.equal(scene.solo.record(first.id).spec.key, own('rival').key)
})

/** What n2 brings has the id of a task that this node holds under `first.key`, and is of another key of this node. */
function owing(theirs: TaskRecord, ours: TaskRecord = copyOf(KEY_OF_OTHER, { term: 4 })): Scene {
  const scene = new Scene({ settledMax: 0 }, { records: [ours] })
  scene.take()
  for (const node of ['n2', 'n3']) scene.answer(node, node === 'n2' ? [theirs] : [])
  for (const node of ['n2', 'n3']) scene.acknowledge(node)
  scene.solo.tick()
  return scene
}

test('a node is not done with a ring while it could not take a task of its key, or those who may have one would be forgotten', () => {
  const theirs = copyOf(first.key, { term: 4 })
  const scene = owing(theirs)
  assert.equal(scene.right.epochs.done, undefined)
  const ended = { state: 'cancelled', settledAt: wallOf(0), revision: 3, term: 6 } as const
  replicate(scene, 'n2', copyOf(KEY_OF_OTHER, ended), 6)
  scene.solo.pass(100)
  assert.equal(scene.solo.tasks.get(first.id), undefined, 'what was in its way is gone')
  assert.equal(scene.right.epochs.done, undefined, 'it does not have it yet')
  replicate(scene, 'n2', theirs)
  assert.equal(scene.solo.record(first.id).spec.key, first.key)
  scene.acknowledge('n2')
  scene.acknowledge('n3')
  scene.solo.tick()
  assert.equal(scene.right.epochs.done, ring.checksum)
})

test('it waits for nobody who was forgotten, has lost the disk, has it ended, or whose key it is not any more', () => {
  const theirs = copyOf(first.key, { term: 4 })
  const over: readonly ((scene: Scene) => void)[] = [
    ({ right }) => right.epochs.gone.add('n2'),
    ({ right }) => (right.epochs.members = ['n1', 'n3'].map(asNodeId)),
    ({ right }) => right.epochs.replaced.add(asNodeId('n2')),
    scene => replicate(scene, 'n2', { ...theirs, state: 'dead', settledAt: wallOf(0), revision: 2 }),
    ({ right }) => right.epochs.notUnder.set(5, new Set([first.key])),
  ]
  for (const [place, happens] of over.entries()) {
    const scene = owing(theirs)
    assert.equal(scene.right.epochs.done, undefined, `before ${place}`)
    scene.solo.step(() => {
      happens(scene)
      scene.right.epochs.changes++
      return []
    })
    scene.solo.tick()
    scene.acknowledge('n2')
    scene.acknowledge('n3')
    scene.solo.tick()
    assert.equal(scene.right.epochs.done, ring.checksum, `after ${place}`)
  }
})

test('it is not done under another term either that has the key without a break, and asks anew where all were lost', () => {
  const scene = owing(copyOf(first.key, { term: 4 }))
  const { epochs } = scene.right
  const take = (held: readonly number[], term: number): void =>
    scene.solo.step(() => {
      epochs.take(term)
      epochs.held = [...held, term]
      scene.right.term = term
      return []
    })
  const answered = (): string | undefined => {
    for (const node of ['n2', 'n3']) scene.answer(node)
    scene.solo.tick()
    return epochs.done
  }
  take([5], 6)
  assert.equal(answered(), undefined)
  scene.solo.step(() => {
    epochs.held = [6]
    epochs.changes++
    return []
  })
  scene.solo.tick()
  assert.equal(epochs.done, undefined)
  take([], 7)
  assert.equal(answered(), ring.checksum, 'nobody has it any more')
})

test('what is owed is not accepted as a new task when the one in its way is gone, and is there once it has come', () => {
  const theirs = copyOf(first.key, { term: 4 })
  const scene = owing(theirs)
  const ended = { state: 'cancelled', settledAt: wallOf(0), revision: 3, term: 6 } as const
  replicate(scene, 'n2', copyOf(KEY_OF_OTHER, ended), 6)
  scene.solo.pass(100)
  assert.equal(scene.solo.tasks.get(first.id), undefined, 'what was in its way is gone')
  assert.equal(scene.code(scene.solo.submit({ ...first, payload: 'another' })), 'TAKEOVER_INCOMPLETE')
  replicate(scene, 'n2', theirs)
  assert.equal(scene.solo.record(first.id).acceptedAt, theirs.acceptedAt)
  assert.equal(scene.code(scene.solo.submit({ ...first, payload: 'another' })), 'TASK_CONFLICT')
})

test('an order for what is owed is not told that there is no such task', () => {
  const scene = owing(copyOf(first.key, { term: 4 }))
  const cancel = (): string | undefined =>
    scene.code(scene.solo.request({ kind: 'cancel', task: first.id, key: first.key }))
  assert.equal(cancel(), 'TAKEOVER_INCOMPLETE')
  scene.right.epochs.gone.add('n2')
  assert.equal(cancel(), 'TASK_UNKNOWN')
})

test('nobody waits for one that is with nobody who comes back', () => {
  const scene = owing(copyOf(first.key, { term: 4 }))
  const ended = { state: 'cancelled', settledAt: wallOf(0), revision: 3, term: 6 } as const
  replicate(scene, 'n2', copyOf(KEY_OF_OTHER, ended), 6)
  scene.right.epochs.gone.add('n2')
  scene.solo.pass(100)
  const id = scene.solo.submit(first)
  scene.acknowledge('n3')
  assert.equal(scene.code(id), 'ok')
})
