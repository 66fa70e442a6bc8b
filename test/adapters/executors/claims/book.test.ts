import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOLD_MS, RIGHT_LEAD_MS } from '../../../../src/adapters/executors/claims/book.ts'
import { ENDED_MAX } from '../../../../src/adapters/executors/claims/ended-claims.ts'
import { HEARING_MS } from '../../../../src/adapters/executors/claims/standstill.ts'
import { asTaskId } from '../../../../src/base/ids.ts'
import { instantOf, NEVER } from '../../../../src/base/time.ts'
import { orderOf } from '../scene.ts'
import { done, held, LEASE_MS, nameOfClaim, Scene } from './subject.ts'

test('a client that waits is offered to the core, and gets the task that was begun for it', () => {
  const scene = new Scene()
  const number = scene.wait(['x', 'y'], 3)
  assert.deepEqual(scene.effects, [{ kind: 'offer', offer: number, types: ['x', 'y'], places: 3 }])
  scene.order('a', { offer: number })
  assert.deepEqual(scene.of('withdraw'), [{ kind: 'withdraw', offer: number }])
  assert.deepEqual(
    scene.handed.map(({ order, client }) => [order.task, client]),
    [['a', 'worker']],
  )
  assert.equal(scene.book.waiting, 0)
})

test('several tasks of one turn come in one answer, and no more than were asked for', () => {
  const scene = new Scene()
  const offer = scene.wait(['x'], 2)
  for (const task of ['a', 'b', 'c']) {
    scene.book.ordered(orderOf('x', null, { task: asTaskId(task), offer }), NEVER, scene.at)
  }
  scene.do(scene.book.flush(scene.at))
  assert.deepEqual(
    scene.of('hand').map(({ claims }) => claims.map(({ order }) => order.task)),
    [['a', 'b']],
  )
  assert.equal(scene.book.unclaimed, 1)
})

test('who waits in vain is answered with nothing when its time is over', () => {
  const scene = new Scene()
  const number = scene.wait(['x'], 1, 500)
  scene.pass(499)
  assert.deepEqual(scene.of('hand'), [])
  scene.pass(1)
  assert.deepEqual(scene.of('hand'), [{ kind: 'hand', waiter: number, claims: [] }])
  assert.deepEqual(scene.of('withdraw'), [{ kind: 'withdraw', offer: number }])
})

test('a task whose client went away goes to another one that waits, or to the next that comes', () => {
  const scene = new Scene()
  const gone = scene.wait()
  scene.do(scene.book.gone(gone, scene.at))
  scene.order('a', { offer: gone })
  assert.equal(scene.handed.length, 0)
  scene.pass(HOLD_MS / 2)
  scene.wait(['y'])
  assert.equal(scene.handed.length, 0)
  scene.wait()
  assert.equal(scene.handed[0]?.order.task, 'a')
  scene.wait(['x'], 1, 30_000, 'other')
  scene.order('b', { offer: gone })
  assert.equal(scene.handed[1]?.client, 'other')
})

test('a task that nobody takes is given back after a moment', () => {
  const scene = new Scene()
  const attempt = scene.order('a', { offer: 77 })
  scene.pass(HOLD_MS - 1)
  assert.deepEqual(scene.ends, [])
  scene.pass(1)
  assert.deepEqual(scene.ends, [[attempt, 'UNCLAIMED']])
  assert.equal(scene.book.nextWake, NEVER)
})

test('an answer that did not get out leaves the task to others, and its claim is unknown', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.do(scene.book.undelivered([claim.id, 'never-was'], scene.at))
  assert.equal(scene.renew(nameOfClaim(claim)), 'unknown')
  scene.wait(['x'], 1, 30_000, 'other')
  assert.deepEqual(
    scene.handed.map(({ id, client }) => [id, client]),
    [
      ['claim-1', 'worker'],
      ['claim-2', 'other'],
    ],
  )
})

test('a claim lives as long as it is renewed, and its attempt is lost when it is not', () => {
  const scene = new Scene()
  const claim = held(scene)
  for (let i = 0; i < 5; i++) {
    scene.pass(LEASE_MS - 1)
    assert.equal(scene.renew(nameOfClaim(claim), { done: i }), 'held')
  }
  assert.equal(scene.book.held.get(claim.id)?.progress?.done, 4)
  assert.deepEqual(scene.ends, [])
  scene.pass(LEASE_MS)
  assert.deepEqual(scene.ends, [['1 a', 'CLAIM_EXPIRED']])
  assert.equal(scene.of('expired')[0]?.claim.id, claim.id)
  assert.equal(scene.renew(nameOfClaim(claim)), 'ended:expired')
  assert.equal(scene.finish(nameOfClaim(claim), done), 'ended:expired')
  assert.equal(scene.ends.length, 1)
})

test('a word that comes after the lease has run out is too late, though nobody looked at the clock meanwhile', () => {
  for (const word of ['renew', 'finish'] as const) {
    const scene = new Scene()
    const claim = held(scene)
    scene.pass(LEASE_MS - 1)
    scene.now += 1
    const verdict =
      word === 'renew' ? scene.renew(nameOfClaim(claim)) : scene.finish(nameOfClaim(claim), done)
    assert.equal(verdict, 'ended:expired')
    assert.deepEqual(scene.ends, [['1 a', 'CLAIM_EXPIRED']])
  }
})

test('a node that stood still hears what its clients said meanwhile before it takes their claims for lost', () => {
  const scene = new Scene()
  const claims = ['a', 'b', 'c'].map(task => held(scene, task))
  const [a, b, c] = claims.map(nameOfClaim)
  assert.ok(a && b && c)
  scene.now += LEASE_MS + 5_000
  scene.do(scene.book.tick(scene.at))
  assert.deepEqual(scene.ends, [], 'nobody could be heard')
  assert.equal(scene.renew(a), 'held')
  assert.equal(scene.finish(b, { kind: 'release' }), 'held')
  scene.pass(HEARING_MS)
  assert.deepEqual(scene.ends, [
    ['1 b', 'UNCLAIMED'],
    ['1 c', 'CLAIM_EXPIRED'],
  ])
  assert.equal(scene.renew(a), 'held')
})

test('the first to be heard after a standstill is heard, too', () => {
  for (const word of ['renew', 'finish'] as const) {
    const scene = new Scene()
    const claim = held(scene)
    scene.now += LEASE_MS + 5_000
    const name = nameOfClaim(claim)
    assert.equal(word === 'renew' ? scene.renew(name) : scene.finish(name, done), 'held')
    assert.deepEqual(scene.ends, word === 'renew' ? [] : [['1 a', 'ok']])
  }
})

test('a claim of which nobody says anything ends also on a node that stands still again and again', () => {
  const scene = new Scene()
  held(scene)
  scene.now += LEASE_MS + 5_000
  scene.do(scene.book.tick(scene.at))
  scene.now += HEARING_MS + 5_000
  scene.do(scene.book.tick(scene.at))
  assert.deepEqual(scene.ends, [['1 a', 'CLAIM_EXPIRED']])
})

test('a short standstill while the lease lasts takes nothing from the one that outlasts it', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.wait(['y'], 1, 1_000)
  scene.now = 1_500
  scene.do(scene.book.tick(scene.at))
  scene.now = LEASE_MS + 5_000
  scene.do(scene.book.tick(scene.at))
  assert.deepEqual(scene.ends, [])
  assert.equal(scene.renew(nameOfClaim(claim)), 'held')
})

test('a standstill gives no time to work: the time limit and the right to act end when they end', () => {
  const scene = new Scene()
  held(scene, 'a', { timeoutMs: 12_000 })
  held(scene, 'b', {}, instantOf(2_000))
  scene.now += LEASE_MS + 5_000
  scene.do(scene.book.tick(scene.at))
  assert.deepEqual(scene.ends, [
    ['1 a', 'TIMEOUT'],
    ['1 b', 'FENCED'],
  ])
})

test('the time limit of the attempt holds however often it is renewed', () => {
  const scene = new Scene()
  const claim = held(scene, 'a', { timeoutMs: 15_000 })
  scene.pass(9_000)
  scene.renew(nameOfClaim(claim))
  assert.equal(scene.book.actingUntil(claim), 15_000)
  scene.pass(6_000)
  assert.deepEqual(scene.ends, [['1 a', 'TIMEOUT']])
})

test('a claim ends with the right to act, moves with it, and is fenced', () => {
  const scene = new Scene()
  const claim = held(scene, 'a', {}, instantOf(2_000))
  assert.equal(scene.book.actingUntil(claim), 2_000 - RIGHT_LEAD_MS)
  scene.book.extend('1 a', instantOf(4_000))
  scene.book.extend('1 a', instantOf(3_000))
  scene.book.extend('1 unknown', instantOf(9_000))
  scene.pass(4_000 - RIGHT_LEAD_MS - 1)
  assert.deepEqual(scene.ends, [])
  scene.pass(1)
  assert.deepEqual(scene.ends, [['1 a', 'FENCED']])
  assert.deepEqual(scene.of('news'), [{ kind: 'news', claim: claim.id }])
  assert.equal(scene.finish(nameOfClaim(claim), done), 'ended:fenced')
})

test('a cancelled claim is told of, waits for its client, and ends when that confirms', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.do(scene.book.abort('1 a'))
  scene.do(scene.book.abort('1 a'))
  assert.deepEqual(scene.of('news'), [{ kind: 'news', claim: claim.id }])
  assert.deepEqual(scene.ends, [])
  assert.equal(scene.renew(nameOfClaim(claim)), 'cancelled')
  assert.equal(scene.finish(nameOfClaim(claim), { kind: 'release' }), 'cancelled')
  assert.deepEqual(scene.ends, [['1 a', 'CANCELLED']])
})

test('a cancelled claim whose client says nothing ends with its lease, which is not renewed any more', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.do(scene.book.abort('1 a'))
  scene.pass(LEASE_MS - 1)
  scene.renew(nameOfClaim(claim))
  scene.pass(1)
  assert.deepEqual(scene.ends, [['1 a', 'CANCELLED']])
})

test('a success that comes after the cancellation is told: the core decides what it is worth', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.do(scene.book.abort('1 a'))
  scene.finish(nameOfClaim(claim), done)
  assert.deepEqual(scene.ends, [['1 a', 'ok']])
})

test('an attempt that is aborted before anybody has it ends at once', () => {
  const scene = new Scene()
  scene.order('a', { offer: 9 })
  scene.do(scene.book.abort('1 a'))
  scene.do(scene.book.abort('1 a'))
  assert.deepEqual(scene.ends, [['1 a', 'CANCELLED']])
  const offer = scene.wait()
  scene.book.ordered(orderOf('x', null, { task: asTaskId('b'), offer }), NEVER, scene.at)
  scene.do(scene.book.abort('1 b'))
  scene.do(scene.book.flush(scene.at))
  assert.deepEqual(scene.ends.at(-1), ['1 b', 'CANCELLED'])
  assert.equal(scene.handed.length, 0)
})

test('a word of another attempt or token is refused, and the claim goes on', () => {
  const scene = new Scene()
  const claim = held(scene, 'a', { attempt: 2, token: { value: '70', safe: true } })
  const name = nameOfClaim(claim)
  for (const wrong of [
    { ...name, attempt: 1 },
    { ...name, token: '69' },
  ]) {
    assert.equal(scene.finish(wrong, done), 'stale')
    assert.equal(scene.renew(wrong), 'stale')
  }
  assert.deepEqual(scene.ends, [])
  assert.equal(scene.finish(name, done), 'held')
  assert.equal(scene.finish({ ...name, token: '69' }, done), 'stale')
  assert.equal(scene.finish({ ...name, claim: 'claim-99' }, done), 'unknown')
})

test('what was said once may be said again, and something else may not', () => {
  const scene = new Scene()
  const claim = held(scene)
  assert.equal(scene.finish(nameOfClaim(claim), done), 'held')
  assert.equal(scene.finish(nameOfClaim(claim), done), 'ended:complete')
  assert.deepEqual(scene.ends, [['1 a', 'ok']])
  const fail = { kind: 'fail', message: 'no', retryable: false } as const
  const other = held(scene, 'b')
  scene.finish(nameOfClaim(other), fail)
  assert.equal(scene.finish(nameOfClaim(other), fail), 'ended:fail')
  const { outcome } = scene.of('end').at(-1) ?? {}
  assert.deepEqual(outcome, { ok: false, retryable: false, error: { code: 'CLAIM_FAILED', message: 'no' } })
})

test('only so many clients may wait, and only so many tasks be held or waited for', () => {
  const scene = new Scene({ waitersMax: 2, claimsMax: 5 })
  scene.wait(['x'], 2)
  assert.equal(scene.book.full(), undefined)
  scene.wait(['x'], 100)
  assert.deepEqual(
    scene.of('offer').map(({ places }) => places),
    [2, 3],
  )
  assert.equal(scene.book.full(), 'waiters')
  for (const task of ['a', 'b']) scene.order(task, { offer: 1 })
  assert.equal(scene.handed.length, 2)
  scene.do(scene.book.dismiss(scene.at))
  assert.equal(scene.book.full(), undefined)
  scene.wait(['x'], 100)
  assert.equal(scene.of('offer').at(-1)?.places, 3)
  assert.equal(scene.book.full(), 'claims')
})

test('at its close everybody is answered and everything ended', () => {
  const scene = new Scene()
  const claim = held(scene)
  scene.order('b', { offer: 99 })
  const waiter = scene.wait(['y'])
  scene.do(scene.book.close(scene.at))
  assert.deepEqual(scene.ends, [
    ['1 a', 'CANCELLED'],
    ['1 b', 'CANCELLED'],
  ])
  assert.deepEqual(scene.of('hand').at(-1), { kind: 'hand', waiter, claims: [] })
  assert.equal(scene.renew(nameOfClaim(claim)), 'ended:stopped')
})

test('of claims that ended long ago nobody knows, and memory stays bounded', () => {
  const scene = new Scene()
  const first = held(scene, 'first')
  scene.finish(nameOfClaim(first), done)
  for (let i = 0; i < ENDED_MAX; i++) {
    scene.effects.length = 0
    scene.finish(nameOfClaim(held(scene, `task-${i}`)), done)
  }
  assert.equal(scene.finish(nameOfClaim(first), done), 'unknown')
  assert.equal(scene.book.ended.counts.get('complete'), ENDED_MAX + 1)
})
