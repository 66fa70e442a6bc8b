import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asRequestId } from '../../src/base/ids.ts'
import { CONFIRMATIONS_MAX, Confirmations } from '../../src/tasks/confirmations.ts'
import { Counters } from '../../src/tasks/counts.ts'
import { Step } from '../../src/tasks/effects.ts'
import { Lent } from './lent.ts'
import { ringOf, spec, specs } from './samples.ts'
import { Solo } from './solo.ts'

function made() {
  const lent = new Lent()
  return { lent, solo: new Solo(lent) }
}

const codeOf = (solo: Solo, id: string) => {
  const reply = solo.reply(id)
  return reply === undefined ? undefined : reply.ok ? 'ok' : reply.failure.code
}

test('an owner that may not act refuses, stores nothing and says when to retry', () => {
  const { solo } = made()
  const id = solo.submit(spec('a'))
  assert.equal(codeOf(solo, id), 'NOT_ACTING')
  const reply = solo.reply(id)
  assert.equal(reply?.ok === false && reply.failure.retryAfterS, 1)
  assert.equal(solo.tasks.page({ scope: 'all' }).tasks.length, 0)
  assert.equal(solo.metric('submits_not_acting_total'), 1)
})

test('leave whose time is up is none', () => {
  const { lent, solo } = made()
  lent.give(['a'], 1_000)
  solo.now = 1_000
  assert.equal(codeOf(solo, solo.submit(spec('a'))), 'NOT_ACTING')
})

test('with leave the task is accepted, and said to be when it is on disk', () => {
  const { lent, solo } = made()
  lent.give(['a'], 2_000)
  solo.diskHangs = true
  const id = solo.submit(spec('a'))
  assert.equal(solo.reply(id), undefined)
  assert.equal(solo.metric('submits_confirming'), 1)
  solo.diskGoesOn()
  assert.equal(codeOf(solo, id), 'ok')
  assert.equal(solo.metric('submits_confirming'), 0)
})

test('if the right ends before the task is on disk, nobody is told that it was accepted', () => {
  const { lent, solo } = made()
  lent.give(['a'], 2_000)
  solo.diskHangs = true
  const id = solo.submit(spec('a'))
  const again = solo.submit(spec('a'))
  lent.take(['a'])
  solo.diskGoesOn()
  assert.equal(codeOf(solo, id), 'RIGHT_ENDED')
  assert.equal(codeOf(solo, again), 'RIGHT_ENDED', 'also who sent it twice')
  assert.equal(solo.metric('submits_unconfirmed_total'), 2)
  assert.equal(codeOf(solo, solo.submit(spec('a'))), 'NOT_ACTING')
  lent.give(['a'], 5_000)
  const reply = solo.reply(solo.submit(spec('a')))
  assert.deepEqual(reply?.ok && [reply.existed, reply.record.spec.id], [true, 'a'])
})

test('each submission is answered once, those of one step together', () => {
  const { lent, solo } = made()
  const ids = ['a', 'b', 'c']
  lent.give(ids, 2_000)
  const replies = ids.map(id => solo.submit(spec(id)))
  assert.deepEqual(
    replies.map(id => codeOf(solo, id)),
    ['ok', 'ok', 'ok'],
  )
  const marks = solo.of('persisted').map(({ mark }) => mark)
  assert.equal(new Set(marks).size, 3)
  assert.ok(marks.every(mark => mark < 0))
})

test('a submission that another node forwards is answered after its disk as well', () => {
  const { lent, solo } = made()
  lent.give(['a'], 2_000)
  solo.diskHangs = true
  const id = asRequestId('f1')
  solo.hear('n2', { type: 'forward', id, hops: 1, request: { kind: 'submit', spec: spec('a') } })
  const replies = () =>
    solo.of('send').filter(({ to, message }) => to === 'n2' && message.type === 'forward-reply')
  assert.equal(replies().length, 0)
  solo.diskGoesOn()
  const [reply] = replies()
  assert.equal(reply?.message.type === 'forward-reply' && reply.message.reply.ok, true)
})

test('who asked an owner that is gone since is not told that nothing is stored, whatever its successor says', () => {
  const lent = new Lent()
  const solo = new Solo(lent, {}, ['n1', 'n2'])
  const task = specs(400).find(({ key }) => ringOf(['n1', 'n2']).owner(key) === 'n2')
  assert.ok(task)
  const id = solo.submit(task)
  assert.equal(solo.reply(id), undefined, 'on its way to n2, which may have it on its disk by now')
  solo.see(['n1'])
  assert.equal(codeOf(solo, id), 'OWNER_UNREACHABLE')
  const reply = solo.reply(id)
  assert.match(reply?.ok === false ? reply.failure.detail : '', /^n2 .* NOT_ACTING/)
})

test('as many wait for the disk as the limit says, and no more', () => {
  const confirmations = new Confirmations(new Lent(), new Counters())
  const { solo } = made()
  const origin = { face: asRequestId('x') }
  const reply = { ok: false, failure: { code: 'INTERNAL', detail: '' } } as const
  for (let i = 0; i < CONFIRMATIONS_MAX; i++) {
    assert.equal(confirmations.refusal(), undefined)
    confirmations.add({ origin, key: 'a', reply }, new Step(solo.at))
  }
  assert.equal(confirmations.refusal()?.code, 'OVERLOADED')
  confirmations.persisted(-1, new Step(solo.at))
  assert.equal(confirmations.refusal(), undefined)
})
