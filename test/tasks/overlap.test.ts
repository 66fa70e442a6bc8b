import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { overlaps } from '../../src/tasks/overlap.ts'
import type { Attempt } from '../../src/tasks/task.ts'

const attempt = (node: string, startedAt: number, endedAt?: number): Attempt => ({
  number: 1,
  node: asNodeId(node),
  startedAt: wallOf(startedAt),
  ...(endedAt === undefined ? {} : { endedAt: wallOf(endedAt) }),
})

test('attempts of two nodes overlap when each began before the other ended', () => {
  assert.equal(overlaps([attempt('a', 0, 10), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('b', 9, 20), attempt('a', 0, 10)]), true)
  assert.equal(overlaps([attempt('a', 0, 100), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('a', 0), attempt('b', 9, 20)]), true)
  assert.equal(overlaps([attempt('a', 0, 5), attempt('c', 6, 8), attempt('b', 7)]), true)
})

test('one after the other, or twice on one node, is no overlap', () => {
  assert.equal(overlaps([attempt('a', 0, 10), attempt('b', 10, 20)]), false)
  assert.equal(overlaps([attempt('a', 0, 10), attempt('a', 5, 20)]), false)
  assert.equal(overlaps([attempt('a', 0)]), false)
  assert.equal(overlaps([]), false)
})
