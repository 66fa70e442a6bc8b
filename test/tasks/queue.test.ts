import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AGING_MS, Queue, type Queued, rankOf } from '../../src/tasks/queue.ts'
import type { Priority } from '../../src/tasks/task.ts'

interface Item extends Queued {
  readonly name: string
}

let orders = 0
const item = (key: string, rank: number): Item => {
  const order = orders++
  return { name: `${key}/${rank}/${order}`, key, rank, order, slot: -1 }
}

function drain(queue: Queue<Item>): string[] {
  const taken: string[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next.name)
  return taken
}

test('tasks come out by priority, then by age', () => {
  const queue = new Queue<Item>()
  const accepted: readonly [number, Priority][] = [
    [0, 2],
    [10, 1],
    [20, 0],
    [5, 0],
  ]
  const items = accepted.map(([at, priority], i) => item(`k${i}`, rankOf(at, priority)))
  for (const each of items) queue.add(each)
  assert.deepEqual(
    drain(queue),
    [items[3], items[2], items[1], items[0]].map(each => each?.name),
  )
})

test('a low priority comes before a high one once it has waited an interval per class more', () => {
  const queue = new Queue<Item>()
  const low = item('low', rankOf(0, 3))
  const early = item('early', rankOf(3 * AGING_MS - 1, 0))
  const late = item('late', rankOf(3 * AGING_MS + 1, 0))
  for (const each of [late, low, early]) queue.add(each)
  assert.deepEqual(drain(queue), [early.name, low.name, late.name])
})

test('a busy key is passed over until it is free', () => {
  const queue = new Queue<Item>()
  const first = item('a', 1)
  const second = item('a', 2)
  const other = item('b', 3)
  for (const each of [first, second, other]) queue.add(each)
  assert.equal(queue.take(), first)
  queue.block('a')
  assert.equal(queue.take(), other)
  assert.equal(queue.take(), undefined)
  queue.unblock('a')
  assert.equal(queue.take(), second)
})

/** The same, as slowly and plainly as can be. */
class Model {
  readonly items: Item[] = []
  readonly busy = new Map<string, number>()

  best(): Item | undefined {
    const free = this.items.filter(each => (this.busy.get(each.key) ?? 0) === 0)
    return free.sort((a, b) => a.rank - b.rank || a.order - b.order)[0]
  }
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'take', 'remove', 'block', 'unblock'),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    rank: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 120 },
)

test('the queue always gives what a plain search would', () => {
  fc.assert(
    fc.property(steps, script => {
      const queue = new Queue<Item>()
      const model = new Model()
      for (const { kind, key, rank } of script) {
        const busy = model.busy.get(key) ?? 0
        if (kind === 'add') {
          const added = item(key, rank)
          queue.add(added)
          model.items.push(added)
        } else if (kind === 'block' || (kind === 'unblock' && busy > 0)) {
          if (kind === 'block') queue.block(key)
          else queue.unblock(key)
          model.busy.set(key, busy + (kind === 'block' ? 1 : -1))
        } else if (kind === 'remove' && model.items.length > 0) {
          const [removed] = model.items.splice(rank % model.items.length, 1)
          if (removed !== undefined) queue.remove(removed)
        } else if (kind === 'take') {
          const best = model.best()
          assert.equal(queue.take(), best)
          if (best !== undefined) model.items.splice(model.items.indexOf(best), 1)
        }
        assert.equal(queue.size, model.items.length)
      }
      model.busy.forEach((count, key) => {
        for (let i = 0; i < count; i++) queue.unblock(key)
      })
      model.busy.clear()
      for (let best = model.best(); best !== undefined; best = model.best()) {
        assert.equal(queue.take(), best)
        model.items.splice(model.items.indexOf(best), 1)
      }
      assert.equal(queue.take(), undefined)
    }),
    { numRuns: 300 },
  )
})

test('a hundred thousand tasks of one key cost no more per step than of many', () => {
  let compared = 0
  const counting = (rank: number): Item => {
    const made = item('one', 0)
    const get = () => {
      compared++
      return rank
    }
    return Object.defineProperty(made, 'rank', { get })
  }
  const queue = new Queue<Item>()
  for (let i = 0; i < 100_000; i++) queue.add(counting((i * 7919) % 100_003))
  compared = 0
  for (let i = 0; i < 1_000; i++) {
    const taken = queue.take()
    assert.ok(taken)
    queue.block('one')
    assert.equal(queue.take(), undefined)
    queue.unblock('one')
  }
  // 17 levels, two comparisons each, two or three reads of a rank in each.
  assert.ok(compared / 1_000 < 200, `${compared / 1_000} reads per step`)
})

const ofType = (type: string, key: string, rank: number): Item => ({ ...item(key, rank), demand: { type } })

test('a type that is closed is passed over at no cost, and the best of the open ones comes first', () => {
  const queue = new Queue<Item>()
  const slow = Array.from({ length: 1_000 }, (_, i) => ofType('a', `a${i}`, i))
  const quick = [ofType('b', 'b1', 5_000), ofType('c', 'c1', 4_000)]
  for (const each of [...slow, ...quick]) queue.add(each)
  assert.equal(
    queue.first(name => name !== 'a'),
    quick[1],
  )
  assert.equal(
    queue.first(name => name === 'b'),
    quick[0],
  )
  assert.equal(queue.first(), slow[0])
  assert.equal(
    queue.first(() => false),
    undefined,
  )
  assert.deepEqual([queue.standing('a'), queue.standing('b'), queue.standing('d')], [1_000, 1, 0])
})

test('the head of a key decides in which line the key stands', () => {
  const queue = new Queue<Item>()
  const behind = ofType('high', 'key', 20)
  queue.add(behind)
  const ahead = ofType('low', 'key', 5)
  queue.add(ahead)
  assert.deepEqual([queue.standing('low'), queue.standing('high')], [1, 0])
  assert.equal(
    queue.first(name => name === 'high'),
    undefined,
  )
  queue.remove(ahead)
  assert.deepEqual([queue.standing('low'), queue.standing('high')], [0, 1])
  queue.block('key')
  assert.equal(queue.standing('high'), 0)
  queue.unblock('key')
  assert.equal(queue.take(), behind)
})
