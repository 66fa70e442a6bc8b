import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Demand, type Limits, limitsOf } from '../../src/tasks/limits.ts'
import { AGING_MS, Queue, type Queued, rankOf } from '../../src/tasks/queue.ts'
import type { Priority } from '../../src/tasks/task.ts'

interface Item extends Queued {
  readonly demand: Demand
}

let orders = 0
const item = (key: string, rank: number, demand: Demand): Item => ({
  key,
  rank,
  demand,
  order: orders++,
  slot: -1,
})

const LIMITS = limitsOf(
  { typeConcurrency: { narrow: 1, wide: 3 }, groupConcurrency: { few: 2 } },
  new Set(['narrow', 'wide', 'free']),
)

/** Something that runs, here or elsewhere. */
interface Run {
  readonly item: Item
  readonly here: boolean
}

/** The same as the queue, as slowly and plainly as can be. */
class Model {
  readonly items: Item[] = []
  readonly runs: Run[] = []
  readonly withheld = new Set<string>()
  readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  best(open: (type: string) => boolean = () => true): Item | undefined {
    const heads = this.items.filter(
      each => !this.items.some(other => other.key === each.key && precedes(other, each)),
    )
    const free = heads.filter(head => this.#keyIsFree(head)).sort((a, b) => (precedes(a, b) ? -1 : 1))
    // Of one type and group the first decides, whatever limits the others bring: or it would wait for ever.
    const first = free.filter((head, i) => !free.slice(0, i).some(other => inOneLine(other, head)))
    return first.find(head => open(head.demand.type) && this.#isBelowLimits(head))
  }

  #keyIsFree({ key, demand }: Item): boolean {
    const ofKey = this.runs.filter(run => run.item.key === key)
    if (this.withheld.has(key)) return false
    return demand.concurrent ? ofKey.every(run => run.item.demand.concurrent) : ofKey.length === 0
  }

  #isBelowLimits({ demand }: Item): boolean {
    const ofType = this.runs.filter(run => run.here && run.item.demand.type === demand.type).length
    if (ofType >= this.limits.ofType(demand.type)) return false
    if (demand.group === undefined) return true
    const ofGroup = this.runs.filter(run => run.item.demand.group === demand.group).length
    return (
      ofGroup < Math.min(this.limits.ofGroup(demand.group), demand.groupLimit ?? Number.POSITIVE_INFINITY)
    )
  }
}

const precedes = (a: Item, b: Item): boolean => a.rank < b.rank || (a.rank === b.rank && a.order < b.order)

const inOneLine = (a: Item, b: Item): boolean =>
  a.demand.type === b.demand.type && a.demand.group === b.demand.group

const isWide = (type: string): boolean => type === 'wide'

const demand: fc.Arbitrary<Demand> = fc
  .record({
    type: fc.constantFrom('narrow', 'wide', 'free', 'unknown'),
    group: fc.constantFrom(undefined, 'few', 'many'),
    groupLimit: fc.constantFrom(undefined, 1, 2),
    concurrent: fc.boolean(),
  })
  .map(({ type, group, groupLimit, concurrent }) => ({
    type,
    ...(group && { group }),
    ...(group && groupLimit && { groupLimit }),
    ...(concurrent && { concurrent }),
  }))

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'add',
      'add',
      'add',
      'take',
      'take',
      'remove',
      'elsewhere',
      'end',
      'withhold',
      'release',
    ),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    rank: fc.nat({ max: 20 }),
    demand,
  }),
  { maxLength: 150, size: 'max' },
)

type StepOf = typeof steps extends fc.Arbitrary<readonly (infer S)[]> ? S : never

function perform({ kind, key, rank, demand: wanted }: StepOf, queue: Queue<Item>, model: Model): void {
  const { items, runs, withheld } = model
  if (kind === 'add') {
    const added = item(key, rank, wanted)
    queue.add(added)
    items.push(added)
  } else if (kind === 'take') {
    const best = model.best()
    assert.equal(queue.take(), best)
    if (best === undefined) return
    items.splice(items.indexOf(best), 1)
    queue.block(best.key, best.demand)
    runs.push({ item: best, here: true })
  } else if (kind === 'remove' && items.length > 0) {
    const [removed] = items.splice(rank % items.length, 1)
    queue.remove(removed as Item)
  } else if (kind === 'elsewhere') {
    const there = item(key, rank, wanted)
    queue.block(key, wanted, false)
    runs.push({ item: there, here: false })
  } else if (kind === 'end' && runs.length > 0) {
    const [ended] = runs.splice(rank % runs.length, 1) as [Run]
    queue.unblock(ended.item.key, ended.item.demand, ended.here)
  } else if (kind === 'withhold' && items.some(each => each.key === key)) {
    queue.withhold(key)
    withheld.add(key)
  } else if (kind === 'release') {
    queue.recall()
    queue.release(100)
    withheld.clear()
  }
  // A lane that is empty and free is forgotten, and whether it was withheld with it.
  for (const each of withheld) {
    if (!items.some(known => known.key === each) && !runs.some(run => run.item.key === each))
      withheld.delete(each)
  }
}

test('with limits, the queue always gives what a plain search would, and counts what waits and runs', () => {
  fc.assert(
    fc.property(steps, script => {
      const queue = new Queue<Item>(LIMITS)
      const model = new Model(LIMITS)
      for (const step of script) {
        perform(step, queue, model)
        assert.equal(queue.first(), model.best())
        assert.equal(queue.first(isWide), model.best(isWide))
        assert.equal(queue.size, model.items.length)
        for (const [type, { queued, running }] of queue.types) {
          assert.equal(queued, model.items.filter(each => each.demand.type === type).length)
          assert.equal(running, model.runs.filter(run => run.here && run.item.demand.type === type).length)
        }
        for (const [group, { queued, running }] of queue.groups) {
          assert.equal(queued, model.items.filter(each => (each.demand.group ?? '') === group).length)
          assert.equal(running, model.runs.filter(run => (run.item.demand.group ?? '') === group).length)
        }
      }
      for (const run of model.runs.splice(0)) queue.unblock(run.item.key, run.item.demand, run.here)
      for (const each of model.items.splice(0)) queue.remove(each)
      assert.deepEqual([queue.size, queue.keys, queue.types.size, queue.groups.size], [0, 0, 0, 0])
    }),
    { numRuns: 200 },
  )
})

test('what keeps a task waiting is named', () => {
  const queue = new Queue<Item>(LIMITS)
  const unknown = item('u', 1, { type: 'unknown' })
  const first = item('a', 1, { type: 'narrow' })
  const second = item('a', 2, { type: 'narrow' })
  const other = item('b', 3, { type: 'narrow' })
  const grouped = item('c', 4, { type: 'free', group: 'g', groupLimit: 1 })
  const withheld = item('d', 5, { type: 'free' })
  for (const each of [unknown, first, second, other, grouped, withheld]) queue.add(each)
  queue.withhold('d')
  assert.deepEqual(
    [unknown, first, second, withheld].map(each => queue.obstacle(each)),
    ['executor', 'slot', 'key-order', 'leave'],
  )
  assert.equal(queue.take(), first)
  queue.block('a', first.demand)
  queue.block('elsewhere', { type: 'free', group: 'g' }, false)
  assert.deepEqual(
    [second, other, grouped].map(each => queue.obstacle(each)),
    ['key-busy', 'type-limit', 'group-limit'],
  )
})

/** For so many aging intervals twice as much comes as can be done. */
const FLOOD = 20

/** Returns the longest wait of each priority, of all that came early enough to be overtaken in the flood. */
function overload(
  seed: readonly { readonly priority: Priority; readonly key: number }[],
): Map<Priority, number> {
  const queue = new Queue<Item & { readonly at: number; readonly priority: Priority }>()
  const worst = new Map<Priority, number>()
  const serveMs = 1_000
  // Two arrive while one is served, and there is always one of priority 0 among them.
  for (let now = 0, i = 0; now < 2 * FLOOD * AGING_MS; now += serveMs, i++) {
    const { priority, key } = seed[i % seed.length] as (typeof seed)[number]
    const arrivals: readonly Priority[] = now < FLOOD * AGING_MS ? [0, priority] : []
    for (const each of arrivals) {
      const made = item(`k${key}-${i}`, rankOf(now, each), { type: 't' })
      queue.add({ ...made, at: now, priority: each })
    }
    const next = queue.take()
    const measured = next?.priority === 0 || (next && next.at < (FLOOD - 3) * AGING_MS)
    if (next && measured) worst.set(next.priority, Math.max(worst.get(next.priority) ?? 0, now - next.at))
  }
  assert.equal(queue.size, 0)
  return worst
}

test('no priority starves: under a flood each waits longer than the first by its age at most', () => {
  const arrivals = fc.array(fc.record({ priority: fc.constantFrom(0, 1, 2, 3), key: fc.nat({ max: 50 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  fc.assert(
    fc.property(arrivals, seed => {
      const worst = overload(seed as Parameters<typeof overload>[0])
      const first = worst.get(0) ?? 0
      for (const [priority, ms] of worst) assert.ok(ms <= first + priority * AGING_MS, `${priority}: ${ms}`)
    }),
    { numRuns: 30 },
  )
})

test('of two limits of a type the lower counts, and a type that the node cannot run has none to give', () => {
  const config = { typeConcurrency: { narrow: 1, wide: 8 }, groupConcurrency: {} }
  const { ofType } = limitsOf(config, new Set(['narrow', 'wide', 'free']), { narrow: 4, wide: 2, strange: 3 })
  assert.deepEqual(['narrow', 'wide', 'free', 'strange'].map(ofType), [1, 2, Number.POSITIVE_INFINITY, 0])
})

test('a hundred thousand tasks of a full type, and of full groups, cost those that may run nothing', () => {
  let reads = 0
  const counted = (key: string, rank: number, demand: Demand): Item => {
    const get = () => {
      reads++
      return rank
    }
    return Object.defineProperty(item(key, 0, demand), 'rank', { get })
  }
  const queue = new Queue<Item>(LIMITS)
  for (let i = 0; i < 50_000; i++) queue.add(counted(`n${i}`, i, { type: 'narrow' }))
  for (let i = 0; i < 50_000; i++)
    queue.add(counted(`g${i}`, i, { type: 'wide', group: `g${i % 500}`, groupLimit: 1 }))
  queue.block('x', { type: 'narrow' })
  for (let i = 0; i < 500; i++) queue.block(`y${i}`, { type: 'free', group: `g${i}` }, false)
  assert.equal(queue.first(), undefined)
  reads = 0
  for (let i = 0; i < 1_000; i++) {
    queue.add(counted(`f${i}`, 200_000 + i, { type: 'free' }))
    const taken = queue.take() as Item
    queue.block(taken.key, taken.demand)
    queue.unblock(taken.key, taken.demand)
    queue.unblock('x', { type: 'narrow' })
    queue.block('x', { type: 'narrow' })
  }
  assert.ok(reads / 1_000 < 300, `${reads / 1_000} reads a round`)
})
