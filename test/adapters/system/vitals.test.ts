import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import {
  type CpuTimes,
  localVitals,
  quotaOf,
  shareOf,
  usageOf,
  watchVitals,
} from '../../../src/adapters/system/vitals.ts'
import type { Input } from '../../../src/node/machine.ts'

test('a quota of a control group is read as cores, and none as none', () => {
  assert.equal(quotaOf('150000 100000\n'), 1.5)
  for (const none of ['max 100000\n', '', undefined, '0 100000', 'nonsense'])
    assert.equal(quotaOf(none), undefined, none)
})

test('the use of a control group is found among its other numbers', () => {
  assert.equal(usageOf('usage_usec 123\nuser_usec 100\n'), 123)
  assert.equal(usageOf('user_usec 1\nusage_usec 7\n'), 7)
  for (const none of ['', undefined, 'user_usec 1\n']) assert.equal(usageOf(none), undefined)
})

test('the share is of what was used between two looks, never below 0 nor above 1', () => {
  assert.equal(shareOf({ used: 10, total: 100 }, { used: 35, total: 200 }), 0.25)
  assert.equal(shareOf({ used: 10, total: 100 }, { used: 500, total: 200 }), 1)
  assert.equal(shareOf({ used: 10, total: 100 }, { used: 5, total: 200 }), 0)
  assert.equal(shareOf({ used: 10, total: 100 }, { used: 10, total: 100 }), undefined)
})

test('this machine says something possible of itself', async () => {
  const source = localVitals()
  const first = await source.cpuTimes()
  let second: CpuTimes = first
  while (second.total <= first.total) second = await source.cpuTimes()
  const cpu = shareOf(first, second)
  assert.ok(cpu !== undefined && cpu >= 0 && cpu <= 1)
  assert.ok(source.memory() > 0 && source.memory() < 1)
})

test('the core is told from the second look on, and nothing any more after the end', async () => {
  const told: Input[] = []
  const heard = new EventEmitter()
  let looks = 0
  const source = {
    cpuTimes: async () => ({ used: ++looks * 10, total: looks * 40 }),
    memory: () => 0.5,
  }
  const stop = watchVitals(
    input => {
      told.push(input)
      heard.emit('told')
    },
    source,
    1,
  )
  // The watch itself keeps no process alive.
  const alive = setInterval(() => undefined, 60_000)
  await once(heard, 'told')
  clearInterval(alive)
  await stop()
  const count = told.length
  assert.deepEqual(told[0], { kind: 'vitals', vitals: { cpu: 0.25, memory: 0.5 } })
  assert.ok(looks > count)
  await stop()
  assert.equal(told.length, count)
})

test('it ends though a look waits for ever', async () => {
  const looked = new EventEmitter()
  const source = {
    cpuTimes: () => {
      looked.emit('look')
      return new Promise<never>(() => undefined)
    },
    memory: () => 0.5,
  }
  const stop = watchVitals(() => assert.fail('nothing was seen'), source, 1)
  const alive = setInterval(() => undefined, 1)
  await once(looked, 'look')
  clearInterval(alive)
  await stop()
})
