/** A key that is kept while the ring gives it to another node: what is answered meanwhile says nothing of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Inventory, Replicate, Replicated } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { ringOf, spec } from './samples.ts'
import { Solo } from './solo.ts'

const THREE = ['n1', 'n2', 'n3']
const FOUR = [...THREE, 'n4']
const before = ringOf(THREE)
const between = ringOf(FOUR)

/** A key of n1, which a fourth member would have. */
function keyThatGoes(): string {
  for (let i = 0; ; i++) {
    const key = `key-${i}`
    const stillHeld = between.preferenceList(key, 3).includes(asNodeId('n1'))
    if (before.owner(key) === 'n1' && between.owner(key) === 'n4' && stillHeld) return key
  }
}
const key = keyThatGoes()

const record = (id: string): TaskRecord => ({
  ...freshRecord(spec(id, { key }), 'api', wallOf(0), THREE.map(asNodeId), 1),
  term: 4,
  copies: 2,
})

/** n1, whose term asks n2 and n3, each of which answers when the test says so. */
function asking(records: readonly TaskRecord[]) {
  const right = new CountedRight()
  right.epochs.note(before)
  right.epochs.members = FOUR.map(asNodeId)
  const solo = new Solo(right, { inventoryMs: 3_000 }, THREE, { records })
  const last = (to: string, type: string): unknown =>
    solo.of('send').findLast(sent => sent.to === to && sent.message.type === type)?.message
  let answers = 0
  const answer = (from: string, told: readonly TaskRecord[] = []): void => {
    const { id, ringChecksum } = last(from, 'inventory') as Inventory
    const page = { agreed: true, answer: ++answers, page: 0, running: [], done: true } as const
    const whole = { disk: `disk-${from}`, ring: ringChecksum }
    solo.hear(from, { type: 'inventory-reply', id, records: told, ...page, ...whole })
  }
  const acknowledge = (): void => {
    for (const from of ['n2', 'n3']) {
      const sent = last(from, 'replicate') as Replicate | undefined
      if (sent !== undefined) solo.hear(from, { type: 'replicated', batch: sent.batch, counted: true })
    }
  }
  /** Which of these, offered by a node, are said to have ended. */
  const ended = (from: string, offered: TaskRecord): readonly number[] => {
    const copies = { records: [offered], ring: before.checksum, terms: [0] }
    solo.hear(from, { type: 'replicate', batch: 77, ...copies })
    return (last(from, 'replicated') as Replicated).ended ?? []
  }
  solo.step(() => {
    right.take(5)
    return []
  })
  return { right, solo, answer, acknowledge, ended }
}

test('a task that one holder has waits for the other, though that answers while the key is another’s', () => {
  const [running, waiting] = [record('q'), record('r')]
  const { right, solo, answer, acknowledge, ended } = asking([running])
  answer('n3', [running, waiting])
  acknowledge()
  solo.pass(100, acknowledge)
  right.epochs.note(before, between)
  solo.see(FOUR)
  assert.deepEqual(solo.tasks.keptKeys(), [key])
  solo.pass(400)
  answer('n2')
  solo.pass(200)
  solo.see(THREE)
  solo.pass(100)
  assert.equal(solo.record('r').state, 'ready')
  assert.deepEqual(ended('n2', waiting), [])
})

for (const [what, claimed] of [
  ['has the newest term', { term: 5, rings: [before.checksum, between.checksum], without: [] }],
  ['is to be had by a term that is not taken yet', undefined],
  [
    'is to be had by a term before which others must give up theirs',
    { term: 6, rings: [], without: undefined },
  ],
] as const)
  test(`a key is not complete by what was answered while it was another’s: the ring of then ${what}`, () => {
    const { right, solo, answer, ended } = asking([])
    const isComplete = () => solo.tasks.takeoverOf(key)?.complete
    assert.equal(isComplete(), false)
    right.epochs.note(before, between)
    right.epochs.tenure = claimed
    solo.see(FOUR)
    solo.pass(400)
    for (const node of ['n2', 'n3']) answer(node)
    solo.pass(400)
    assert.equal(solo.logged('takeover-complete').length, 1, 'what the ring gives to this node is complete')
    assert.equal(isComplete(), false)
    solo.see(THREE)
    solo.pass(400)
    assert.equal(isComplete(), false)
    const accepted = record('r')
    assert.deepEqual(ended('n2', accepted), [])
    solo.step(() => {
      right.take(7)
      return []
    })
    for (const node of ['n2', 'n3']) answer(node, [accepted])
    solo.pass(400)
    assert.equal(isComplete(), true)
    assert.notEqual(solo.tasks.get(accepted.spec.id), undefined)
  })

test('voters keep the rings of before while a key is kept that is not complete: whoever has it next asks under them', () => {
  const { right, solo, answer, acknowledge } = asking([])
  right.epochs.note(before, between)
  right.epochs.keeps = [key]
  solo.see(FOUR)
  solo.step(() => {
    right.take(6)
    right.epochs.tenure = { term: 6, rings: [between.checksum], without: [] }
    return []
  })
  solo.pass(400)
  for (const node of ['n2', 'n3']) answer(node)
  solo.pass(400, acknowledge)
  assert.equal(solo.logged('takeover-complete').length, 1)
  assert.equal(right.epochs.done, undefined)
  right.epochs.keeps = []
  solo.pass(100)
  assert.equal(right.epochs.done, between.checksum)
})

test('a kept key that was complete stays so, whatever terms come and go while it is kept', () => {
  const { right, solo, answer, acknowledge } = asking([record('q')])
  for (const node of ['n2', 'n3']) answer(node, [record('q')])
  solo.pass(200, acknowledge)
  assert.equal(solo.record('q').state, 'running')
  right.epochs.note(before, between)
  right.epochs.keeps = [key]
  solo.see(FOUR)
  solo.step(() => {
    right.epochs.take(6)
    right.epochs.tenure = { term: 6, rings: [between.checksum], without: [] }
    right.moves++
    return []
  })
  solo.pass(400, acknowledge)
  for (const node of ['n2', 'n3', 'n4']) answer(node)
  solo.pass(400, acknowledge)
  // Of many terms the oldest is forgotten.
  solo.step(() => {
    right.epochs.held = [6]
    right.epochs.changes++
    return []
  })
  solo.pass(200, acknowledge)
  assert.deepEqual(solo.tasks.keptKeys(), [key])
  assert.deepEqual([solo.tasks.takeoverOf(key)?.complete, right.epochs.done], [true, between.checksum])
  const id = solo.request({ kind: 'cancel', task: asTaskId('q'), key })
  solo.pass(200, acknowledge)
  assert.equal(solo.reply(id)?.ok, true)
})

test('where a ring was not claimed yet, answers under it end no round: a term may have what they say nothing of', () => {
  const { right, solo, answer, ended } = asking([])
  right.epochs.note(before, between)
  right.epochs.unclaimed.add(between.checksum)
  solo.see(FOUR)
  solo.pass(400)
  for (const node of ['n2', 'n3']) answer(node)
  solo.pass(400)
  assert.deepEqual(solo.logged('takeover-complete'), [])
  solo.see(THREE)
  solo.pass(400)
  assert.equal(solo.tasks.takeoverOf(key)?.complete, false)
  const accepted = record('r')
  assert.deepEqual(ended('n2', accepted), [])
  for (const node of ['n2', 'n3']) answer(node, [accepted])
  solo.pass(400)
  assert.equal(solo.tasks.takeoverOf(key)?.complete, true)
  assert.notEqual(solo.tasks.get(accepted.spec.id), undefined)
})
