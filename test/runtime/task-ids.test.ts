import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TASK_ID_PATTERN } from '../../src/base/ids.ts'
import { SnowflakeIds } from '../../src/base/snowflake.ts'
import { wallOf } from '../../src/base/time.ts'
import { uniqueId } from '../../src/runtime/task-ids.ts'

const WALL = wallOf(1_800_000_000_000)

test('two nodes with equal worker bits never give two tasks one id', () => {
  const [one, other] = [new SnowflakeIds(799), new SnowflakeIds(799)]
  const ids = Array.from({ length: 1_000 }, () => [one, other].map(node => uniqueId(node.next(WALL)))).flat()
  assert.equal(new Set(ids).size, ids.length)
})

test('ids stay in the order of time and are task ids', () => {
  const node = new SnowflakeIds(1)
  const ids = Array.from({ length: 100 }, () => uniqueId(node.next(WALL)))
  assert.deepEqual([...ids].sort(), ids)
  for (const id of ids) assert.match(id, TASK_ID_PATTERN)
})
