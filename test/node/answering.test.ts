import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { after, type Instant } from '../../src/base/time.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { AttemptOrder, Effect, Input } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'
import { answerOwner, ownerOf } from '../../src/node/views.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { AttemptError } from '../../src/tasks/task.ts'
import { at } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

/** The only voter of its cluster, which acts for everything. Its disk is instant. */
function acting() {
  const grants = { ...grantsDefaults(), mode: 'quorum' as const, expectedNodes: 1 }
  const node = new Node(sampleInit({ grants }), at(0))
  let ms = 0
  const orders: AttemptOrder[] = []
  const durable = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'execute') orders.push(effect.attempt)
      if (effect.kind === 'persist') durable(effect.then)
      if (effect.kind === 'persisted') durable(node.step({ kind: 'persisted', mark: effect.mark }, at(ms)))
    }
  }
  while (!ownerOf(node, 'k', at(ms)).acting) {
    ms += 50
    assert.ok(ms < 60_000, 'it acts')
    durable(node.step({ kind: 'tick' }, at(ms)))
  }
  return { node, now: at(ms), orders, step: (input: Input) => durable(node.step(input, at(ms))) }
}

/** It is sent a task of this type for the key `k`, which ends with this code. */
function endedWith(type: string, code: AttemptError['code'], meanwhile = (_: Node) => {}) {
  const { node, now, orders, step } = acting()
  const request = { kind: 'submit', spec: { ...SPEC, type } } as const
  step({ kind: 'request', id: asRequestId('r'), request })
  const [order] = orders
  assert.ok(order?.until !== undefined, 'it has begun, and its right ends')
  meanwhile(node)
  const outcome = { ok: false, error: { code, message: '' }, retryable: true } as const
  step({ kind: 'attempt-ended', task: order.task, attempt: order.attempt, outcome })
  const { answered } = node.granting
  const isKept = (ms: number): boolean => answered.lost(LOST, ms as Instant).length > 0
  return { now: now.mono, until: order.until, isKept }
}

const SPEC = {
  id: asTaskId('t'),
  key: 'k',
  payload: null,
  priority: 1,
  maxAttempts: 1,
  backoffMs: 100,
  backoffMsMax: 1_000,
  timeoutMs: 60_000,
} as const

/** Everything belongs to somebody else. */
const LOST = buildRing([{ id: asNodeId('other'), weight: 1 }], ringDefaults())

test('what this node said about the right to a key is kept until it ends, once the key is lost', () => {
  const { node, now } = acting()
  const { actingForMs } = answerOwner(node, 'k', now)
  assert.ok(actingForMs !== undefined && actingForMs > 0)
  const { answered } = node.granting
  assert.deepEqual(answered.lost(LOST, now.mono), ['k'])
  assert.deepEqual(answered.lost(LOST, after(now.mono, actingForMs - 1)), ['k'])
  assert.deepEqual(answered.lost(LOST, after(now.mono, actingForMs + 1)), [])
})

test('looking where a key stands binds this node to nothing', () => {
  const { node, now } = acting()
  assert.equal(ownerOf(node, 'k', now).acting, true)
  assert.deepEqual(node.granting.answered.lost(LOST, now.mono), [])
})

for (const code of ['TIMEOUT', 'CANCELLED', 'HTTP_FAILED', 'FENCED'] as const)
  test(`an application that was sent a task may use its right to the end, though the attempt ended with ${code}`, () => {
    const { now, until, isKept } = endedWith('http', code)
    assert.equal(isKept(now), true)
    assert.equal(isKept(until - 1), true)
    assert.equal(isKept(until), false)
  })

test('so may it when the key was lost while the attempt went on', () => {
  const lose = ({ granting }: Node) => void granting.answered.lost(LOST, 0 as Instant)
  const { now, isKept } = endedWith('http', 'TIMEOUT', lose)
  assert.equal(isKept(now), true)
})

test('so may it when the right broke before the attempt ended: what it was told stands', () => {
  // As when the links to the voters break: not at its end, but at once.
  const breakOff = ({ tasks }: Node): void => {
    const running = tasks.running(asTaskId('t'), 1) ?? assert.fail('it runs')
    running.until = Number.NEGATIVE_INFINITY as Instant
  }
  const { until, isKept } = endedWith('http', 'FENCED', breakOff)
  assert.equal(isKept(until - 1), true)
  assert.equal(isKept(until), false)
})

for (const [type, code] of [
  ['http', 'HTTP_STATUS'],
  ['http', 'HTTP_UNREACHED'],
  ['echo', 'TIMEOUT'],
] as const)
  test(`nobody goes on with a task of type ${type} that ended with ${code}`, () => {
    const { now, isKept } = endedWith(type, code)
    assert.equal(isKept(now), false)
  })
