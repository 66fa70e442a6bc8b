import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wallOf } from '../../src/base/time.ts'
import { Offers } from '../../src/tasks/offers.ts'
import type { Outcome } from '../../src/tasks/task.ts'
import { Lent } from './lent.ts'
import { spec } from './samples.ts'
import { Solo } from './solo.ts'

const failed = (code: 'UNCLAIMED' | 'CLAIM_EXPIRED' | 'CLAIM_FAILED', retryable = true): Outcome => ({
  ok: false,
  retryable,
  error: { code, message: 'ended' },
})

/** One node that owns every key, and whose tasks of types `x` and `y` clients carry out. */
function made(config: ConstructorParameters<typeof Solo>[1] = {}, lent?: Lent) {
  const solo = new Solo(lent, config, ['n1'], { claimTypes: ['x', 'y'] })
  return {
    solo,
    submit: (id: string, type: string, key = id) => solo.submit(spec(id, { type, key })),
    offer: (number: number, types: readonly string[], places = 1) =>
      solo.step(() => solo.tasks.offer(number, types, places, solo.at)),
    ordered: () => solo.orders.map(({ task, offer }) => [task, offer]),
  }
}

test('a task that clients carry out stays ready until one waits for its type, and then starts for that one', () => {
  const { solo, submit, offer, ordered } = made()
  submit('a', 'x')
  solo.pass(1_000, () => assert.ok(solo.tasks.nextWake() > solo.now, 'there is nothing to do at once'))
  assert.deepEqual([ordered(), solo.record('a').state], [[], 'ready'])
  assert.equal(solo.tasks.waiting(solo.record('a').spec.id)?.code, 'no-claimer')
  assert.equal(solo.metric('keys_awaiting_claim'), 1)
  offer(7, ['y'])
  assert.deepEqual(ordered(), [])
  offer(8, ['y', 'x'])
  assert.deepEqual(ordered(), [['a', 8]])
  assert.equal(solo.tasks.waiting(solo.record('a').spec.id), undefined)
  assert.deepEqual([solo.metric('tasks_claimed'), solo.metric('claim_places_free')], [1, 1])
})

test('no more start than there are places, also while the orders wait for the disk', () => {
  const { solo, submit, offer, ordered } = made()
  for (const id of ['a', 'b', 'c', 'd']) submit(id, 'x')
  solo.diskHangs = true
  offer(1, ['x'], 2)
  solo.tick()
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map(id => solo.record(id).state),
    ['running', 'running', 'ready', 'ready'],
  )
  offer(2, ['x'])
  solo.diskGoesOn()
  assert.deepEqual(ordered(), [
    ['a', 1],
    ['b', 1],
    ['c', 2],
  ])
})

test('a withdrawn offer begins nothing', () => {
  const { solo, submit, offer, ordered } = made()
  offer(1, ['x'], 5)
  solo.tasks.withdrawOffer(1)
  submit('a', 'x')
  assert.deepEqual([ordered(), solo.metric('claim_places_free')], [[], 0])
})

test('what waits for a client holds up nothing else, and takes none of the slots of the node', () => {
  const { solo, submit, offer, ordered } = made({ concurrency: 1 })
  for (const id of ['a', 'b', 'c']) submit(id, 'x')
  submit('own', 'echo')
  submit('own-2', 'echo')
  assert.deepEqual(ordered(), [['own', undefined]])
  offer(1, ['x'], 2)
  assert.deepEqual(
    ordered().map(([task]) => task),
    ['own', 'a', 'b'],
  )
  solo.end('own', 1, { ok: true, result: null })
  assert.equal(ordered().at(-1)?.[0], 'own-2')
})

test('what clients carry out keeps no worker busy, in no figure', () => {
  const { solo, submit, offer } = made({ concurrency: 2 })
  for (const id of ['a', 'b', 'c']) submit(id, 'x')
  offer(1, ['x'], 3)
  submit('own', 'echo')
  submit('own-2', 'echo')
  submit('own-3', 'echo')
  const stats = solo.stats()
  assert.deepEqual([stats.workers, stats.busy, stats.claimed], [2, 2, 3])
  assert.deepEqual([solo.tasks.load().running, solo.tasks.load().queued], [2, 1])
  assert.deepEqual(
    ['tasks_running', 'tasks_claimed', 'tasks_noted'].map(name => solo.metric(name)),
    [2, 3, 0],
  )
  assert.match(solo.tasks.waiting(solo.record('own-3').spec.id)?.detail ?? '', /^2 of 2 slots of this node/)
  assert.equal(solo.tasks.underWay, 5, 'a drain waits for clients, too')
})

test('the place of a task whose time was over before its client was asked is free for the next one', () => {
  const { solo, submit, offer, ordered } = made()
  const expiresAt = wallOf(solo.at.wall + 3_000)
  solo.submit(spec('late', { type: 'x', expiresAt }))
  solo.diskHangs = true
  offer(1, ['x'])
  solo.pass(5_000)
  submit('next', 'x')
  solo.diskGoesOn()
  assert.deepEqual(ordered(), [['late', 1]])
  solo.end('late', 1, { ok: false, retryable: true, error: { code: 'EXPIRED', message: 'over' } })
  assert.equal(solo.record('late').state, 'dead')
  assert.deepEqual(ordered().at(-1), ['next', 1])
})

test('tasks of one key run one at a time whoever carries them out, in their order', () => {
  const { solo, submit, offer, ordered } = made()
  submit('a', 'x', 'key')
  solo.now += 10
  submit('b', 'echo', 'key')
  assert.deepEqual(ordered(), [])
  offer(1, ['x'], 2)
  assert.deepEqual(ordered(), [['a', 1]])
  solo.end('a', 1, { ok: true, result: null })
  assert.deepEqual(
    ordered().map(([task]) => task),
    ['a', 'b'],
  )
})

test('an attempt that nobody took counts against nothing, and the next one starts when somebody waits', () => {
  const { solo, submit, offer, ordered } = made()
  submit('a', 'x')
  for (const number of [1, 2, 3, 4, 5, 6]) {
    offer(number, ['x'])
    assert.deepEqual(ordered().at(-1), ['a', number])
    solo.end('a', number, failed('UNCLAIMED'))
    assert.equal(solo.record('a').state, 'ready')
  }
  assert.equal(solo.metric('attempts_unclaimed_total'), 6)
  offer(7, ['x'])
  solo.end('a', 7, { ok: true, result: 1 })
  assert.equal(solo.record('a').state, 'succeeded')
  assert.deepEqual(
    solo.outcomes('a').map(([, outcome]) => outcome),
    [...Array.from({ length: 6 }, () => 'cancelled'), 'succeeded'],
  )
})

test('a claim that its client lost is a lost attempt: tried again after a pause, and poison at the third', () => {
  const { solo, submit, offer } = made()
  submit('a', 'x')
  offer(1, ['x'], 5)
  solo.end('a', 1, failed('CLAIM_EXPIRED'))
  assert.equal(solo.record('a').state, 'retrying')
  assert.equal(solo.record('a').attempts[0]?.outcome, 'lost')
  assert.equal(solo.metric('attempts_lost_total'), 1)
  solo.pass(2_000)
  solo.end('a', 2, failed('CLAIM_EXPIRED'))
  solo.pass(4_000)
  solo.end('a', 3, failed('CLAIM_EXPIRED'))
  const { state, error } = solo.record('a')
  assert.deepEqual([state, error?.code], ['dead', 'POISON'])
  assert.match(error?.message ?? '', /attempt 3 on n1 \(CLAIM_EXPIRED\)/)
})

test('without leave for its key no place is taken', () => {
  const lent = new Lent()
  const solo = new Solo(lent, {}, ['n1'], { claimTypes: ['x'] })
  solo.step(() => solo.tasks.taskList('work', [spec('a', { type: 'x' })], solo.at))
  solo.step(() => solo.tasks.offer(1, ['x'], 1, solo.at))
  assert.deepEqual([solo.orders, solo.metric('claim_places_free')], [[], 1])
  lent.give(['a'], 5_000)
  solo.tick()
  assert.deepEqual(
    solo.orders.map(({ task, offer, until }) => [task, offer, until]),
    [['a', 1, 5_000]],
  )
})

test('places are taken of the offer that waits longest, and of none that is not for the type', () => {
  const offers = new Offers(['x', 'y'])
  offers.add(1, ['y'], 1)
  offers.add(2, ['x', 'y'], 2)
  offers.add(3, ['x', 'not-served'], 1)
  offers.add(4, ['not-served'], 9)
  assert.equal(offers.free, 4)
  assert.deepEqual(
    ['x', 'x', 'x', 'x', 'y', 'y'].map(type => offers.take(type)),
    [2, 2, 3, undefined, 1, undefined],
  )
  assert.deepEqual(
    [offers.has('x'), offers.has('y'), offers.has('not-served'), offers.free],
    [false, false, false, 0],
  )
})

test('a place that was not used is free again, behind those that wait longer, while its client waits', () => {
  const offers = new Offers(['x'])
  offers.add(1, ['x'], 1)
  offers.add(2, ['x'], 2)
  const taken = ['x', 'x', 'x'].map(type => offers.take(type))
  assert.deepEqual([taken, offers.has('x')], [[1, 2, 2], false])
  for (const number of [2, 1, 2]) offers.putBack(number)
  assert.equal(offers.free, 3)
  assert.deepEqual(
    ['x', 'x'].map(type => offers.take(type)),
    [1, 2],
  )
  offers.withdraw(1)
  offers.withdraw(2)
  offers.putBack(1)
  offers.putBack(2)
  assert.deepEqual([offers.free, offers.has('x')], [0, false])
})
