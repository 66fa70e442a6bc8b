import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { begin, keyHeldBy, made, ring, six } from './completeness-scene.ts'
import { nodesOf } from './known-epochs.ts'
import { names, ringOf } from './samples.ts'

test('nothing is complete before a term is asked about', () => {
  const scene = made()
  assert.equal(begin(scene), false)
  assert.equal(scene.completeness.gates('k'), true)
  scene.epochs.take(5)
  assert.equal(begin(scene), true)
  assert.equal(begin(scene), false, 'it is asked about once')
  assert.equal(scene.completeness.gates('k'), true)
})

test('all keys are complete when all members but one have answered', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4')
  assert.equal(scene.completeness.conclude(), undefined)
  assert.equal(scene.completeness.active, true)
  scene.hear('n5')
  assert.deepEqual(scene.completeness.conclude(), [])
  assert.equal(scene.completeness.active, false)
  assert.equal(scene.completeness.gates('k'), false)
})

test('while nobody says which rings there were it is not known either who is missing, and that is told', () => {
  const scene = made()
  scene.epochs.rings = 'unknown'
  scene.epochs.take(5)
  begin(scene)
  scene.hear(...six)
  assert.equal(scene.completeness.conclude(), undefined)
  assert.deepEqual([scene.completeness.blind, scene.completeness.missing], [true, []])
  scene.epochs.note(ring)
  assert.equal(scene.completeness.blind, false)
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('a term of the ring before, complete as it is, says nothing of what a new ring brought', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear(...six)
  scene.completeness.conclude()
  const before = scene.epochs.tenure?.rings ?? []
  scene.epochs.tenure = { term: 5, rings: [...before, ringOf(names(7)).checksum], without: [] }
  assert.equal(scene.completeness.active, true)
})

test('time stands for no answer', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4')
  begin(scene)
  assert.equal(scene.completeness.conclude(), undefined)
  assert.deepEqual(scene.completeness.missing, nodesOf('n5', 'n6'))
})

test('one key is complete before all are, when two of its holders have answered', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2')
  const [near, far] = [keyHeldBy('n1', 'n2'), keyHeldBy('n4', 'n5')]
  assert.equal(scene.completeness.gates(near), false)
  assert.equal(scene.completeness.gates(far), true)
})

test('each ring that was noted must be answered for', () => {
  const scene = made()
  const before = ringOf([...six, 'n7', 'n8'])
  scene.epochs.note(ring, before)
  scene.epochs.take(5)
  begin(scene)
  scene.hear(...six)
  assert.equal(scene.completeness.conclude(), undefined, 'n7 and n8 may have what nobody else has')
  scene.hear('n8')
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('an answer from a disk that the ring does not know is none', () => {
  const scene = made()
  scene.epochs.rings = [{ ring, counts: (_, disk) => disk !== 'disk-n5' }]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5')
  assert.equal(scene.completeness.conclude(), undefined)
  scene.hear('n6')
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('three copies let two be missing, one copy none', () => {
  const three = made(3)
  three.epochs.take(5)
  begin(three)
  three.hear('n2', 'n3', 'n4')
  assert.deepEqual(three.completeness.conclude(), [])
  const one = made(1)
  one.epochs.take(5)
  begin(one)
  one.hear('n2', 'n3', 'n4', 'n5')
  assert.equal(one.completeness.conclude(), undefined)
  one.hear('n6')
  assert.deepEqual(one.completeness.conclude(), [])
})

test('one that answered from a new disk and is forgotten then has cost what one has that never answered', () => {
  const scene = made()
  scene.epochs.rings = [{ ring, counts: (_, disk) => disk !== 'disk-n5' && disk !== 'disk-n6' }]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5', 'n6')
  assert.equal(scene.completeness.conclude(), undefined)
  scene.epochs.gone.add('n6')
  const losses = scene.completeness.conclude()
  assert.deepEqual(
    losses?.map(({ forgotten }) => forgotten),
    [nodesOf('n6')],
  )
  assert.equal(scene.epochs.gap, 5)
  assert.deepEqual(scene.completeness.lostFor(keyHeldBy('n5', 'n6')), nodesOf('n6'))
})

test('where only the new disk of a living member counts its answer is enough, and what that may have cost is said', () => {
  const scene = made()
  const given = { ring, counts: (_: unknown, disk: string) => disk !== 'disk-n5' && disk !== 'disk-n6' }
  scene.epochs.rings = [given]
  scene.epochs.take(5)
  begin(scene)
  scene.epochs.onlyDisks.set(asNodeId('n6'), 'disk-n6')
  scene.hear('n2', 'n3', 'n4', 'n5')
  assert.equal(scene.completeness.conclude(), undefined, 'it has not answered')
  scene.hear('n6')
  const losses = scene.completeness.conclude()
  assert.deepEqual(
    losses?.map(({ forgotten }) => forgotten),
    [nodesOf('n6')],
  )
  assert.equal(scene.epochs.gap, 5)
  assert.equal(scene.completeness.gates(keyHeldBy('n5', 'n6')), false)
  assert.deepEqual(scene.completeness.lostFor(keyHeldBy('n5', 'n6')), nodesOf('n6'))
})

test('that one disk is all there is says nothing of the next one', () => {
  const scene = made()
  scene.epochs.rings = [{ ring, counts: (_, disk) => disk !== 'disk-n5' && disk !== 'disk-n6' }]
  scene.epochs.take(5)
  begin(scene)
  scene.epochs.onlyDisks.set(asNodeId('n6'), 'the one before')
  scene.hear('n2', 'n3', 'n4', 'n5', 'n6')
  assert.equal(scene.completeness.conclude(), undefined)
})

test('of a key it is said who of its holders is asked, down, or came with another disk', () => {
  const scene = made()
  scene.epochs.rings = [{ ring, counts: (_, disk) => disk !== 'disk-n5' && disk !== 'disk-n6' }]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n5', 'n6')
  const { completeness, view } = scene
  const nobody = { blind: false, asked: [], down: [], replaced: [] }
  const { replaced, ...others } = completeness.wanted(keyHeldBy('n5', 'n6'))
  assert.deepEqual([others, [...replaced].sort()], [{ blind: false, asked: [], down: [] }, ['n5', 'n6']])
  assert.deepEqual(completeness.wanted(keyHeldBy('n3', 'n5')), {
    ...nobody,
    asked: nodesOf('n3'),
    replaced: nodesOf('n5'),
  })
  assert.deepEqual(completeness.wanted(keyHeldBy('n2', 'n5')), nobody, 'one may be missing')
  view.change(ring, nodesOf('n1', 'n2', 'n3', 'n5'))
  assert.deepEqual(completeness.wanted(), {
    ...nobody,
    asked: nodesOf('n3'),
    down: nodesOf('n4', 'n6'),
    replaced: nodesOf('n5'),
  })
  scene.epochs.rings = 'lost'
  scene.epochs.isDiskOf = (node: string) => node !== 'n5' && node !== 'n6'
  assert.deepEqual(completeness.wanted('k'), completeness.wanted(), 'anybody may have had it')
})

test('a former disk that was given up and not needed costs nothing', () => {
  const scene = made()
  scene.epochs.rings = [{ ring, counts: (_, disk) => disk !== 'disk-n6' }]
  scene.epochs.take(5)
  begin(scene)
  scene.epochs.onlyDisks.set(asNodeId('n6'), 'disk-n6')
  scene.hear('n2', 'n3', 'n4', 'n5', 'n6')
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('a member that an operator forgot is not waited for, and what that may have cost is said', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4')
  scene.epochs.gone.add('n6')
  const losses = scene.completeness.conclude()
  assert.deepEqual(
    losses?.map(({ forgotten }) => forgotten),
    [nodesOf('n6')],
  )
  assert.equal(scene.completeness.active, false)
})

test('a forgotten member whose answer was not needed costs nothing', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4', 'n5')
  scene.epochs.gone.add('n6')
  assert.deepEqual(scene.completeness.conclude(), [])
})

test('what is complete under a term stays so while the term is held, and not longer', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear(...six)
  scene.completeness.conclude()
  scene.epochs.notUnder.set(5, new Set(['gained']))
  scene.epochs.take(9)
  begin(scene)
  assert.equal(scene.completeness.gates('k'), false, 'the earlier term has it still')
  assert.equal(scene.completeness.gates('gained'), true)
  scene.epochs.held = [9]
  begin(scene)
  assert.equal(scene.completeness.gates('k'), true)
})

test('keys that others keep are asked about later', () => {
  const scene = made()
  scene.epochs.take(5, ['kept'])
  scene.epochs.notUnder.set(5, new Set(['kept']))
  begin(scene)
  assert.deepEqual(scene.completeness.question?.without, ['kept'])
  scene.hear(...six)
  scene.completeness.conclude()
  assert.equal(scene.completeness.gates('kept'), true)
  assert.equal(scene.completeness.gates('k'), false)
  assert.equal(scene.completeness.active, true)
  scene.epochs.take(6)
  assert.equal(begin(scene), true)
})

test('while others may act for more nobody is asked', () => {
  const scene = made()
  scene.epochs.take(5)
  scene.epochs.tenure = { term: 5, rings: [], without: undefined }
  assert.equal(begin(scene), false)
})

test('what was this node’s under every ring since it was complete need not be told again', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  assert.deepEqual(scene.completeness.question?.since, [], 'nothing is known yet')
  scene.hear(...six)
  scene.completeness.conclude()
  scene.epochs.claims.set(5, [ring.checksum, 'later'])
  scene.epochs.take(6)
  begin(scene)
  assert.deepEqual(scene.completeness.question?.since, [ring.checksum, 'later'])
  scene.epochs.held = [6]
  begin(scene)
  assert.deepEqual(scene.completeness.question?.since, [], 'the term is not held any more')
})

test('where a term went on without forgotten members the next one asks for everything, and the voters are to know', () => {
  const scene = made()
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3', 'n4')
  scene.epochs.gone.add('n6')
  scene.completeness.conclude()
  assert.equal(scene.epochs.gap, 5)
  scene.epochs.claims.set(5, [ring.checksum])
  scene.epochs.take(6)
  begin(scene)
  assert.deepEqual(scene.completeness.question?.since, [])
  scene.hear('n2', 'n3', 'n4', 'n5')
  scene.completeness.conclude()
  assert.equal(scene.epochs.gap, 5, 'its answer was not needed')
  scene.epochs.claims.set(6, [ring.checksum, 'later'])
  scene.epochs.take(7)
  begin(scene)
  assert.deepEqual(scene.completeness.question?.since, [ring.checksum, 'later'])
})

test('a key that was complete by a round stays so when another term is asked about before the round is over', () => {
  const scene = made()
  const [key, other] = [keyHeldBy('n2', 'n3'), keyHeldBy('n4', 'n5')]
  scene.epochs.take(5)
  begin(scene)
  scene.hear('n2', 'n3')
  assert.deepEqual(
    [key, other].map(each => scene.completeness.gates(each)),
    [false, true],
  )
  scene.epochs.take(6)
  assert.equal(begin(scene), true)
  assert.deepEqual(
    [key, other].map(each => scene.completeness.gates(each)),
    [false, true],
  )
  scene.epochs.rings = 'unknown'
  scene.epochs.changes++
  assert.equal(scene.completeness.gates(key), false, 'what was noted since concerns others')
  scene.epochs.notUnder.set(5, new Set([key]))
  assert.equal(scene.completeness.gates(key), true, 'another has had it since')
  scene.epochs.notUnder.clear()
  scene.epochs.held = [6]
  begin(scene)
  assert.equal(scene.completeness.gates(key), true, 'the term is not held any more')
})
