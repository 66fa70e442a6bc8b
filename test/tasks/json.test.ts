import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  cutJson,
  jsonBytes,
  PAYLOAD_DEPTH_MAX,
  problemOfJson,
  sameJson,
  utf8Bytes,
} from '../../src/tasks/json.ts'
import type { Json } from '../../src/tasks/task.ts'

const json = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json)

function nested(levels: number): Json {
  let value: Json = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

test('bytes are counted as UTF-8 has them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text =>
      assert.equal(utf8Bytes(text), Buffer.byteLength(text)),
    ),
  )
  assert.equal(jsonBytes('ä'), 4)
})

test('values are equal whatever the order of their keys', () => {
  const turned = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(turned)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, child]) => [key, turned(child)]),
    )
  }
  fc.assert(fc.property(json, value => sameJson(value, turned(value))))
  fc.assert(fc.property(json, json, (a, b) => sameJson(a, b) === deeplyEqual(a, b)))
  assert.equal(sameJson({ a: 1 }, { b: 1 }), false)
  assert.equal(sameJson([], {}), false)
})

function deeplyEqual(a: Json, b: Json): boolean {
  try {
    assert.deepEqual(a, b)
    return true
  } catch {
    return false
  }
}

test('what fits stays, and what does not is cut to fit', () => {
  fc.assert(
    fc.property(json, fc.integer({ min: 60, max: 400 }), (value, bytesMax) => {
      const { value: kept, cut } = cutJson(value, bytesMax)
      assert.ok(jsonBytes(kept) <= bytesMax)
      if (!cut) assert.equal(kept, value)
      else assert.ok(jsonBytes(value) > bytesMax || problemOfJson(value) !== undefined)
    }),
  )
})

test('what is nested too deeply to travel is cut as well', () => {
  assert.equal(cutJson(nested(PAYLOAD_DEPTH_MAX), 1_000).cut, false)
  assert.equal(cutJson(nested(PAYLOAD_DEPTH_MAX + 1), 1_000).cut, true)
})

test('what is nested more deeply than the stack goes is cut too, and shows how it begins', () => {
  for (const value of [nested(100_000), { a: [1, nested(100_000)] }]) {
    const { value: kept, cut } = cutJson(value, 1_000)
    assert.equal(cut, true)
    assert.ok(jsonBytes(kept) <= 1_000)
    const { truncated, head } = kept as { readonly truncated: boolean; readonly head: string }
    assert.equal(truncated, true)
    assert.match(head, /^(\[|\{"a":\[1,)\[{20}/)
  }
})

test('what JSON cannot hold is named', () => {
  for (const value of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    () => 1,
    Symbol('s'),
    new Date(0),
    [undefined],
    new Map(),
  ]) {
    assert.equal(typeof problemOfJson(value), 'string')
  }
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), value => problemOfJson(value) === undefined))
})
