import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import { Uuids } from '../../src/base/uuid.ts'
import { BOUND, type Candidate, Placer } from '../../src/tasks/placement.ts'
import { PLACEMENTS, type Placement } from '../../src/tasks/task.ts'
import { names, ringOf } from './samples.ts'

const candidate = (id: string, some: Partial<Candidate> = {}): Candidate => ({
  id: asNodeId(id),
  weight: 1,
  running: 0,
  queued: 0,
  slots: 4,
  cpu: 0,
  memory: 0,
  types: ['echo'],
  saidAt: 1,
  ...some,
})

function placerOf(candidates: () => readonly Candidate[], seed = 1) {
  const random = new Random(seed)
  const ring = ringOf(candidates().map(({ id }) => id))
  const ids = new Uuids(random.fork())
  const placer = new Placer({
    self: asNodeId('n1'),
    random,
    candidates,
    owner: key => ring.owner(key),
    newId: () => ids.next(wallOf(1)),
  })
  const place = (placement: Placement, type = 'echo'): NodeId => {
    const owner = ring.owner(placer.idFor({ type, placement }))
    assert.ok(owner)
    return owner
  }
  return { placer, place }
}

function countsOf(times: number, each: () => NodeId): Map<NodeId, number> {
  const counts = new Map<NodeId, number>()
  for (let i = 0; i < times; i++) {
    const node = each()
    counts.set(node, (counts.get(node) ?? 0) + 1)
  }
  return counts
}

const metric = (placer: Placer, name: string): number =>
  placer.metrics().find(each => each.name === name)?.samples[0]?.value ?? 0

test('round robin goes from name to name, by type, and goes on when one is gone', () => {
  let all = names(4).map(id => candidate(id, { types: ['echo', 'exec'] }))
  const { place } = placerOf(() => all)
  assert.deepEqual(
    Array.from({ length: 5 }, () => place('round_robin')),
    ['n1', 'n2', 'n3', 'n4', 'n1'],
  )
  assert.equal(place('round_robin', 'exec'), 'n1')
  all = all.filter(({ id }) => id !== 'n2')
  assert.equal(place('round_robin'), 'n3')
})

test('random and weighted hit the nodes alike, and by their weights', () => {
  const all = [candidate('n1', { weight: 3 }), candidate('n2'), candidate('n3', { types: ['other'] })]
  const { place } = placerOf(() => all)
  const alike = countsOf(2_000, () => place('random'))
  const weighed = countsOf(2_000, () => place('weighted'))
  assert.deepEqual([alike.get(asNodeId('n3')), weighed.get(asNodeId('n3'))], [undefined, undefined])
  assert.ok(Math.abs((alike.get(asNodeId('n1')) ?? 0) - 1_000) < 120, `${alike.get(asNodeId('n1'))}`)
  assert.ok(Math.abs((weighed.get(asNodeId('n1')) ?? 0) - 1_500) < 120, `${weighed.get(asNodeId('n1'))}`)
})

test('nodes without the executor are passed over, whatever the rule, and it is counted', () => {
  const types = ['echo', 'exec'] as const
  const node = fc.record({
    types: fc.subarray([...types]),
    queued: fc.nat({ max: 50 }),
    cpu: fc.constantFrom(0, 1),
  })
  const rules = fc.constantFrom<Placement>(...PLACEMENTS)
  fc.assert(
    fc.property(fc.array(node, { minLength: 2, maxLength: 9 }), rules, (nodes, rule) => {
      const all = nodes.map((each, i) => candidate(`n${i + 1}`, each))
      const able = all.filter(each => each.types?.includes('exec')).map(({ id }) => id)
      const { placer, place } = placerOf(() => all)
      for (let i = 0; i < 5; i++) {
        const owner = place(rule, 'exec')
        if (able.length > 0) assert.ok(able.includes(owner), `${owner} of ${able.join()}`)
      }
      assert.equal(metric(placer, 'placements_passed_over_total'), 5 * (all.length - able.length))
    }),
    { numRuns: 60 },
  )
})

test('those who have said nothing are chosen only when nobody says that it has the executor', () => {
  const quiet = candidate('n1', { types: undefined })
  const other = candidate('n2', { types: ['other'] })
  const able = candidate('n3')
  assert.deepEqual(
    [...countsOf(50, placerOf(() => [quiet, other, able]).place.bind(null, 'random')).keys()],
    ['n3'],
  )
  assert.deepEqual(
    [...countsOf(50, placerOf(() => [quiet, other]).place.bind(null, 'random')).keys()],
    ['n1'],
  )
})

test('least load gives nothing to whom has more than the bound allows, and evens out what it gives', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 200 }), { minLength: 2, maxLength: 12 }), fc.nat(), (queued, seed) => {
      const all = queued.map((many, i) => candidate(`n${String(i).padStart(2, '0')}`, { queued: many }))
      const { place } = placerOf(() => all, seed + 1)
      const work = new Map(all.map(each => [each.id, each.queued]))
      for (let i = 0; i < 40; i++) {
        const total = [...work.values()].reduce((sum, many) => sum + many, 0) + 1
        const node = place('least_load')
        const after = (work.get(node) ?? 0) + 1
        assert.ok(after <= Math.ceil((BOUND * total) / all.length), `${after} of ${total} on ${all.length}`)
        work.set(node, after)
      }
    }),
    { numRuns: 60 },
  )
})

test('least load counts CPU and memory, and what a node was given counts until it speaks again', () => {
  let all = [candidate('n1', { cpu: 0.9, memory: 0.5 }), candidate('n2')]
  const { place } = placerOf(() => all)
  assert.equal(place('least_load'), 'n2')
  const six = countsOf(6, () => place('least_load'))
  assert.ok((six.get(asNodeId('n1')) ?? 0) >= 1, 'the idle one fills up')
  all = all.map(each => ({ ...each, saidAt: 2 }))
  assert.equal(place('least_load'), 'n2')
})

test('an id is found for the chosen one of a hundred nodes', () => {
  const all = names(100).map(id => candidate(id))
  const { placer, place } = placerOf(() => all)
  for (let i = 0; i < 100; i++) place('random')
  assert.equal(metric(placer, 'placements_missed_total'), 0)
  assert.equal(metric(placer, 'placements_total'), 100)
})

test('local stays here while a slot is free or others have as much to do, and goes to who has less otherwise', () => {
  let own = candidate('n1', { slots: 4, running: 3 })
  const others = ['n2', 'n3', 'n4'].map(id => candidate(id))
  const { place } = placerOf(() => [own, ...others])
  assert.equal(place('local'), 'n1', 'a slot is free')
  own = { ...own, running: 4, saidAt: 2 }
  assert.notEqual(place('local'), 'n1', 'all slots are taken, and the others have nothing to do')
  const busy = others.map(each => ({ ...each, queued: 40, saidAt: 2 }))
  const crowd = placerOf(() => [{ ...own, queued: 40, saidAt: 3 }, ...busy])
  assert.equal(crowd.place('local'), 'n1', 'all have much to do')
  const unable = placerOf(() => [{ ...own, running: 0, types: ['other'] }, ...others])
  assert.notEqual(unable.place('local'), 'n1')
})
