import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TERM_MAX } from '../../src/base/believed-terms.ts'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Counters } from '../../src/tasks/counts.ts'
import { Step } from '../../src/tasks/effects.ts'
import { FENCES_MAX, type Fence, Fences, fencesOf } from '../../src/tasks/fences.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { ringOf, spec } from './samples.ts'
import { Scene } from './scene.ts'

const [n1, n2] = [asNodeId('n1'), asNodeId('n2')]
const ring = ringOf([n1, n2])
const keyOf = (owner: string): string => {
  for (let i = 0; ; i++) if (ring.owner(`k${i}`) === owner) return `k${i}`
}
const step = (): Step => new Step({ mono: instantOf(0), wall: wallOf(0) })
const made = (...stored: Fence[]): Fences =>
  new Fences(stored, checksum => (checksum === ring.checksum ? ring : undefined), new Counters())
const fence = (term: number, without: string[] = []): Fence => ({
  rings: [ring.checksum],
  owner: n1,
  term,
  without,
})

test('a write below the term of a takeover is refused, for the keys of the one who asked', () => {
  const fences = made()
  fences.note(fence(10), step())
  assert.equal(fences.standing(keyOf('n1'), 9), 10)
  assert.equal(fences.standing(keyOf('n1'), 10), undefined)
  assert.equal(fences.standing(keyOf('n2'), 9), undefined)
})

test('keys that others still keep are excepted, until a takeover does not name them any more', () => {
  const fences = made()
  const key = keyOf('n1')
  fences.note(fence(10, [key]), step())
  assert.equal(fences.standing(key, 9), undefined)
  fences.note(fence(10), step())
  assert.equal(fences.standing(key, 9), 10)
})

test('an older question takes nothing back', () => {
  const fences = made(fence(10))
  const late = step()
  fences.note(fence(8), late)
  assert.deepEqual(late.effects(), [])
  assert.equal(fences.standing(keyOf('n1'), 9), 10)
})

test('it is on the disk with the step, and found again', () => {
  const noted = step()
  made().note(fence(10), noted)
  const [effect] = noted.effects()
  assert.ok(effect?.kind === 'persist')
  const rows = effect.writes.map(({ key, value }) => ({ key, value: structuredClone(value) as unknown }))
  const again = made(...fencesOf([{ key: 'top', value: 3 }, ...rows]))
  assert.equal(again.standing(keyOf('n1'), 9), 10)
})

test('a term has what all of its rings give: the rest is not refused', () => {
  const alone = ringOf([n1])
  const known = new Map([ring, alone].map(each => [each.checksum, each]))
  const fences = new Fences([], checksum => known.get(checksum), new Counters())
  fences.note({ ...fence(10), rings: [ring.checksum, alone.checksum] }, step())
  assert.equal(fences.standing(keyOf('n1'), 9), 10)
  assert.equal(fences.standing(keyOf('n2'), 9), undefined)
})

test('under a ring that is not known here nobody can say what stands', () => {
  const fences = made({ ...fence(10), rings: ['another'] })
  assert.equal(fences.standing('k', 9), 'unknown')
  assert.equal(fences.standing('k', 10), undefined)
})

test('they go with the rings, and there are never too many', () => {
  const fences = made(fence(10))
  const gone = step()
  fences.keepOnly(new Set(), gone)
  assert.equal(fences.size, 0)
  assert.equal(fences.standing(keyOf('n1'), 9), undefined)
  for (let i = 0; i <= FENCES_MAX; i++) fences.note({ ...fence(i), owner: asNodeId(`x${i}`) }, gone)
  assert.equal(fences.size, FENCES_MAX)
})

test('a write of another owner that comes late is refused by who took over itself, as by everybody that was asked', () => {
  const three = ringOf(['n1', 'n2', 'n3'])
  const two = ringOf(['n1', 'n3'])
  const id = Array.from({ length: 100 }, (_, i) => `late-${i}`).find(
    key => three.owner(key) === 'n2' && two.owner(key) === 'n1',
  )
  assert.ok(id !== undefined)
  const scene = new Scene()
  scene.right.epochs.note(two, three)
  scene.solo.see(['n1', 'n3'])
  scene.solo.step(() => {
    scene.right.take(7)
    scene.right.epochs.tenure = { term: 7, rings: [two.checksum], without: [] }
    return []
  })
  scene.answer('n3')
  scene.solo.see(['n1', 'n2', 'n3'])
  const late = { ...freshRecord(spec(id), 'api', wallOf(0), [n2], 1), term: 4, copies: 2 }
  const write = { type: 'replicate', batch: 1, records: [late], ring: three.checksum, terms: [4] } as const
  scene.solo.hear('n2', write)
  assert.deepEqual(scene.sent('n2', 'replicated').at(-1)?.refused, [[0, 7]])
  assert.equal(scene.solo.tasks.get(late.spec.id), undefined)
})

test('of no ring nobody owns anything: such a note refuses no write, and is not taken', () => {
  const none = { ...fence(10), rings: [] }
  const fences = made(none)
  assert.equal(fences.takes(none, step()), false)
  for (const owner of [n1, n2]) assert.equal(fences.standing(keyOf(owner), 9), undefined)
})

test('a term above which nobody would ever come is not noted: the keys would have no owner any more', () => {
  const fences = made()
  assert.equal(fences.takes(fence(TERM_MAX), step()), false)
  assert.equal(fences.takes(fence(Date.UTC(2026)), step()), true)
})
