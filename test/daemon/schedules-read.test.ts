import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cronSlots } from '../../src/adapters/system/cron.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { readSchedules } from '../../src/daemon/schedules.ts'

test('many schedules are read without holding up the node that reads them again', async () => {
  const schedules = Array.from({ length: 500 }, (_, i) => ({
    name: `s${i}`,
    cron: `${i % 60} ${i % 24} ${1 + (i % 28)} * *`,
    timeZone: 'Europe/Berlin',
    task: { type: 'echo' },
  }))
  const config = parseConfig({
    machine: { hostname: 'host-1', cores: 2 },
    text: JSON.stringify({ schedules }),
  })
  let turns = 0
  const count = (): void => {
    turns++
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  const read = await readSchedules(config, cronSlots())
  clearImmediate(next)
  assert.equal(read.length, schedules.length)
  assert.ok(turns > 5, `${turns} turns`)
})
