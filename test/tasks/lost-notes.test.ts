/** Takeovers where no quorum of voters knows of every ring under which somebody may have written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { begin, made, ring, six } from './completeness-scene.ts'
import { nodesOf } from './known-epochs.ts'
import { ringOf } from './samples.ts'

test('where no quorum knows of every ring a former disk that is gone for good is given up, too', () => {
  const scene = made()
  scene.epochs.rings = 'lost'
  scene.epochs.isDiskOf = (node: string) => node !== 'n5' && node !== 'n6'
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5', 'n6')
  assert.equal(scene.completeness.conclude(), undefined)
  scene.epochs.onlyDisks.set(asNodeId('n5'), 'disk-n5')
  assert.deepEqual(
    scene.completeness.conclude()?.map(({ forgotten, anyKey }) => [forgotten, anyKey]),
    [[nodesOf('n5'), true]],
  )
})

test('where voters have forgotten, all members that are known must answer, but one', () => {
  const scene = made()
  scene.epochs.rings = 'lost'
  scene.epochs.members = nodesOf(...six, 'n7')
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5')
  assert.equal(scene.completeness.conclude(), undefined)
  scene.hear('n6')
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('where voters have forgotten, those that were forgotten may have had what nobody else had of any key', () => {
  const scene = made()
  scene.epochs.rings = 'lost'
  scene.epochs.members = nodesOf(...six, 'n7', 'n8')
  scene.epochs.take(5)
  begin(scene)
  scene.hear(...six)
  assert.equal(scene.completeness.conclude(), undefined)
  assert.deepEqual(scene.completeness.lostFor('k'), [])
  for (const node of ['n7', 'n8']) scene.epochs.gone.add(node)
  const losses = scene.completeness.conclude()
  assert.deepEqual(
    losses?.map(({ term, forgotten }) => ({ term, forgotten })),
    [{ term: 5, forgotten: nodesOf('n7', 'n8') }],
  )
  assert.deepEqual(scene.completeness.lostFor('k'), nodesOf('n7', 'n8'), 'no ring says whose key it was')
})

test('none may be missing of a ring that is noted still and had fewer members than copies: one had all there was', () => {
  const scene = made()
  scene.epochs.rings = 'lost'
  scene.epochs.stillNoted = [ringOf(['n6']), ring]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5')
  const { completeness } = scene
  assert.equal(completeness.conclude(), undefined, 'all but one have answered, and that was alone')
  assert.deepEqual([completeness.gates('k'), completeness.missing], [true, nodesOf('n6')])
  assert.deepEqual(completeness.wanted('k').asked, nodesOf('n6'))
  scene.hear('n6')
  assert.deepEqual([completeness.gates('k'), completeness.conclude()], [false, []])
})

test('of a ring that had more members, as many may be missing as copies bear', () => {
  const cases: readonly (readonly [number, readonly string[], boolean])[] = [
    [2, ['n5', 'n6'], true],
    [3, ['n5', 'n6'], true],
    [3, ['n6'], false],
  ]
  for (const [durability, members, isEnough] of cases) {
    const scene = made(durability)
    scene.epochs.rings = 'lost'
    scene.epochs.stillNoted = [ringOf(members)]
    scene.epochs.take(5)
    begin(scene)
    scene.hear('n2', 'n3', 'n4', 'n5')
    assert.equal(scene.completeness.conclude() !== undefined, isEnough, `${durability}: ${members}`)
  }
})

test('what was forgotten of such a ring is told', () => {
  const scene = made()
  scene.epochs.rings = 'lost'
  scene.epochs.stillNoted = [ringOf(['n6'])]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5')
  scene.epochs.gone.add('n6')
  assert.deepEqual(
    scene.completeness.conclude()?.map(({ forgotten, anyKey }) => [forgotten, anyKey]),
    [[nodesOf('n6'), false]],
  )
  assert.equal(scene.epochs.gap, 5)
})
