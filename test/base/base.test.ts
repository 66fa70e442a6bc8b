import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError, assert as claim, unreachable } from '../../src/base/assert.ts'
import { CodedError, ERRORS } from '../../src/base/errors.ts'
import { hash32 } from '../../src/base/hash.ts'
import { NODE_ID_PATTERN, TASK_ID_PATTERN } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import { Uuids } from '../../src/base/uuid.ts'

test('equal seeds draw equal numbers, other seeds others', () => {
  const draw = (seed: number) => {
    const random = new Random(seed)
    return Array.from({ length: 20 }, () => random.uint32())
  }
  assert.deepEqual(draw(42), draw(42))
  assert.notDeepEqual(draw(42), draw(43))
  assert.notDeepEqual(draw(1), draw(2 ** 32 + 1))
})

test('numbers stay in their range and spread over it', () => {
  const random = new Random(1)
  const buckets = new Array<number>(10).fill(0)
  for (let i = 0; i < 10_000; i++) {
    const n = random.next()
    assert.ok(n >= 0 && n < 1)
    const bucket = Math.floor(n * 10)
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  for (const count of buckets) assert.ok(count > 850 && count < 1_150, `${buckets}`)
})

test('a shuffle keeps every value', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer(), (values, seed) => {
      const sort = (list: readonly number[]) => [...list].sort((a, b) => a - b)
      assert.deepEqual(sort(new Random(seed).shuffle(values)), sort(values))
    }),
  )
})

test('ids rise even when the wall clock steps back or thousands are drawn in a millisecond', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 50 }), steps => {
      const ids = new Uuids(new Random(5))
      let wall = 1_760_000_000_000
      let last = ''
      for (const step of steps) {
        wall += step
        for (let i = 0; i < 200; i++) {
          const id = ids.next(wallOf(wall))
          assert.ok(id > last)
          last = id
        }
      }
    }),
    { numRuns: 20 },
  )
  const ids = new Uuids(new Random(1))
  const many = Array.from({ length: 10_000 }, () => ids.next(wallOf(1_760_000_000_000.4)))
  assert.equal(new Set(many).size, many.length)
  assert.deepEqual([...many].sort(), many)
  for (const id of many)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.match(many[0] ?? '', TASK_ID_PATTERN)
})

test('two nodes that draw ids in one millisecond never draw the same one', () => {
  const [one, other] = [new Uuids(new Random(1)), new Uuids(new Random(2))]
  const ids = Array.from({ length: 1_000 }, () =>
    [one, other].map(node => node.next(wallOf(1_760_000_000_000))),
  )
  assert.equal(new Set(ids.flat()).size, 2_000)
})

test('every error says a status, what went wrong and what happened to the state', () => {
  for (const [code, [status, title, state]] of Object.entries(ERRORS)) {
    assert.match(code, /^[A-Z][A-Z_]+$/)
    assert.ok(status >= 400 && status < 600, code)
    assert.match(title, /^[A-Z].+\.$/, code)
    assert.match(state, /^[A-Z].+\.$/, code)
  }
})

test('a coded error carries its code, detail and problems', () => {
  const problems = [{ at: 'http.port', expected: 'a port', got: '"x"' }]
  const error = new CodedError('CONFIG_INVALID', '1 problem', { problems })
  assert.equal(error.status, 400)
  assert.match(error.message, /CONFIG_INVALID.*1 problem/)
  assert.deepEqual(error.problems, problems)
})

test('an assertion that fails stops with its context', () => {
  assert.throws(
    () => claim(false, 'two is three', { two: 2 }),
    (error: unknown) => {
      return error instanceof AssertionError && error.context['two'] === 2
    },
  )
  assert.throws(() => unreachable('forged' as never), AssertionError)
})

test('node names fit hostnames and nothing else', () => {
  for (const name of ['n1', 'web-1.example', 'A_b', '7']) assert.match(name, NODE_ID_PATTERN)
  for (const name of ['', '-a', 'a-', 'a b', 'a/b', 'ä', 'a'.repeat(129)])
    assert.doesNotMatch(name, NODE_ID_PATTERN)
})

test('the small hash spreads neighbours', () => {
  const buckets = new Array<number>(16).fill(0)
  for (let i = 0; i < 1_600; i++) {
    const bucket = hash32(`node-${i}`) % 16
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
  }
  for (const count of buckets) assert.ok(count > 60 && count < 140, `${buckets}`)
})
