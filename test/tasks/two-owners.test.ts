/** Attempts of an owner that was cut off with them, and of the one that went on: they meet in one record. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Attempt, Outcome, TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { TasksInit } from '../../src/tasks/tasks.ts'
import { own, ready, ring, type Scene } from './scene.ts'

const n2 = asNodeId('n2')
const FAILED = {
  ok: false,
  retryable: true,
  error: { code: 'EXIT_NONZERO', message: 'no' },
} as const satisfies Outcome

const fenced = (number: number): Attempt => ({
  number,
  node: n2,
  startedAt: wallOf(number),
  token: '262144',
  endedAt: wallOf(number + 1),
  outcome: 'fenced',
  error: { code: 'FENCED', message: 'it lost the right' },
})

/** Time passes, and the holders have what is sent to them. */
function goOn(scene: Scene, ms: number): void {
  scene.solo.pass(ms, () => {
    scene.right.until = scene.solo.now + 1_000_000
    for (const node of ['n2', 'n3']) scene.acknowledge(node)
  })
}

/** What n2, an owner before, made of it while nobody heard it. */
function broughtLate(scene: Scene, id: string, changes: Partial<TaskRecord>): void {
  const { notBefore: _, error: __, ...known } = structuredClone(scene.solo.record(id))
  const record = { ...known, term: 4, copies: 2, revision: 49, state: 'ready', ...changes } as TaskRecord
  scene.solo.hear('n2', { type: 'replicate', batch: 77, records: [record], ring: ring.checksum, terms: [0] })
}

/** This node began an attempt of which nobody was told, and lost its right; then n2 began one of the same number. */
function overtaken(
  changes: Partial<TaskSpec>,
  theirs: Partial<Attempt>,
  more: Partial<TasksInit> = {},
): Scene {
  const scene = ready({}, more)
  scene.solo.submit(own('a', { backoff: 'none', ...changes }))
  scene.solo.step(() => {
    scene.right.end()
    return []
  })
  scene.solo.pass(600)
  const mine = scene.solo.record('a')
  const attempt: Attempt = {
    number: 1,
    node: n2,
    startedAt: wallOf(mine.acceptedAt + 500),
    token: '393216',
    ...theirs,
  }
  const state = theirs.outcome === undefined ? 'running' : 'ready'
  const record: TaskRecord = {
    ...structuredClone(mine),
    state,
    term: 6,
    copies: 2,
    revision: 9,
    attempts: [attempt],
  }
  scene.right.held = true
  scene.take(7)
  for (const node of ['n2', 'n3']) scene.answer(node, [record])
  goOn(scene, 300)
  return scene
}

test('a number that two owners gave counts when one of their attempts does', () => {
  const scene = overtaken({ maxAttempts: 2 }, { endedAt: wallOf(9), outcome: 'failed', error: FAILED.error })
  assert.equal(scene.solo.orders.length, 1)
  scene.solo.end('a', scene.solo.orders[0]?.attempt ?? 0, FAILED)
  goOn(scene, 300)
  assert.equal(scene.solo.record('a').state, 'dead', 'two were executed in all')
  assert.equal(scene.solo.orders.length, 1)
})

test('so it does when the node of one of them was seen to crash', () => {
  const scene = overtaken({ maxAttempts: 1 }, {}, { sawEnd: node => node === n2 })
  assert.equal(scene.solo.record('a').state, 'dead')
  assert.deepEqual(scene.solo.orders, [])
})

test('a start that is given up is made again, though an owner before began more of which nobody was told', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  broughtLate(scene, 'a', { attempts: [1, 2, 3].map(fenced) })
  scene.solo.pass(6_000)
  assert.deepEqual(scene.solo.orders, [], 'no holder has answered')
  goOn(scene, 2_000)
  assert.equal(scene.solo.orders.length, 1)
})

test('an attempt that fails for good ends its task, though an owner before began more', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  broughtLate(scene, 'a', { attempts: [1, 2, 3].map(fenced) })
  goOn(scene, 500)
  scene.solo.end('a', 1, { ...FAILED, retryable: false })
  goOn(scene, 500)
  assert.equal(scene.solo.record('a').state, 'dead')
  assert.equal(scene.solo.orders.length, 1)
})

test('starts that were given up elsewhere count against nothing, also those of which only the number is known', () => {
  const scene = ready()
  scene.solo.submit(own('a', { backoff: 'fixed', backoffMs: 1_000 }))
  goOn(scene, 200)
  scene.solo.end('a', 1, FAILED)
  goOn(scene, 200)
  const attempts = Array.from({ length: 16 }, (_, i) => fenced(9 + i))
  broughtLate(scene, 'a', { attempts, uncounted: 8 })
  goOn(scene, 2_000)
  scene.solo.end('a', 25, FAILED)
  goOn(scene, 200)
  assert.equal(scene.solo.record('a').state, 'retrying')
})

test('what was begun for a client and given up is watched again until its time is over', () => {
  const scene = ready({}, { claimTypes: ['echo'] })
  const { solo } = scene
  solo.step(() => solo.tasks.offer(1, ['echo'], 1, solo.at))
  solo.submit(own('a', { expiresAt: wallOf(solo.at.wall + 3_000) }))
  solo.tasks.withdrawOffer(1)
  solo.pass(6_000)
  goOn(scene, 3_000)
  assert.equal(solo.record('a').state, 'dead')
  assert.equal(solo.record('a').error?.code, 'EXPIRED')
})

test('a start that was given up gives its place back to the client that still waits', () => {
  const scene = ready({}, { claimTypes: ['echo'] })
  const { solo } = scene
  solo.step(() => solo.tasks.offer(1, ['echo'], 1, solo.at))
  solo.submit(own('a'))
  assert.equal(solo.metric('claim_places_free'), 0)
  solo.pass(6_000)
  assert.deepEqual(solo.orders, [], 'no holder has answered')
  goOn(scene, 2_000)
  assert.deepEqual(
    solo.orders.map(({ offer }) => offer),
    [1],
  )
})

test('a node that stood still ends what it ran in the record that it has, before it hears of another', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(own('a', { backoff: 'none' }))
  goOn(scene, 200)
  const mine = structuredClone(solo.record('a'))
  assert.equal(mine.state, 'running')
  // It stands still until after its right has ended, and finds the word of its successor first.
  solo.now = scene.right.until + 1_000
  const attempt: Attempt = { number: 2, node: n2, startedAt: solo.at.wall, token: '393216' }
  const attempts = [...mine.attempts, attempt]
  const theirs: TaskRecord = { ...mine, term: 6, revision: mine.revision + 5, attempts }
  solo.hear('n2', { type: 'replicate', batch: 77, records: [theirs], ring: ring.checksum, terms: [6] })
  const { term, revision, state } = solo.record('a')
  assert.deepEqual([term, revision, state], [6, theirs.revision, 'running'])
  assert.deepEqual(
    solo.outcomes('a').map(([node, outcome]) => [node, outcome]),
    [
      ['n1', 'fenced'],
      ['n2', undefined],
    ],
  )
})
