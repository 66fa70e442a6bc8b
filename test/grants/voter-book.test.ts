import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import type { StoredVoters, VoterList, VotersMessage, VotersTell } from '../../src/grants/messages.ts'
import { VoterBook } from '../../src/grants/voter-book.ts'
import { hashOf, jointOf } from '../../src/grants/voter-list.ts'
import { a, at, b, c } from './scene.ts'

const d = asNodeId('d')
const of3: VoterList = { version: 1, names: [a, b, c], fixed: true }
const ballot = { round: 5, by: b }
const adding: VoterList = { ...jointOf(of3, [a, b, c, d]), ballot }
const everybody = new Set([a, b, c, d])

/** A node that writes at once what it has to write. */
class Desk {
  readonly out: GrantsEffect[] = []
  readonly book: VoterBook
  /** Does the voter know the highest term? One that lost its disk does not. */
  known: boolean
  #marks = 0

  /** @param voters those that the configuration names */
  constructor(
    self: NodeId,
    stored: StoredVoters | undefined,
    known: boolean,
    voters: readonly NodeId[] = [],
  ) {
    this.known = known
    const desk = this
    this.book = new VoterBook({
      ...{
        self,
        disk: `disk ${self}`,
        session: 1,
        stored,
        out: this.out,
        promiseMs: () => 2_500,
        nextMark: () => ++this.#marks,
      },
      config: { ...grantsDefaults(), mode: 'quorum', expectedNodes: 3, voters },
      top: () => ({
        get known() {
          return desk.known
        },
        value: 7,
        raise: () => {},
      }),
    })
    this.book.viewChanged(everybody, at(0))
    this.settle(0)
  }

  settle(ms: number): void {
    for (let i = 0; i < this.out.length; i++) {
      const effect = this.out[i]
      if (effect?.kind !== 'persist') continue
      this.out[i] = { ...effect, then: [] }
      for (const then of effect.then) if (then.kind === 'persisted') this.book.persisted(then.mark, at(ms))
    }
  }

  hear(from: NodeId, message: VotersMessage, ms: number): void {
    this.book.message(from, message, at(ms))
    this.settle(ms)
  }

  /** What was said of one kind since this was asked last. */
  said<T extends VotersMessage['type']>(type: T): Extract<VotersMessage, { type: T }>[] {
    return this.out
      .splice(0)
      .flatMap(effect =>
        effect.kind === 'send' && effect.message.type === type
          ? [effect.message as Extract<VotersMessage, { type: T }>]
          : [],
      )
  }
}

const tellOf = (list: VoterList, firm = true): VotersTell => ({
  ...{ type: 'voters', list, firm, top: 7, promiseMs: 2_500, disk: 'another' },
})
const prepare = { type: 'voters-prepare', version: 1, root: hashOf(of3), ballot } as const

test('one change at a time: another is refused while a round goes on, and while the list is joint', () => {
  const { book } = new Desk(a, of3, true)
  assert.equal(book.change('add', d, at(10)).ok, true)
  assert.equal(book.change('remove', c, at(20)).ok, false)
  const joint = new Desk(a, { ...adding, promised: ballot }, true)
  assert.equal(joint.book.change('remove', c, at(10)).ok, false)
})

test('a list that changes by two voters is not taken, whoever tells of it', () => {
  const desk = new Desk(a, of3, true)
  const removing = { ...jointOf({ ...of3, names: [a, b, c, d] }, [a, b]), ballot }
  desk.hear(b, tellOf(removing), 10)
  assert.deepEqual(desk.book.list?.previous, undefined)
  assert.equal(desk.book.conflicts, 1)
})

test('a voter that lost its disk promises nothing to a change before it knows what it may have voted for', () => {
  const desk = new Desk(a, undefined, false)
  desk.hear(b, tellOf(of3), 10)
  assert.deepEqual(desk.book.names, [a, b, c], 'who votes it learns from others')
  desk.hear(b, prepare, 20)
  assert.deepEqual(desk.said('voters-promise'), [])
  desk.known = true
  desk.hear(b, prepare, 320)
  assert.deepEqual(desk.said('voters-promise'), [
    { type: 'voters-promise', ballot, promised: ballot, accepted: undefined, disk: 'disk a' },
  ])
})

test('nor does its word settle one', () => {
  const desk = new Desk(c, { ...adding, promised: ballot }, true)
  const asks = () => desk.said('voters').flatMap(({ ask = 'any' }) => (ask === 'any' ? [] : ask))
  desk.hear(a, tellOf(adding, false), 10)
  desk.hear(d, tellOf(adding), 20)
  assert.deepEqual(asks(), [], 'of the old list nobody else is sure of it')
  desk.hear(a, tellOf(adding), 30)
  const [ask = ''] = asks()
  const settled = () =>
    desk.out.splice(0).some(each => each.kind === 'log' && each.event === 'voters-change-settled')
  for (const firm of [false, true]) {
    for (const from of [a, d]) desk.hear(from, { ...tellOf(adding, firm), answer: ask }, 40)
    assert.equal(settled(), firm)
  }
})

test('it cannot begin a change either', () => {
  const desk = new Desk(a, undefined, false)
  desk.hear(b, tellOf(of3), 10)
  assert.equal(desk.book.change('add', d, at(20)).ok, false)
  desk.known = true
  assert.equal(desk.book.change('add', d, at(30)).ok, true)
})

test('after a reset a change that was under way does not come back', () => {
  const desk = new Desk(a, { ...adding, promised: ballot }, true)
  assert.equal(desk.book.reset([a, d], new Set([a, d]), at(10)).ok, true)
  desk.settle(10)
  for (const from of [b, c]) desk.hear(from, tellOf(adding), 20)
  desk.book.tick(at(9_000))
  desk.settle(9_000)
  assert.deepEqual([desk.book.list?.names, desk.book.list?.previous], [[a, d], undefined])
})

test('the only voter that is named asks what list there is before it makes its own: it would hold that for as good as any', () => {
  const told = new Desk(a, undefined, true, [a])
  told.book.tick(at(100), true)
  told.settle(100)
  told.hear(b, tellOf({ ...of3, names: [b, c, d] }), 350)
  told.book.tick(at(3_000), true)
  told.settle(3_000)
  assert.deepEqual([told.book.list?.names, told.book.conflicts], [[b, c, d], 0])

  const untold = new Desk(a, undefined, true, [a])
  untold.book.tick(at(3_000), true)
  untold.settle(3_000)
  assert.deepEqual(untold.book.list?.names, [a])
})

const [first, other] = [
  { version: 0, names: [a, b, c], fixed: true },
  { version: 0, names: [b, c, d], fixed: true },
] as const

test('the first list is the proposal that enough have taken, also where whoever decides has taken another', () => {
  const desk = new Desk(a, first, true)
  for (const [ms, from] of [b, c].entries()) desk.hear(from, tellOf(other), ms)
  assert.deepEqual([desk.book.list, desk.book.proposals.length], [undefined, 2], 'two of three')
  desk.said('voters')
  desk.hear(d, tellOf(other), 3)
  const answer = desk.said('voters').find(({ ask }) => ask !== undefined)?.ask ?? 'none'
  for (const from of [b, c]) desk.hear(from, { ...tellOf(other), answer }, 4)
  desk.hear(d, { ...tellOf(other), answer, disk: 'yet another' }, 5)
  assert.equal(desk.book.list, undefined, 'd may have taken it after one of the others had lost it')
  desk.hear(d, { ...tellOf(other), answer }, 6)
  assert.deepEqual([desk.book.name?.version, desk.book.names], [1, other.names])
  desk.hear(b, tellOf(first), 7)
  assert.deepEqual([desk.book.names, desk.book.proposals], [other.names, []])
})

test('who has not answered is asked again, and when another has come to say it, all are', () => {
  const desk = new Desk(a, first, true)
  const asks = (ms: number) => {
    desk.book.tick(at(ms), true)
    return desk.said('voters').flatMap(({ ask }) => ask ?? [])
  }
  for (const [ms, from] of [b, c].entries()) desk.hear(from, tellOf(first), ms)
  const [one = 'none', ...more] = new Set(asks(10))
  assert.deepEqual(more, [])
  desk.hear(b, { ...tellOf(first), answer: one }, 20)
  assert.ok(asks(600).includes(one))
  desk.hear(c, { ...tellOf(first), disk: 'yet another' }, 1_100)
  const [another = 'none'] = new Set(asks(1_110))
  assert.notEqual(another, one)
  desk.hear(b, { ...tellOf(first), answer: one }, 1_120)
  desk.hear(c, { ...tellOf(first), answer: another, disk: 'yet another' }, 1_130)
  assert.equal(desk.book.list, undefined)
  desk.hear(b, { ...tellOf(first), answer: another }, 1_140)
  assert.deepEqual(desk.book.names, first.names)
})

test('who is not the lowest decides nothing, and whoever is gone is not counted', () => {
  const second = new Desk(b, other, true)
  for (const [ms, from] of [c, d].entries()) second.hear(from, tellOf(other), ms)
  assert.equal(second.book.list, undefined, 'a lives')
  const lowest = new Desk(a, first, true)
  for (const [ms, from] of [b, c].entries()) lowest.hear(from, tellOf(other), ms)
  lowest.book.viewChanged(new Set([a, c, d]), at(3))
  lowest.hear(d, tellOf(other), 4)
  assert.equal(lowest.book.list, undefined, 'b may be another by now')
})
