import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import type { ControlReply, ControlRequest } from '../../src/node/control.ts'
import { Operator, type VoterRequest } from '../../src/node/operator.ts'
import { at, Lone, record } from '../membership/records.ts'

/** What an operator of one node asks, and is answered. */
function desk(lone = new Lone(), newDisk?: string) {
  const asked: VoterRequest[] = []
  const askVoters = (_id: unknown, request: VoterRequest) => {
    asked.push(request)
    return []
  }
  const operator = new Operator(lone.membership, askVoters, () => newDisk)
  const ask = (request: ControlRequest): ControlReply | undefined => {
    const [effect] = operator.control(asRequestId('r'), request, at(100))
    return effect?.kind === 'reply' && !('record' in effect.reply)
      ? (effect.reply as ControlReply)
      : undefined
  }
  return { ask, asked, lone }
}

const codeOf = (reply: ControlReply | undefined) => (reply?.ok === false ? reply.failure.code : reply?.ok)

test('a cordon is put on and taken off, and the answer says what follows', () => {
  const { ask, lone } = desk()
  assert.equal(codeOf(ask({ kind: 'cordon' })), true)
  assert.equal(lone.membership.self.cordoned, true)
  const reply = ask({ kind: 'uncordon' })
  assert.ok(reply?.ok)
  assert.match(reply.detail, /owns its share/)
  assert.equal(lone.membership.self.cordoned, false)
})

test('an uncordoned node that still joins is not said to own anything', () => {
  const { ask, lone } = desk()
  lone.membership.orders.setCordoned('joining', true, at(10))
  const reply = ask({ kind: 'uncordon' })
  assert.ok(reply?.ok)
  assert.match(reply.detail, /not yet/)
  assert.equal(lone.membership.self.cordoned, true)
})

test('a weight outside of its limits is refused with both said, and nothing changes', () => {
  const { ask, lone } = desk()
  for (const weight of [0, -1, 101, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.equal(codeOf(ask({ kind: 'weight', weight })), 'BAD_REQUEST', `${weight}`)
  }
  assert.equal(lone.membership.self.incarnation, 1)
  assert.equal(codeOf(ask({ kind: 'weight', weight: 0.01 })), true)
  assert.equal(lone.membership.self.weight, 0.01)
})

test('forgetting fails with the reason that membership gives', () => {
  const { ask, lone } = desk()
  const link = lone.meet(record('a'), 10)
  assert.equal(codeOf(ask({ kind: 'forget', node: asNodeId('a') })), 'MEMBER_ALIVE')
  assert.equal(codeOf(ask({ kind: 'forget', node: asNodeId('b') })), 'MEMBER_UNKNOWN')
  const dead = record('b', { status: 'dead' })
  lone.say(link, record('a'), { type: 'rumour', members: [dead] }, 20)
  assert.equal(codeOf(ask({ kind: 'forget', node: asNodeId('b') })), true)
})

test('only a node that came with another disk gives up what it had before, and says so once', () => {
  const self = new Lone().membership.self.id
  const former = (node: string) => ({ kind: 'forget-former-disk', node: asNodeId(node) }) as const
  const kept = desk()
  assert.equal(codeOf(kept.ask(former(self))), 'FORMER_DISK_UNKNOWN')
  const { ask, lone } = desk(new Lone(), 'second')
  const elsewhere = ask(former('a'))
  assert.equal(codeOf(elsewhere), 'FORMER_DISK_UNKNOWN')
  assert.match(elsewhere?.ok === false ? elsewhere.failure.detail : '', /say it to a itself/)
  assert.equal(lone.membership.self.onlyDisk, undefined)
  assert.equal(codeOf(ask(former(self))), true)
  assert.equal(codeOf(ask(former(self))), true)
  assert.deepEqual([lone.membership.self.onlyDisk, lone.membership.self.incarnation], ['second', 2])
})

test('a node that leaves is not cordoned or weighed any more', () => {
  const { ask, lone } = desk()
  lone.membership.beginLeave(at(10))
  assert.equal(codeOf(ask({ kind: 'cordon' })), 'LEAVING')
  assert.equal(codeOf(ask({ kind: 'weight', weight: 2 })), 'LEAVING')
  assert.equal(lone.membership.self.incarnation, 1)
})

test('what concerns voters is handed on, and only that', () => {
  const { ask, asked } = desk()
  const requests: VoterRequest[] = [
    { kind: 'voter-add', node: asNodeId('a') },
    { kind: 'voter-remove', node: asNodeId('a') },
    { kind: 'voters-reset', names: [asNodeId('a')] },
  ]
  for (const request of requests) assert.equal(ask(request), undefined)
  ask({ kind: 'cordon' })
  assert.deepEqual(asked, requests)
})
