/** Old copies of tasks that have ended and were dropped elsewhere: an owner whose holders are played by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import type { Inventory, Replicated } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { ringOf, spec } from './samples.ts'
import { Solo } from './solo.ts'

const THREE = ['n1', 'n2', 'n3']
const ring = ringOf(THREE)

/** A record of an owner before this one, that nobody has begun. */
function old(owner = 'n1', changes: Partial<TaskRecord> = {}): TaskRecord {
  for (let i = 0; ; i++) {
    if (ring.owner(`key-${i}`) !== owner) continue
    const record = freshRecord(spec('old', { key: `key-${i}` }), 'api', wallOf(0), THREE.map(asNodeId), 1)
    return { ...record, term: 4, copies: 2, ...changes }
  }
}

class Scene {
  readonly right = new CountedRight()
  readonly solo: Solo

  /** @param notes what the voters know of rings */
  constructor(
    notes: 'all' | 'lost' = 'all',
    records: readonly TaskRecord[] = [],
    config: Partial<TasksConfig> = {},
  ) {
    this.right.epochs.note(ring)
    if (notes === 'lost') this.right.epochs.rings = 'lost'
    this.right.epochs.members = THREE.map(asNodeId)
    this.solo = new Solo(this.right, config, THREE, { records })
  }

  take(term: number): void {
    this.solo.step(() => {
      this.right.take(term)
      return []
    })
  }

  /** Those that are held are held still. */
  takeBeside(term: number): void {
    this.solo.step(() => {
      this.right.epochs.take(term)
      return []
    })
  }

  /** What was sent last to a node, of this type. */
  last(to: string, type: string): unknown {
    return this.solo.of('send').findLast(sent => sent.to === to && sent.message.type === type)?.message
  }

  #answers = 0
  answer(from: string, records: readonly TaskRecord[] = []): void {
    const { id } = this.last(from, 'inventory') as Inventory
    const page = { agreed: true, answer: ++this.#answers, page: 0, running: [], done: true } as const
    this.solo.hear(from, { type: 'inventory-reply', id, records, ...page, disk: `disk-${from}` })
  }

  /** A copy from a node that may not write it. Returns which of the batch are over. */
  copied(from: string, record: TaskRecord): readonly number[] | undefined {
    this.solo.hear(from, { type: 'replicate', batch: 1, records: [record], ring: ring.checksum, terms: [0] })
    return (this.last(from, 'replicated') as Replicated).ended
  }

  knows(id = 'old'): boolean {
    return this.solo.tasks.get(spec(id).id) !== undefined
  }
}

/** Its keys are complete, by the answers of both others. */
function complete(notes: 'all' | 'lost' = 'all'): Scene {
  const scene = new Scene(notes)
  scene.take(5)
  scene.answer('n2')
  scene.answer('n3')
  return scene
}

test('a complete owner does not take a task that it does not know, and says that it is over', () => {
  const scene = complete()
  assert.deepEqual(scene.copied('n2', old()), [0])
  assert.equal(scene.knows(), false)
})

test('while it is not complete it takes the task', () => {
  const scene = new Scene()
  scene.take(5)
  assert.equal(scene.copied('n2', old()), undefined)
  assert.equal(scene.knows(), true)
})

test('where no quorum of voters knew of every ring, it takes the task from whoever had not answered', () => {
  const scene = complete('lost')
  assert.equal(scene.copied('n4', old()), undefined)
  assert.equal(scene.knows(), true)
})

test('what somebody brings who had answered was known then, whatever the voters know, unless it was written later', () => {
  const scene = complete('lost')
  assert.deepEqual(scene.copied('n2', old()), [0])
  assert.equal(scene.knows(), false)
  assert.equal(scene.copied('n2', old('n1', { term: 6 })), undefined)
  assert.equal(scene.knows(), true)
})

test('what this node wrote itself, under a term that it has still, it knows of, on however few disks it was', () => {
  const scene = complete()
  assert.deepEqual(scene.copied('n2', old('n1', { term: 5, copies: 1 })), [0])
  assert.equal(scene.knows(), false)
})

test('whoever brings what is judged to have ended is told so', () => {
  const scene = new Scene('all', [], { durability: 3 })
  scene.take(5)
  for (const node of ['n2', 'n3']) scene.answer(node)
  assert.deepEqual(scene.copied('n2', old('n1', { copies: 2 })), [0])
  assert.equal(scene.knows(), false)
})

test('what was answered for a term counts as long as it is held, though a later one does not ask for its keys', () => {
  const later = (): Scene => {
    const scene = complete('lost')
    scene.right.epochs.claims.set(5, [ring.checksum])
    scene.takeBeside(6)
    assert.deepEqual((scene.last('n2', 'inventory') as Inventory).since, [ring.checksum])
    scene.answer('n2')
    scene.answer('n3')
    return scene
  }
  const held = later()
  assert.deepEqual(held.copied('n2', old()), [0])
  assert.equal(held.knows(), false)
  assert.equal(held.copied('n4', old()), undefined, 'it did not answer')
  assert.equal(held.knows(), true)
  const lapsed = later()
  lapsed.right.epochs.held = [6]
  assert.equal(lapsed.copied('n2', old()), undefined, 'another may have had the key since')
  assert.equal(lapsed.knows(), true)
})

test('what it wrote itself under the term that it has, it knew, whatever the voters know', () => {
  const scene = complete('lost')
  assert.deepEqual(scene.copied('n2', old('n1', { term: 5 })), [0])
  assert.equal(scene.knows(), false)
})

test('a copy that counted on fewer disks than are asked for is taken', () => {
  const scene = complete()
  assert.equal(scene.copied('n2', old('n1', { copies: 1 })), undefined)
  assert.equal(scene.knows(), true)
})

test('a copy of a later owner, of available mode, or of a shared list is taken', () => {
  for (const changes of [{ term: 6 }, { source: 'list:work' }] as const) {
    const scene = complete()
    assert.equal(scene.copied('n2', old('n1', changes)), undefined)
    assert.equal(scene.knows(), true)
  }
  const { term: _, copies: __, ...unmarked } = old()
  const scene = complete()
  assert.equal(scene.copied('n2', unmarked), undefined)
  assert.equal(scene.knows(), true)
})

test('a new owner drops what one holder has and two have not: it cannot have counted, or has ended', () => {
  const scene = new Scene()
  scene.take(5)
  scene.answer('n3', [old()])
  scene.answer('n2')
  assert.equal(scene.knows(), false)
  assert.equal(scene.solo.orders.length, 0)
})

test('its own old copy, after it was away, is none that it believes where both others have none', () => {
  const scene = new Scene('all', [old()])
  scene.take(5)
  scene.answer('n2')
  assert.equal(scene.knows(), true, 'the other may have it')
  assert.equal(scene.solo.orders.length, 0, 'it is waited for')
  scene.answer('n3')
  scene.solo.pass(2_500)
  assert.equal(scene.knows(), false)
  assert.equal(scene.solo.orders.length, 0)
})

test('whoever lives and does not answer is waited for as long as a takeover is patient', () => {
  const scene = new Scene('all', [old()])
  scene.take(5)
  scene.answer('n2')
  scene.solo.pass(2_500)
  const begun = scene.last('n2', 'replicate') as { records: TaskRecord[] } | undefined
  assert.equal(begun?.records[0]?.state, 'running')
})

test('what is submitted again while it is unsure is a task that must run', () => {
  const scene = new Scene('all', [old()])
  scene.take(5)
  scene.answer('n2')
  scene.solo.submit(old().spec)
  scene.answer('n3')
  scene.solo.pass(2_500)
  assert.equal(scene.knows(), true)
})

test('a new owner takes what two have', () => {
  const both = new Scene()
  both.take(5)
  both.answer('n3', [old()])
  both.answer('n2', [old()])
  assert.equal(both.knows(), true)
})

test('the answer of another disk than that of then is not one that has none', () => {
  const scene = new Scene()
  scene.right.epochs.rings = [{ ring, counts: node => node !== 'n2' }]
  scene.take(5)
  scene.answer('n3', [old()])
  scene.answer('n2')
  assert.equal(scene.knows(), true)
})

test('whoever is told by the owner that a task is over drops its copy, unless it is another by now', () => {
  const held = old('n2', { holders: ['n1', 'n3'].map(asNodeId) })
  const copy = (revision: number) => ({ ...held, revision })
  const told = (now: TaskRecord): boolean => {
    const scene = complete()
    scene.solo.hear('n3', { type: 'replicate', batch: 1, records: [held], ring: ring.checksum, terms: [0] })
    const sent = scene.last('n2', 'replicate') as { batch: number } | undefined
    assert.ok(sent, 'the owner is sent it')
    if (now !== held)
      scene.solo.hear('n3', { type: 'replicate', batch: 2, records: [now], ring: ring.checksum, terms: [0] })
    scene.solo.hear('n2', { type: 'replicated', batch: sent.batch, counted: true, ended: [0] })
    return scene.knows()
  }
  assert.equal(told(held), false)
  assert.equal(told(copy(2)), true)
})

test('a record of a key that a term still has is not dropped, though others own and hold it by now', () => {
  const six = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6']
  const moved = ringOf(six)
  const found = Array.from({ length: 1_000 }, (_, i) => `moved-${i}`).find(
    key => ring.owner(key) === 'n1' && !moved.preferenceList(key, 3).includes(asNodeId('n1')),
  )
  const key = found ?? assert.fail('no key leaves n1 altogether')
  const record = {
    ...freshRecord(spec('old', { key }), 'api', wallOf(0), THREE.map(asNodeId), 1),
    term: 4,
    copies: 2,
  }
  const drops = (kept: boolean): boolean => {
    const scene = new Scene('all', [record])
    scene.take(5)
    scene.answer('n2', [record])
    scene.answer('n3', [record])
    if (!kept) scene.right.epochs.notUnder.set(5, new Set([key]))
    scene.right.epochs.note(moved)
    scene.solo.see(six)
    for (const to of moved.preferenceList(key, 3)) {
      const sent = scene.last(to, 'replicate') as { batch: number } | undefined
      if (sent !== undefined) scene.solo.hear(to, { type: 'replicated', batch: sent.batch, counted: true })
    }
    return !scene.knows()
  }
  assert.equal(drops(true), false)
  assert.equal(drops(false), true)
})

test('it does so also when the sender goes by another ring', () => {
  const scene = complete()
  scene.solo.hear('n2', { type: 'replicate', batch: 1, records: [old()], ring: 'another', terms: [0] })
  assert.deepEqual((scene.last('n2', 'replicated') as Replicated).ended, [0])
  assert.equal(scene.knows(), false)
})

const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5']
const five = ringOf(FIVE)
/** Two of its holders are not there at first. */
const former = ringOf(['n1', 'n4', 'n5'])

/** Has two of the three, under the ring of all five, on n1, n2 and n4; `busy` runs, and what comes after waits in its queue. */
function behind(...waiting: readonly string[]): { readonly scene: Scene; readonly records: TaskRecord[] } {
  for (let i = 0; ; i++) {
    const key = `behind-${i}`
    const holders = five.preferenceList(key, 3).join()
    if (ring.owner(key) !== 'n1' || !['n1,n2,n4', 'n1,n4,n2'].includes(holders)) continue
    const records = ['busy', ...waiting].map(id => {
      const record = freshRecord(spec(id, { key }), 'api', wallOf(0), THREE.map(asNodeId), 1)
      return { ...record, term: 4, copies: 2 }
    })
    const scene = new Scene('all', records, { inventoryMs: 10_000 })
    scene.take(5)
    for (const from of ['n2', 'n3']) scene.answer(from, records)
    const { batch } = scene.last('n2', 'replicate') as { batch: number }
    scene.solo.hear('n2', { type: 'replicated', batch, counted: true })
    assert.deepEqual(ordered(scene), ['busy'])
    return { scene, records }
  }
}

const ordered = (scene: Scene): string[] => scene.solo.orders.map(({ task }) => task)

test('who said that it has a task counts as one that has it, wherever the task waited when it said so', () => {
  const { scene, records } = behind('next')
  scene.right.epochs.note(ring, former)
  scene.take(6)
  for (const from of ['n2', 'n3']) scene.answer(from, records)
  scene.right.epochs.note(ring, former, five)
  scene.solo.see(FIVE)
  scene.solo.pass(500)
  for (const from of ['n4', 'n5']) scene.answer(from)
  scene.solo.pass(2_500)
  assert.equal(scene.knows('next'), true)
})

test('what was accepted here is no leftover for those who were asked before', () => {
  const { scene } = behind()
  scene.right.epochs.note(ring, five)
  scene.take(6)
  for (const from of ['n2', 'n3']) scene.answer(from)
  scene.solo.submit(spec('new', { key: scene.solo.record('busy').spec.key }))
  assert.equal(scene.knows('new'), true)
  scene.right.epochs.note(ring, five, former)
  scene.solo.see(FIVE)
  scene.solo.pass(500)
  for (const from of ['n4', 'n5']) scene.answer(from)
  scene.solo.pass(2_500)
  assert.equal(scene.knows('new'), true)
})

test('what others ended while this node had no right is not run from its own queue', () => {
  const { scene } = behind('next')
  scene.take(6)
  for (const from of ['n2', 'n3']) scene.answer(from)
  scene.solo.end('busy', 1, { ok: true, result: null })
  scene.solo.pass(500)
  assert.equal(scene.knows('next'), false)
  assert.deepEqual(ordered(scene), ['busy'])
})

test('what is queued goes on as soon as its key is complete, though the takeover is not over', () => {
  const { scene, records } = behind('next')
  scene.right.epochs.note(ring, five)
  scene.take(6)
  scene.solo.end('busy', 1, { ok: true, result: null })
  scene.solo.pass(500)
  assert.deepEqual(ordered(scene), ['busy'], 'nobody has answered')
  for (const from of ['n2', 'n3']) scene.answer(from, records.slice(1))
  scene.solo.pass(500)
  assert.equal(scene.solo.record('next').state, 'running')
})

test('what was written where there were fewer holders than copies are asked for counts as elsewhere: on all of them', () => {
  const right = new CountedRight()
  const alone = ringOf(['n1'])
  right.epochs.note(alone)
  right.epochs.members = [asNodeId('n1')]
  const solo = new Solo(right, {}, ['n1'])
  solo.step(() => {
    right.take(5)
    return []
  })
  const task = spec('lone', { key: old().spec.key })
  solo.submit(task)
  const { copies = 0, holders } = solo.record('lone')
  assert.deepEqual({ copies, holders }, { copies: 2, holders: ['n1'] })
  const scene = complete()
  assert.deepEqual(scene.copied('n2', old('n1', { copies, holders })), [0], 'the one holder does not know it')
})

test('where more copies were asked for before than now, as many as now must speak against a task', () => {
  const scene = new Scene('all', [old('n1', { copies: 3 })], { durability: 2 })
  const { solo } = scene
  solo.step(() => solo.tasks.viewChanged(ring, ['n1', 'n2'].map(asNodeId), solo.at))
  scene.take(5)
  scene.answer('n2')
  solo.pass(300)
  assert.equal(scene.knows(), true, 'n3 may be the other one that has it')
})
