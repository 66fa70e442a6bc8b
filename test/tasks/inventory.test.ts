import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, NEVER, wallOf } from '../../src/base/time.ts'
import { Step } from '../../src/tasks/effects.ts'
import { Inventories } from '../../src/tasks/inventory.ts'
import type { InventoryReply } from '../../src/tasks/messages.ts'
import { Schedule } from '../../src/tasks/schedule.ts'
import { Table } from '../../src/tasks/table.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { View } from '../../src/tasks/view.ts'
import { ringOf, spec } from './samples.ts'

const self = asNodeId('n1')
const asker = asNodeId('n2')
const FRAME_BYTES_MAX = 1024 * 1024

function made() {
  const view = new View(self, 3)
  view.change(ringOf(['n2']), [self, asker])
  const table = new Table(self)
  const schedule = new Schedule()
  const add = (id: string, bytes: number) => {
    const payload = 'x'.repeat(bytes)
    const result = 'y'.repeat(bytes / 2)
    const fresh = freshRecord(spec(id, { payload }), 'api', wallOf(0), [asker], 1)
    const entry = table.add({ ...fresh, state: 'succeeded', settledAt: wallOf(1_700_000_000_001), result })
    table.assign(entry, asker, view.epoch)
    return entry
  }
  const pages = (): InventoryReply[] => {
    const inventories = new Inventories(view, table, schedule)
    const found: InventoryReply[] = []
    const ringChecksum = view.ring?.checksum ?? ''
    for (let at = 0; found.at(-1)?.done !== true; at += 20) {
      assert.ok(at < 10_000, 'the answer ends')
      const step = new Step({ mono: instantOf(at), wall: wallOf(at) })
      if (at === 0) inventories.asked(asker, { type: 'inventory', id: 1, ringChecksum }, true, step)
      inventories.flush(step)
      for (const effect of step.effects().flatMap(each => (each.kind === 'persist' ? each.then : []))) {
        if (effect.kind === 'send' && effect.message.type === 'inventory-reply') found.push(effect.message)
      }
    }
    return found
  }
  return { schedule, add, pages }
}

const bytesOf = (page: InventoryReply) => Buffer.byteLength(JSON.stringify(page))

test('no page is larger than a frame, however large the records are, and none is left out', () => {
  const { add, pages } = made()
  for (let i = 0; i < 6; i++) {
    add(`small-${i}`, 300 * 1024)
    add(`large-${i}`, 512 * 1024 - 2)
  }
  const found = pages()
  assert.ok(found.every(page => bytesOf(page) <= FRAME_BYTES_MAX))
  const ids = found.flatMap(({ records }) => records.map(record => record.spec.id as string))
  assert.equal(ids.length, 12)
  assert.equal(new Set(ids).size, 12)
})

test('what runs is told in full, in as many pages as it needs', () => {
  const { add, schedule, pages } = made()
  add('large', 512 * 1024 - 2)
  for (let i = 0; i < 5_000; i++) {
    const entry = add(`${i}-${'i'.repeat(240)}`, 0)
    schedule.run(entry, { number: 1, node: self, startedAt: wallOf(0) }, NEVER)
  }
  const found = pages()
  assert.ok(found.every(page => bytesOf(page) <= FRAME_BYTES_MAX))
  const running = new Set(found.flatMap(page => page.running))
  assert.equal(running.size, 5_000)
  assert.ok(running.has(asTaskId(`0-${'i'.repeat(240)}`)))
})
