/** A holder that does not take a copy says why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Replicate } from '../../src/tasks/messages.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'
import { ready, ring, THREE } from './scene.ts'

/** A key of another node. */
const keyOf = (owner: string): string => {
  for (let i = 0; ; i++) if (ring.owner(`held-${i}`) === owner) return `held-${i}`
}
const key = keyOf('n2')

/** One copy of one task, sent under a term (0: under none). */
function write(batch: number, term: number, version: { term: number; revision: number }): Replicate {
  const record = freshRecord(spec(key), 'api', wallOf(0), THREE.map(asNodeId), 1)
  const records = [{ ...record, ...version }]
  return { type: 'replicate', batch, records, ring: ring.checksum, terms: [term] }
}

function holding() {
  const scene = ready()
  const said = () => scene.solo.logged('copies-refused').map(({ level, fields }) => ({ level, ...fields }))
  scene.solo.hear('n2', write(1, 9, { term: 9, revision: 4 }))
  assert.deepEqual(said(), [])
  return { scene, said }
}

const line = { level: 'info', from: 'n2', count: 1, task: key, key, hereTerm: 9, hereRevision: 4 }

test('what is refused is said, once a second at most, and what was not said is counted', () => {
  const { scene, said } = holding()
  scene.solo.hear('n2', write(2, 8, { term: 8, revision: 7 }))
  const outranked = { ...line, term: 8, revision: 7, reason: 'higher-term', standing: 9, unsaid: undefined }
  assert.deepEqual(said(), [outranked])
  for (const batch of [3, 4]) scene.solo.hear('n2', write(batch, 8, { term: 8, revision: 7 }))
  assert.deepEqual(said(), [outranked])
  scene.solo.pass(1_000)
  scene.solo.hear('n2', write(5, 7, { term: 7, revision: 7 }))
  assert.deepEqual(said(), [outranked, { ...outranked, term: 7, unsaid: 2 }])
  assert.equal(scene.solo.metric('copies_refused_total'), 4)
})

test('a copy against which no term stands, but which is not what is here, is another version', () => {
  const { scene, said } = holding()
  scene.solo.hear('n2', write(2, 0, { term: 8, revision: 7 }))
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.refused, [[0, 0]])
  const version = { term: 0, revision: 7, reason: 'other-version', standing: undefined, unsaid: undefined }
  assert.deepEqual(said(), [{ ...line, ...version }])
})

test('an older copy of what is here is nothing to speak of', () => {
  const { scene, said } = holding()
  scene.solo.hear('n2', write(2, 9, { term: 9, revision: 2 }))
  assert.deepEqual(said(), [])
})
