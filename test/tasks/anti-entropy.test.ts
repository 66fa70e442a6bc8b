/** Copies whose owners know nothing of them, or know them newer: a holder and an owner, whose peers are played by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALK_PAUSE_MS } from '../../src/tasks/anti-entropy.ts'
import { COMPARED_MAX, type CopyVersion } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { own, ready, ring, type Scene, THREE } from './scene.ts'

/** A task of another owner, as it was written under term 4. */
function ofOther(owner: string, id: string, changes: Partial<TaskRecord> = {}): TaskRecord {
  for (let i = 0; ; i++) {
    const key = `${id}-${i}`
    if (ring.owner(key) !== owner) continue
    const record = freshRecord(spec(id, { key }), 'api', wallOf(0), THREE.map(asNodeId), 1)
    return { ...record, term: 4, copies: 2, ...changes }
  }
}

const versionOf = ({ spec: { id, key }, term = 0, revision }: TaskRecord): CopyVersion => [
  id,
  key,
  term,
  revision,
]

/** It holds these for their owner, who has them too, as far as it was told. */
function holding(...records: TaskRecord[]): Scene {
  const scene = ready()
  scene.right.epochs.notUnder.set(5, new Set(records.map(({ spec: { key } }) => key)))
  for (const [batch, record] of records.entries())
    scene.solo.hear('n2', {
      type: 'replicate',
      batch,
      records: [record],
      ring: ring.checksum,
      terms: [record.term ?? 0],
    })
  return scene
}

/** Long enough for everything to be looked at. */
const walk = (scene: Scene): void => scene.solo.pass(WALK_PAUSE_MS + 1_000)

const told = (scene: Scene, node: string): readonly CopyVersion[] =>
  scene.sent(node, 'compare').flatMap(({ copies }) => copies)

test('an owner is told, again and again, what is held for it and has not ended', () => {
  const record = ofOther('n2', 'a')
  const ended = ofOther('n2', 'b', { state: 'succeeded', settledAt: wallOf(1) })
  const scene = holding(record, ended)
  scene.solo.submit(own('c'))
  for (let walks = 0; walks < 3; walks++) {
    walk(scene)
    assert.deepEqual(told(scene, 'n2'), [versionOf(record)])
    assert.deepEqual(told(scene, 'n3'), [])
  }
  assert.equal(scene.solo.metric('copies_compared_total'), 3)
  assert.deepEqual(
    scene.sent('n2', 'replicate').filter(({ records }) => records[0] === record),
    [],
  )
})

test('what the owner does not know is offered to it, and goes when that says that it has ended', () => {
  const record = ofOther('n2', 'a')
  const scene = holding(record)
  walk(scene)
  scene.solo.hear('n2', { type: 'compared', copies: told(scene, 'n2') })
  const [offer] = scene.sent('n2', 'replicate')
  assert.deepEqual(offer?.records, [record])
  scene.solo.hear('n2', { type: 'replicated', batch: offer?.batch ?? 0, counted: true, ended: [0] })
  assert.equal(scene.solo.tasks.get(record.spec.id), undefined)
  assert.equal(scene.solo.metric('copies_differing_total'), 1)
})

test('what was accepted anew meanwhile does not go for the one before', () => {
  const record = ofOther('n2', 'a')
  const scene = holding(record)
  scene.solo.hear('n2', { type: 'compared', copies: [versionOf(record)] })
  const [offer] = scene.sent('n2', 'replicate')
  const anew = { ...record, acceptedAt: wallOf(5_000) }
  const write = { batch: 9, records: [anew], ring: ring.checksum, terms: [4] }
  scene.solo.hear('n2', { type: 'replicate', ...write })
  scene.solo.hear('n2', { type: 'replicated', batch: offer?.batch ?? 0, counted: true, ended: [0] })
  assert.equal(scene.solo.tasks.get(record.spec.id)?.acceptedAt, anew.acceptedAt)
})

test('what is another version by now, or is owned by another node, is not offered', () => {
  const record = ofOther('n2', 'a')
  const scene = holding(record)
  const [id, key, term, revision] = versionOf(record)
  scene.solo.hear('n2', { type: 'compared', copies: [[id, key, term, revision + 1]] })
  scene.solo.hear('n2', { type: 'compared', copies: [[id, `${key}-other`, term, revision]] })
  scene.solo.hear('n3', { type: 'compared', copies: [versionOf(record)] })
  scene.solo.hear('n2', { type: 'compared', copies: [[asTaskId('unknown'), key, term, revision]] })
  scene.solo.pass(2_000)
  for (const node of ['n2', 'n3']) assert.deepEqual(scene.sent(node, 'replicate'), [])
})

test('they are told in slices', () => {
  const records = Array.from({ length: COMPARED_MAX + 1 }, (_, i) => ofOther('n2', `a${i}`))
  const scene = holding(...records)
  walk(scene)
  const sizes = scene.sent('n2', 'compare').map(({ copies }) => copies.length)
  assert.deepEqual(sizes, [COMPARED_MAX, 1])
})

test('what this node still has under its term, as a key that it keeps, is not offered', () => {
  const record = ofOther('n2', 'a')
  const scene = holding(record)
  scene.right.epochs.notUnder.clear()
  scene.solo.hear('n2', { type: 'compared', copies: [versionOf(record)] })
  assert.deepEqual(scene.sent('n2', 'replicate'), [])
})

test('who had lost its right tells what it holds at once', () => {
  const record = ofOther('n2', 'a')
  const scene = holding(record)
  walk(scene)
  told(scene, 'n2')
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(500)
  assert.deepEqual(told(scene, 'n2'), [])
  scene.right.held = true
  scene.take(9)
  scene.solo.pass(100)
  assert.deepEqual(told(scene, 'n2'), [versionOf(record)])
})

/** The owner of a task that n2 has acknowledged, and n3 has not. */
function owning(): { scene: Scene; record: TaskRecord } {
  const scene = ready()
  scene.solo.submit(own('a', { runAt: wallOf(1_700_000_000_000 + 3_600_000) }))
  scene.acknowledge('n2')
  scene.solo.pass(500)
  for (const node of ['n2', 'n3']) scene.sent(node, 'replicate')
  return { scene, record: scene.solo.record('a') }
}

function ask(scene: Scene, from: string, copies: readonly CopyVersion[], checksum = ring.checksum) {
  scene.solo.hear(from, { type: 'compare', ring: checksum, copies })
  return scene.sent(from, 'compared').flatMap(said => said.copies)
}

test('an owner names what it does not know, or has older, and nothing else', () => {
  const { scene, record } = owning()
  const [id, key, term, revision] = versionOf(record)
  const unknown = versionOf(ofOther('n1', 'b'))
  const newer: CopyVersion = [id, key, term, revision + 1]
  const later: CopyVersion = [id, key, term + 1, 1]
  const foreign = versionOf(ofOther('n2', 'c'))
  const rival: CopyVersion = [id, unknown[1], term + 1, revision]
  assert.deepEqual(ask(scene, 'n2', [versionOf(record), unknown, newer, later, foreign, rival]), [
    unknown,
    newer,
    later,
  ])
})

test('an owner says nothing of another ring, or of what it is still asking others about', () => {
  const { scene } = owning()
  const unknown = versionOf(ofOther('n1', 'b'))
  assert.deepEqual(ask(scene, 'n2', [unknown], 'another'), [])
  scene.take(9)
  assert.deepEqual(ask(scene, 'n2', [unknown]), [])
  for (const node of ['n2', 'n3']) scene.answer(node)
  assert.deepEqual(ask(scene, 'n2', [unknown]), [unknown])
})

test('a holder that has it older than it acknowledged is sent it again, and does not count meanwhile', () => {
  const { scene, record } = owning()
  const [id, key, term, revision] = versionOf(record)
  assert.deepEqual(ask(scene, 'n2', [[id, key, term, revision - 1]]), [])
  assert.equal(scene.solo.metric('copies_found_older_total'), 1)
  assert.equal(scene.solo.metric('records_short'), 1)
  const [batch] = scene.sent('n2', 'replicate')
  assert.deepEqual(batch?.records, [record])
  // It is on its way already to who has not acknowledged it.
  assert.deepEqual(ask(scene, 'n3', [[id, key, term, revision - 1]]), [])
  assert.equal(scene.solo.metric('copies_found_older_total'), 1)
})
