import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { Beats } from '../../src/membership/beats.ts'
import { Circle } from '../../src/membership/observers.ts'
import { Roster } from '../../src/membership/roster.ts'
import { record } from './records.ts'

const NAMES = Array.from({ length: 40 }, (_, i) => `n${i + 1}`)

/** One node's counts. */
class Counter {
  readonly roster: Roster
  readonly beats: Beats

  constructor(self: string, names: readonly string[] = NAMES) {
    this.roster = new Roster(record(self), 100, instantOf(0), wallOf(0))
    for (const name of names) this.learn(name)
    this.beats = new Beats(this.roster, new Circle(this.roster))
  }

  learn(name: string, incarnation = 1): void {
    this.roster.learn(record(name, { incarnation }), instantOf(0), wallOf(0))
  }

  write(ms: number) {
    this.beats.renew()
    return this.beats.write(instantOf(ms))
  }

  tell(other: Counter, ms: number): string {
    const { order, beats } = this.write(ms)
    other.beats.read(order, beats, instantOf(ms))
    return beats
  }

  heardAt(name: string): number | undefined {
    return this.beats.heardAt(asNodeId(name))
  }
}

test('a count that rises is news of life at the moment it comes, also by way of another', () => {
  const [a, b, c] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
  a.tell(b, 100)
  b.tell(c, 150)
  assert.equal(c.heardAt('n1'), undefined, 'what was counted before says nothing of now')
  a.beats.beat()
  a.tell(b, 400)
  b.tell(c, 500)
  assert.equal(b.heardAt('n1'), 400)
  assert.equal(c.heardAt('n1'), 500)
})

test('a stopped member does not live on in what others repeat', () => {
  const [a, b, c] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
  a.tell(b, 0)
  b.tell(c, 1)
  a.beats.beat()
  a.tell(b, 10)
  for (let ms = 20; ms < 5_000; ms += 10) {
    b.beats.beat()
    c.beats.beat()
    b.tell(c, ms)
    c.tell(b, ms + 5)
  }
  assert.equal(b.heardAt('n1'), 10)
  assert.equal(c.heardAt('n1'), 20)
})

test('an older vector takes nothing back, and is no news', () => {
  const [a, b] = [new Counter('n1'), new Counter('n2')]
  a.tell(b, 0)
  const old = a.write(0)
  for (let i = 0; i < 100; i++) a.beats.beat()
  a.tell(b, 100)
  b.beats.read(old.order, old.beats, instantOf(200))
  assert.equal(b.heardAt('n1'), 100)
  a.beats.beat()
  a.tell(b, 300)
  assert.equal(b.heardAt('n1'), 300)
})

test('counts come round without a gap', () => {
  const [a, b] = [new Counter('n1'), new Counter('n2')]
  a.tell(b, 0)
  for (let i = 1; i <= 20_000; i++) {
    a.beats.beat()
    if (i % 500 !== 0) continue
    a.tell(b, i)
    assert.equal(b.heardAt('n1'), i)
  }
})

test('a vector of an earlier view can be read while the views change, that of an unknown one is counted', () => {
  const [a, b] = [new Counter('n1'), new Counter('n2')]
  a.tell(b, 0)
  b.learn('n99')
  b.write(0)
  a.beats.beat()
  a.tell(b, 100)
  assert.equal(b.heardAt('n1'), 100)
  a.learn('n98')
  a.beats.beat()
  a.tell(b, 200)
  assert.equal(b.heardAt('n1'), 100)
  assert.equal(b.beats.unreadable, 1)
})

test('a new incarnation starts anew', () => {
  const [a, b, c] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
  a.tell(b, 0)
  a.beats.beat()
  a.tell(b, 100)
  for (const each of [b, c]) each.learn('n1', 2)
  assert.equal(b.heardAt('n1'), undefined)
  b.tell(c, 200)
  assert.equal(c.heardAt('n1'), undefined)
})

test('a standstill of this node moves what it heard', () => {
  const [a, b] = [new Counter('n1'), new Counter('n2')]
  a.tell(b, 0)
  a.beats.beat()
  a.tell(b, 100)
  b.beats.stoodStill(2_000, 2_000)
  assert.equal(b.heardAt('n1'), 2_100)
})

test('after a cut of ten minutes in which nobody was buried, counts are news again with the second one', () => {
  const [a, b] = [new Counter('n1'), new Counter('n2')]
  a.tell(b, 0)
  a.beats.beat()
  a.tell(b, 250)
  for (let i = 0; i < 2_400; i++) a.beats.beat()
  a.tell(b, 600_000)
  assert.equal(b.heardAt('n1'), 250, 'how old this count is nobody can tell')
  a.beats.beat()
  a.tell(b, 600_250)
  assert.equal(b.heardAt('n1'), 600_250)
})

test('what a side of a cut knew half an hour ago is not ahead of what the other knows', () => {
  const [a, many, few] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
  a.tell(many, 0)
  a.tell(few, 0)
  let ms = 0
  for (let i = 0; i < 28 * 240; i++) {
    ms += 250
    a.beats.beat()
    a.tell(many, ms)
  }
  few.tell(many, ms)
  a.beats.beat()
  a.tell(many, ms + 250)
  assert.equal(many.heardAt('n1'), ms + 250)
})

test('so it is when a node was stopped, or its machine suspended, for as long', () => {
  for (const clockRan of [true, false]) {
    const [a, many, few] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
    a.tell(many, 0)
    a.tell(few, 0)
    const lateMs = 28 * 60_000
    for (let ms = 250; ms <= lateMs; ms += 250) {
      a.beats.beat()
      a.tell(many, ms)
    }
    few.beats.stoodStill(lateMs, clockRan ? lateMs : 0)
    const { order, beats } = few.write(clockRan ? lateMs : 0)
    many.beats.read(order, beats, instantOf(lateMs))
    a.beats.beat()
    a.tell(many, lateMs + 250)
    assert.equal(many.heardAt('n1'), lateMs + 250)
  }
})

test('a stale count that others repeat stays stale', () => {
  const [a, b, c] = [new Counter('n1'), new Counter('n2'), new Counter('n3')]
  a.tell(b, 0)
  b.tell(c, 500)
  const unknown = new Counter('n1').write(0).beats.slice(-2)
  const place = 2 * [...new Circle(b.roster).spots()].findIndex(({ record: { id } }) => id === 'n1')
  const shown = (ms: number) => b.tell(c, ms).slice(place, place + 2)
  assert.notEqual(shown(60_000), unknown)
  assert.equal(shown(60_001), unknown)
  c.tell(b, 60_400)
  assert.equal(shown(60_450), unknown)
})

test('a vector costs two characters a member, none of which JSON makes longer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000 }), steps => {
      const a = new Counter('n1')
      for (let i = 0; i < steps; i++) a.beats.beat()
      const { beats } = a.write(0)
      assert.equal(beats.length, 2 * NAMES.length)
      assert.equal(JSON.stringify(beats).length, beats.length + 2)
    }),
    { numRuns: 30 },
  )
})

test('whatever comes as a vector, nothing is thrown and nobody lives by it who was not counted', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 100, unit: 'binary' }), fc.boolean(), (text, isKnown) => {
      const b = new Counter('n2')
      const { order } = b.write(0)
      b.beats.read(isKnown ? order : order + 1, text, instantOf(5))
      for (const name of NAMES) assert.equal(b.heardAt(name), undefined)
    }),
  )
})
