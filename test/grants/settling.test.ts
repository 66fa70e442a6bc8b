import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import type { VoterList, VotersTell } from '../../src/grants/messages.ts'
import { VoterBook } from '../../src/grants/voter-book.ts'
import { hashOf } from '../../src/grants/voter-list.ts'
import { a, at, b, c } from './scene.ts'

const d = asNodeId('d')
const of3: VoterList = { version: 1, names: [a, b, c], fixed: true }
const adding: VoterList = {
  ...{ version: 2, names: [a, b, c, d], previous: [a, b, c], fixed: true },
  ...{ root: hashOf(of3), ballot: { round: 5, by: a } },
}

/** `a`, which has the joint list on its disk, and the words of others. */
class Scene {
  readonly #out: GrantsEffect[] = []
  readonly #book: VoterBook
  readonly #asked: string[] = []
  isMade = false

  constructor() {
    this.#book = new VoterBook({
      ...{ self: a, disk: 'disk a', session: 1, stored: { ...adding, promised: { round: 5, by: a } } },
      ...{ config: { ...grantsDefaults(), mode: 'quorum' }, promiseMs: () => 2_500, nextMark: () => 1 },
      top: () => ({ known: true, value: 0, raise: () => {} }),
      out: this.#out,
    })
  }

  /** What it asks of those that have said that they have the list. */
  get ask(): string | undefined {
    return this.#asked.at(-1)
  }

  get asks(): number {
    return this.#asked.length
  }

  hear(from: NodeId, list: VoterList | undefined, ms: number, more: Partial<VotersTell> = {}): void {
    const said = { type: 'voters', list, firm: list !== undefined, top: 0, promiseMs: 2_500 } as const
    this.#book.message(from, { ...said, disk: `disk ${from}`, ...more }, at(ms))
    this.#read()
  }

  /** Says it, and says so again when it is asked. */
  agree(from: NodeId, ms: number, more: Partial<VotersTell> = {}): void {
    this.hear(from, adding, ms, more)
    this.answer(from, ms, more)
  }

  answer(from: NodeId, ms: number, more: Partial<VotersTell> = {}): void {
    const { ask } = this
    this.hear(from, adding, ms, ask === undefined ? more : { answer: ask, ...more })
  }

  tick(ms: number): void {
    this.#book.tick(at(ms))
    this.#read()
  }

  #read(): void {
    for (const effect of this.#out.splice(0)) {
      if (effect.kind === 'persist') this.isMade ||= JSON.stringify(effect).includes('"version":3')
      if (effect.kind === 'send' && effect.message.type === 'voters' && effect.message.ask !== undefined)
        this.#asked.push(effect.message.ask)
    }
  }
}

test('a change of the voter list is made when the longest promise of those who settled it has run out', () => {
  const scene = new Scene()
  scene.agree(b, 0, { promiseMs: 10_000 })
  scene.tick(9_900)
  assert.equal(scene.isMade, false)
  scene.tick(10_000)
  assert.equal(scene.isMade, true)
})

test('so it is when the one that gave it has lost its disk since: what it granted before stands', () => {
  const scene = new Scene()
  scene.agree(b, 0, { promiseMs: 10_000 })
  scene.hear(c, adding, 2_400)
  scene.hear(b, undefined, 2_450, { disk: 'another' })
  scene.tick(2_600)
  assert.equal(scene.isMade, false)
  scene.tick(10_000)
  assert.equal(scene.isMade, true)
})

test('a word that nobody says again settles no change: who gave it may have lost its disk, and vote under the old list', () => {
  const scene = new Scene()
  scene.hear(b, adding, 0)
  for (let ms = 0; ms <= 60_000; ms += 100) scene.tick(ms)
  assert.equal(scene.isMade, false)
})

test('nor does one that was on its way when it was asked for, or that comes from another disk than the first', () => {
  const scene = new Scene()
  scene.hear(b, adding, 0)
  scene.hear(b, adding, 10)
  scene.answer(b, 20, { disk: 'another' })
  scene.tick(2_500)
  assert.equal(scene.isMade, false)
})

test('two that say so again one after the other, each while the other may be without, have not had it at once', () => {
  const scene = new Scene()
  scene.hear(b, adding, 0)
  const ask = scene.ask ?? ''
  scene.hear(b, adding, 100, { disk: 'another' })
  scene.hear(b, adding, 200, { disk: 'another', answer: ask })
  scene.tick(2_500)
  assert.equal(scene.isMade, false)
})

test('who is gone for good holds nothing up: others are asked in its place', () => {
  const scene = new Scene()
  scene.hear(b, adding, 0)
  const first = scene.ask
  scene.hear(c, adding, 500)
  scene.tick(2_000)
  assert.notEqual(scene.ask, first)
  scene.answer(c, 2_010)
  scene.tick(4_400)
  assert.equal(scene.isMade, false, 'a promise later than the moment that counts')
  scene.tick(4_500)
  assert.equal(scene.isMade, true)
})

test('an answer asks nothing back', () => {
  const scene = new Scene()
  scene.hear(b, adding, 0, { ask: 'of b' })
  const { ask } = scene
  assert.ok(ask !== undefined)
  for (let ms = 1; ms < 10; ms++) scene.hear(c, adding, ms, { answer: 'of another' })
  assert.equal(scene.ask, ask)
})

test('who is no voter is told of the list in answer only, and so it asks before enough have said that they have it', () => {
  const scene = new Scene()
  scene.tick(0)
  assert.ok(scene.ask !== undefined)
})

test('to an answer nobody says anything: whoever may not take the list would be asked about it without end', () => {
  const scene = new Scene()
  scene.tick(0)
  const before = scene.asks
  for (const list of [of3, undefined]) scene.hear(b, list, 10, { answer: 'any' })
  assert.equal(scene.asks, before)
  scene.hear(b, of3, 20)
  assert.notEqual(scene.asks, before)
})
