import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asLinkId, asPeerId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'
import { explanationOf, memberViews, ownerOf, readinessOf, ringView, statusOf } from '../../src/node/views.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { at, RING, record } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

/** One node; its disk is instant, and what it executes never ends unless the test says so. */
class Stage {
  readonly node: Node
  readonly effects: Effect[] = []
  #now = 0

  constructor(seeds: readonly string[] = []) {
    this.node = new Node(sampleInit({ seeds }), at(0))
  }

  step(input: Input): Effect[] {
    const effects = this.#durable(this.node.step(input, at(this.#now)))
    this.effects.push(...effects)
    return effects
  }

  runTo(ms: number): void {
    while (this.#now < ms) {
      this.#now += 50
      this.step({ kind: 'tick' })
    }
  }

  get now() {
    return at(this.#now)
  }

  events(): string[] {
    return this.effects.flatMap(effect => (effect.kind === 'log' ? [effect.event] : []))
  }

  #durable(effects: readonly Effect[]): Effect[] {
    return effects.flatMap(effect =>
      effect.kind === 'persist' ? [effect, ...this.#durable(effect.then)] : [effect],
    )
  }
}

const spec = (id: string): TaskSpec => ({
  id: asTaskId(id),
  key: id,
  type: 'echo',
  payload: null,
  priority: 1,
  maxAttempts: 4,
  backoffMs: 100,
  backoffMsMax: 1_000,
  timeoutMs: 60_000,
})

test('a node without seeds opens once its view has been still, and then runs what it owns', () => {
  const stage = new Stage()
  stage.step({ kind: 'task-list', name: 'list', specs: [spec('a')] })
  stage.runTo(400)
  assert.ok(!stage.effects.some(effect => effect.kind === 'execute'))
  assert.deepEqual(
    readinessOf(stage.node, stage.now).reasons.map(reason => reason.code),
    ['settling'],
  )
  stage.runTo(700)
  assert.ok(stage.events().includes('ready'))
  assert.equal(stage.effects.filter(effect => effect.kind === 'execute').length, 1)
  assert.equal(readinessOf(stage.node, stage.now).ready, true)
})

test('a node whose ticks are late is not ready before the tick that opens it', () => {
  const stage = new Stage()
  stage.runTo(400)
  assert.deepEqual(
    readinessOf(stage.node, at(5_000)).reasons.map(reason => reason.code),
    ['settling'],
  )
})

test('a node with seeds that nobody answers stays closed and says that it is an island', () => {
  const stage = new Stage(['seed:7946'])
  stage.step({ kind: 'task-list', name: 'list', specs: [spec('a')] })
  stage.runTo(5_000)
  assert.ok(!stage.effects.some(effect => effect.kind === 'execute'))
  assert.ok(stage.events().includes('island'))
  const codes = readinessOf(stage.node, stage.now).reasons.map(reason => reason.code)
  assert.deepEqual(codes, ['joining', 'island'])
  assert.equal(statusOf(stage.node, stage.now).phase, 'joining')
})

test('an attempt is on disk before it is executed, and a submission before it is answered', () => {
  const stage = new Stage()
  stage.runTo(700)
  const effects = stage.step({
    kind: 'request',
    id: asRequestId('r'),
    request: { kind: 'submit', spec: spec('a') },
  })
  const order = effects
    .map(effect => effect.kind)
    .filter(kind => ['persist', 'reply', 'execute'].includes(kind))
  assert.equal(order[0], 'persist')
  assert.ok(order.includes('reply'))
  assert.ok(order.includes('execute'))
})

test('task frames of a peer that has not said hello are dropped', () => {
  const stage = new Stage()
  stage.runTo(700)
  const peer = asPeerId('stranger')
  stage.step({ kind: 'link-up', link: asLinkId(1), peer })
  const request = { kind: 'submit', spec: spec('a') } as const
  const forward = { type: 'forward', id: asRequestId('x'), hops: 0, request } as const
  const effects = stage.step({ kind: 'frame', link: asLinkId(1), peer, message: forward })
  assert.deepEqual(
    effects.filter(effect => effect.kind !== 'log'),
    [],
  )
  assert.equal(stage.node.tasks.get(asTaskId('a')), undefined)
})

test('a leave with a hung task ends within its deadline: the attempt is cancelled, then the node has left', () => {
  const stage = new Stage()
  stage.step({ kind: 'task-list', name: 'list', specs: [spec('a')] })
  stage.runTo(700)
  stage.step({ kind: 'leave', deadlineMs: 1_000 })
  assert.equal(stage.node.phase, 'leaving')
  stage.runTo(1_100)
  assert.ok(!stage.effects.some(effect => effect.kind === 'cancel-attempt' || effect.kind === 'left'))
  stage.runTo(1_300)
  assert.ok(stage.effects.some(effect => effect.kind === 'cancel-attempt'))
  stage.runTo(1_700)
  assert.ok(stage.effects.some(effect => effect.kind === 'left'))
  assert.equal(stage.node.phase, 'left')
})

test('a leave with nothing to do is over at once', () => {
  const stage = new Stage()
  stage.runTo(700)
  assert.ok(stage.step({ kind: 'leave', deadlineMs: 10_000 }).some(effect => effect.kind === 'left'))
})

test('every log line says which life of the node speaks', () => {
  const stage = new Stage(['seed:7946'])
  stage.runTo(1_000)
  const logs = stage.effects.filter(effect => effect.kind === 'log')
  assert.ok(logs.length > 0)
  for (const log of logs) assert.equal(log.fields['incarnation'], 1, log.event)
})

test('what a node shows agrees with itself', () => {
  const stage = new Stage()
  const other = record('other')
  stage.step({ kind: 'link-up', link: asLinkId(1), peer: other.peerId })
  const hello = { type: 'hello', cluster: 'test', self: other, ring: RING, version: '0' } as const
  stage.step({ kind: 'frame', link: asLinkId(1), peer: other.peerId, message: hello })
  const { node, now } = stage
  const status = statusOf(node, now)
  assert.deepEqual(status.members, { alive: 2, suspect: 0, dead: 0, left: 0 })
  assert.equal(status.ring.members, 2)
  const shares = ringView(node).members.reduce((sum, member) => sum + member.share, 0)
  assert.ok(Math.abs(shares - 1) < 1e-12)
  assert.deepEqual(
    memberViews(node, now.mono).map(member => member.id),
    ['me', 'other'],
  )
  const answer = ownerOf(node, 'some key', now)
  const explanation = explanationOf(node, 'some key')
  assert.equal(explanation?.owner, answer.owner)
  assert.deepEqual(explanation?.preferenceList[0], answer.owner)
  assert.equal(answer.mine, answer.owner === 'me')
})

test('a disk that takes nothing new is said once, makes the node not ready, and that ends', () => {
  const stage = new Stage()
  stage.runTo(2_000)
  assert.equal(readinessOf(stage.node, stage.now).ready, true)
  stage.step({ kind: 'store', condition: 'full', detail: 'no room' })
  stage.step({ kind: 'store', condition: 'full', detail: 'no room' })
  const { ready, reasons } = readinessOf(stage.node, stage.now)
  assert.deepEqual([ready, reasons.map(({ code }) => code)], [false, ['store-full']])
  assert.match(String(reasons[0]?.detail), /no room/)
  stage.step({ kind: 'store', condition: 'ok', detail: 'there is room again' })
  assert.equal(readinessOf(stage.node, stage.now).ready, true)
  assert.deepEqual(
    stage.events().filter(event => event.startsWith('store-')),
    ['store-full', 'store-recovered'],
  )
})
