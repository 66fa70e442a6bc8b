/** One owner in quorum mode, whose holders and voters are played by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Replicate } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { DONE, own, ready, ring, Scene, THREE } from './scene.ts'

test('a submission is answered when a second holder has it, and says how many have', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  assert.equal(scene.code(id), undefined)
  scene.acknowledge('n2')
  const reply = scene.solo.reply(id)
  assert.ok(reply?.ok && 'durableCopies' in reply)
  assert.equal(reply.durableCopies, 2)
})

test('copies leave before this disk has them, and two others are enough', () => {
  const scene = ready()
  scene.solo.diskHangs = true
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  assert.equal(scene.code(id), undefined, 'one disk has it')
  scene.acknowledge('n3')
  assert.equal(scene.code(id), 'ok')
})

test('with durability 3 all three must have it', () => {
  const scene = ready({ durability: 3 })
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  assert.equal(scene.code(id), undefined)
  scene.acknowledge('n3')
  assert.equal(scene.code(id), 'ok')
})

test('an attempt is executed only when a second holder knows of it', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  assert.equal(scene.solo.record('a').state, 'running')
  assert.equal(scene.solo.orders.length, 0)
  scene.acknowledge('n3')
  assert.equal(scene.solo.orders.length, 1)
})

test('an attempt that is only noted keeps no worker busy, and waits for one', () => {
  const scene = ready({ concurrency: 1 })
  const figures = () => {
    const { busy, workers, claimed } = scene.solo.stats()
    const load = scene.solo.tasks.load()
    return { busy, workers, claimed, running: load.running, queued: load.queued }
  }
  scene.solo.submit(own('a'))
  scene.solo.submit(own('b'))
  assert.deepEqual(figures(), { busy: 0, workers: 1, claimed: 0, running: 0, queued: 2 })
  assert.deepEqual([scene.solo.metric('tasks_running'), scene.solo.metric('tasks_noted')], [0, 1])
  assert.match(
    scene.solo.tasks.waiting(asTaskId('b'))?.detail ?? '',
    /^0 of 1 slots of this node are in use, 1 attempts are to begin before it/,
  )
  scene.acknowledge('n3')
  assert.deepEqual(figures(), { busy: 1, workers: 1, claimed: 0, running: 1, queued: 1 })
})

const counted = ({ solo }: Scene) => {
  const { running, succeeded } = solo.tasks.counts().owned
  return { running, succeeded }
}

test('an end is told when a second holder has it', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  scene.solo.end('a', 1, DONE)
  assert.equal(scene.solo.record('a').state, 'running', 'not yet')
  assert.equal(scene.solo.tasks.final(asTaskId('a')), undefined)
  assert.deepEqual(counted(scene), { running: 1, succeeded: 0 }, 'who waits for a count finds its end')
  scene.acknowledge('n2')
  assert.deepEqual(counted(scene), { running: 0, succeeded: 1 })
  assert.equal(scene.solo.record('a').state, 'succeeded')
  assert.equal(scene.solo.tasks.final(asTaskId('a'))?.state, 'succeeded')
})

test('a holder that does not count itself is sent it again', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2', { counted: false })
  assert.equal(scene.code(id), undefined)
  scene.solo.pass(200)
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
})

test('nothing counts while no quorum has noted the ring', () => {
  const scene = ready()
  scene.right.epochs.isNoted = false
  scene.right.epochs.changes++
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  assert.equal(scene.code(id), undefined)
  scene.solo.step(() => {
    scene.right.epochs.isNoted = true
    scene.right.epochs.changes++
    return []
  })
  assert.equal(scene.code(id), 'ok')
})

test('whoever waits too long for copies is told so', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  scene.solo.pass(6_000)
  assert.equal(scene.code(id), 'TOO_FEW_COPIES')
  assert.equal(scene.solo.orders.length, 0, 'and nothing was executed')
})

test('until the takeover is complete there is no start, no new task and no 404', () => {
  const scene = new Scene()
  scene.take()
  const task = own('a')
  const found = freshRecord(own('b'), 'api', wallOf(0), THREE.map(asNodeId), 1)
  const id = scene.solo.submit(task)
  assert.equal(scene.code(id), 'TAKEOVER_INCOMPLETE')
  const unknown = scene.get('unknown')
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(unknown), undefined)
  scene.tell('n3', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(unknown), 'TAKEOVER_INCOMPLETE')
  scene.solo.pass(20_000)
  assert.equal(scene.solo.orders.length, 0)
  scene.answer('n2', [found])
  scene.acknowledge('n3')
  assert.equal(scene.solo.orders.length, 1, 'what was found runs')
  assert.equal(scene.code(scene.solo.submit(task)), undefined, 'and new tasks are taken')
})

test('a node that takes over asks the others for a task that it does not have', () => {
  const scene = new Scene()
  scene.take()
  const there = scene.get('there')
  scene.tell('n2', { record: { ...written(), spec: spec('there', { key: written().spec.key }) } })
  assert.equal(scene.code(there), 'ok')
  const nowhere = scene.get('nowhere')
  scene.tell('n2', { code: 'TASK_UNKNOWN' })
  // It ends meanwhile, and may have brought the task: what was answered before does not say that there is none.
  scene.answer('n2')
  scene.answer('n3')
  scene.tell('n3', { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(nowhere), 'TAKEOVER_INCOMPLETE')
  const later = scene.get('nowhere')
  for (const node of ['n2', 'n3']) scene.tell(node, { code: 'TASK_UNKNOWN' })
  assert.equal(scene.code(later), 'TASK_UNKNOWN')
})

test('what another that may know the task refuses with is said, and no 404', () => {
  for (const code of ['TAKEOVER_INCOMPLETE', 'NOT_ACTING'] as const) {
    const scene = ready()
    const id = scene.get('there')
    scene.tell('n2', { code })
    scene.tell('n3', { code: 'TASK_UNKNOWN' })
    assert.equal(scene.code(id), code)
  }
})

test('the question names the term, and what is written afterwards bears it', () => {
  const scene = new Scene()
  scene.take(7)
  assert.equal(scene.sent('n2', 'inventory').at(-1)?.term, 7)
  scene.solo.pass(400)
  scene.answer('n2')
  scene.solo.submit(own('a'))
  const [batch] = scene.sent('n2', 'replicate')
  assert.equal(batch?.ring, ring.checksum)
  assert.deepEqual(batch?.terms, [7])
  assert.equal(batch?.records[0]?.term, 7)
})

test('an end that another owner wrote is written anew before it is told', () => {
  const scene = new Scene()
  scene.take(7)
  const fresh = freshRecord(own('a'), 'api', wallOf(0), THREE.map(asNodeId), 1)
  const ended: TaskRecord = {
    ...fresh,
    state: 'succeeded',
    settledAt: scene.solo.at.wall,
    result: 'x',
    revision: 3,
    term: 6,
  }
  scene.answer('n2', [ended])
  scene.acknowledge('n3')
  const id = scene.get('a')
  assert.equal(scene.code(id), undefined)
  scene.acknowledge('n2')
  const reply = scene.solo.reply(id)
  assert.ok(reply?.ok && 'record' in reply)
  assert.equal(reply.record.term, 7)
  assert.equal(reply.record.result, 'x')
})

test('a writer that a higher term stands against gives up what it holds', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2', { refused: [[0, 9]] })
  assert.deepEqual(scene.right.epochs.outrankedBy, [9])
  assert.equal(scene.code(id), undefined)
})

test('a refusal under a term that this node has itself by now only means: again', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  scene.right.term = 9
  scene.acknowledge('n2', { refused: [[0, 9]] })
  assert.deepEqual(scene.right.epochs.outrankedBy, [])
  scene.solo.pass(200)
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
})

test('a new term closes keys until they have been asked for again', () => {
  const scene = ready()
  scene.take(8)
  assert.equal(scene.code(scene.solo.submit(own('a'))), 'TAKEOVER_INCOMPLETE')
  scene.answer('n3')
  scene.solo.submit(own('b'))
  scene.acknowledge('n2')
  assert.equal(scene.solo.orders.length, 1)
})

test('it is done when all is complete and lies on enough holders, and not before', () => {
  const scene = ready()
  assert.equal(scene.right.epochs.done, ring.checksum)
  scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  scene.take(8)
  assert.equal(scene.right.epochs.done, undefined)
})

test('what a holder had on a disk that it lost is written there again before all is done', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  scene.acknowledge('n2')
  assert.equal(scene.code(id), 'ok')
  scene.solo.step(() => {
    scene.right.epochs.replaced.add(asNodeId('n2'))
    scene.right.epochs.changes++
    return []
  })
  assert.equal(scene.solo.logged('disks-lost').length, 1)
  assert.equal(scene.right.epochs.done, undefined, 'one disk has it')
  const copies = scene.acknowledge('n2').flatMap(({ records }) => records)
  assert.deepEqual(
    copies.map(({ spec: { id: task } }) => task),
    ['a'],
  )
  assert.equal(scene.right.epochs.done, ring.checksum)
})

// ---- as a holder

const written = (changes: Partial<TaskRecord> = {}): TaskRecord => {
  for (let i = 0; ; i++) {
    const key = `held-${i}`
    if (ring.owner(key) !== 'n2') continue
    const record = freshRecord(spec(key), 'api', wallOf(0), THREE.map(asNodeId), 1)
    return { ...record, term: 5, ...changes }
  }
}

const write = (records: readonly TaskRecord[], term: number, batch = 1): Replicate => ({
  type: 'replicate',
  batch,
  records,
  ring: ring.checksum,
  terms: records.map(() => term),
})

test('a holder says that a copy counts once its disk has it', () => {
  const { solo, ...scene } = ready()
  void scene
  solo.diskHangs = true
  solo.hear('n2', write([written()], 5))
  const said = () => solo.of('send').filter(({ message }) => message.type === 'replicated')
  assert.equal(said().length, 0)
  solo.diskGoesOn()
  assert.deepEqual(said()[0]?.message, { type: 'replicated', batch: 1, counted: true })
})

test('a holder of another ring, or for which no quorum has noted ring and disk, does not count itself', () => {
  const scene = ready()
  scene.solo.hear('n2', { ...write([written()], 5), ring: 'another' })
  const noted = [[false, true] as const, [true, false] as const, [true, true] as const]
  for (const [index, [enrolled, isNoted]] of noted.entries()) {
    Object.assign(scene.right.epochs, { enrolled, isNoted, changes: index + 100 })
    scene.solo.hear('n2', write([written()], 5, 2 + index))
  }
  const said = scene.sent('n2', 'replicated')
  assert.deepEqual(
    said.map(({ counted }) => counted),
    [false, false, false, true],
  )
  assert.ok(scene.solo.record(written().spec.id), 'it has it all the same')
})

test('whoever was asked under a term refuses what is written under a lower one', () => {
  const scene = ready()
  const first = { type: 'inventory', id: 1, answer: 0, page: 0 } as const
  scene.solo.hear('n2', { ...first, ringChecksum: ring.checksum, term: 12, without: [] })
  assert.equal(scene.sent('n2', 'inventory-reply').at(-1)?.disk, 'disk')
  scene.solo.hear('n2', write([written()], 11, 2))
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.refused, [[0, 12]])
  assert.equal(scene.solo.tasks.get(written().spec.id), undefined)
  scene.solo.hear('n2', write([written({ term: 12 })], 12, 3))
  assert.equal(scene.sent('n2', 'replicated').at(-1)?.refused, undefined)
})

test('a write below the term of the copy that is here is refused', () => {
  const scene = ready()
  scene.solo.hear('n2', write([written({ term: 9, revision: 4 })], 9))
  scene.solo.hear('n2', write([written({ term: 8, revision: 9 })], 8, 2))
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.refused, [[0, 9]])
  assert.equal(scene.solo.record(written().spec.id).revision, 4)
})

test('a holder whose disk is full takes no copies of tasks that it does not know, and goes on with those it knows', () => {
  const scene = ready()
  const known = written()
  scene.solo.hear('n2', write([known], 5))
  scene.disk.failure = { code: 'STORE_FULL', detail: 'full', retryAfterS: 10 }
  const next = spec('next', { key: known.spec.key })
  const fresh = { ...freshRecord(next, 'api', wallOf(0), THREE.map(asNodeId), 1), term: 5 }
  scene.solo.hear('n2', write([{ ...known, revision: 2 }, fresh], 5, 2))
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.unwritten, [1])
  assert.equal(scene.solo.record(known.spec.id).revision, 2)
  assert.equal(scene.solo.tasks.get(fresh.spec.id), undefined)
  scene.disk.failure = undefined
  scene.solo.hear('n2', write([fresh], 5, 3))
  assert.equal(scene.sent('n2', 'replicated').at(-1)?.unwritten, undefined)
  assert.ok(scene.solo.record(fresh.spec.id))
})

test('what the disk of a holder did not take does not count, and is sent there again a second later', () => {
  const scene = ready()
  const id = scene.solo.submit(own('a'))
  const [batch] = scene.sent('n2', 'replicate')
  assert.ok(batch)
  scene.solo.hear('n2', { type: 'replicated', batch: batch.batch, counted: true, unwritten: [0] })
  assert.equal(scene.code(id), undefined)
  scene.acknowledge('n3')
  assert.equal(scene.code(id), 'ok', 'two others have it')
  scene.solo.pass(900)
  assert.equal(scene.sent('n2', 'replicate').length, 0)
  scene.solo.pass(200)
  const again = scene.sent('n2', 'replicate').flatMap(({ records }) => records)
  assert.deepEqual(
    again.map(({ spec: { id: task } }) => task),
    ['a'],
  )
})

test('a holder whose disk is full does not make its owner keep what has ended, nor send it all again and again', () => {
  const scene = ready({ settledMax: 5 })
  const tasks = Array.from({ length: 40 }, (_, i) => `ended-${i}`)
  const full = { unwritten: Array.from({ length: 200 }, (_, place) => place) }
  for (const task of tasks) {
    scene.solo.submit(own(task))
    scene.acknowledge('n2')
    scene.acknowledge('n3', full)
    scene.solo.end(task, 1, DONE)
    scene.acknowledge('n2')
    scene.acknowledge('n3', full)
  }
  let sent = 0
  const listen = (): void => {
    for (const { records } of scene.acknowledge('n3', full)) sent += records.length
    scene.acknowledge('n2')
  }
  scene.solo.pass(10_000, listen)
  const kept = tasks.filter(task => scene.solo.tasks.get(asTaskId(task)) !== undefined)
  assert.ok(kept.length <= 5, `${kept.length} are kept`)
  assert.ok(sent <= 40 + 12, `${sent} copies were sent to a full disk`)
})

test('once a full disk takes a copy again, it is sent all that it has missed', () => {
  const scene = ready()
  const tasks = Array.from({ length: 20 }, (_, i) => `missed-${i}`)
  const full = { unwritten: Array.from({ length: 200 }, (_, place) => place) }
  for (const task of tasks) scene.solo.submit(own(task, { runAt: wallOf(1e15) }))
  scene.acknowledge('n2')
  scene.solo.pass(500, () => scene.acknowledge('n3', full))
  const came = new Set<string>()
  scene.solo.pass(3_000, () => {
    for (const { records } of scene.acknowledge('n3')) for (const { spec: task } of records) came.add(task.id)
  })
  assert.deepEqual([...came].sort(), tasks.sort())
})
