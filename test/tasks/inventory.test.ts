import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { instantOf, NEVER, wallOf } from '../../src/base/time.ts'
import { Step } from '../../src/tasks/effects.ts'
import {
  type AnswerSizes,
  FIRST_LOST_MS,
  Inventories,
  LOST_MS,
  PAGE_LOOKS_MAX,
} from '../../src/tasks/inventory.ts'
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
  const add = (id: string, bytes: number, owner = asker) => {
    const payload = 'x'.repeat(bytes)
    const result = 'y'.repeat(bytes / 2)
    const fresh = freshRecord(spec(id, { payload }), 'api', wallOf(0), [asker], 1)
    const entry = table.add({ ...fresh, state: 'succeeded', settledAt: wallOf(1_700_000_000_001), result })
    table.assign(entry, owner, view.epoch)
    return entry
  }
  const asking = (sizes?: AnswerSizes) => {
    const inventories = new Inventories({ view, table, schedule, start: 7, sizes })
    const ringChecksum = view.ring?.checksum ?? ''
    /** What it sends at a time, to whoever has so many pages of that answer; without: nobody asks. */
    const ask = (at: number, had?: readonly [answer: number, page: number], id = 1): InventoryReply[] => {
      const step = new Step({ mono: instantOf(at), wall: wallOf(at) })
      if (had !== undefined) {
        const [answer, page] = had
        inventories.asked(asker, { type: 'inventory', id, answer, page, ringChecksum }, true, step)
      }
      inventories.flush(step)
      const effects = step.effects().flatMap(each => (each.kind === 'persist' ? each.then : []))
      return effects.flatMap(effect =>
        effect.kind === 'send' && effect.message.type === 'inventory-reply' ? [effect.message] : [],
      )
    }
    return Object.assign(ask, { linkClosed: (at: number) => inventories.linkClosed(asker, instantOf(at)) })
  }
  const pages = (): InventoryReply[] => {
    const ask = asking()
    const found = ask(0, [0, 0])
    for (let at = 20; found.at(-1)?.done !== true; at += 20) {
      assert.ok(at < 10_000, 'the answer ends')
      found.push(...ask(at, [found[0]?.answer ?? 0, found.length]))
    }
    return found
  }
  return { schedule, add, asking, pages }
}

/** Ten records, of which two leave at a time, one a page. */
function ten() {
  const { add, asking } = made()
  for (let i = 0; i < 10; i++) add(`t${i}`, 0)
  return asking({ page: 1, slice: 2 })
}

/** Of each: its answer, its place, and whether it is the last for now. */
const told = (found: readonly InventoryReply[]) =>
  found.map(({ answer, page, paused, done }) => [answer, page, done ? 'done' : paused ? 'paused' : 'goes on'])

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

test('a page looks at so much at most, however little of it was asked for', () => {
  const { add, pages } = made()
  for (let i = 0; i < 3 * PAGE_LOOKS_MAX; i++) add(`other-${i}`, 0, self)
  add('asked', 0)
  assert.deepEqual(
    pages().map(({ records }) => records.length),
    [0, 0, 0, 1],
  )
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

test('the first slice is small, until something of it has come: the link may be slow', () => {
  const { add, asking } = made()
  for (let i = 0; i < 200; i++) add(`t${i}`, 10 * 1024)
  const ask = asking()
  const sizeOf = (found: readonly InventoryReply[]) => found.reduce((sum, page) => sum + bytesOf(page), 0)
  const first = ask(0, [0, 0])
  assert.equal(first.at(-1)?.paused, true)
  assert.ok(sizeOf(first) < 80 * 1024, `${sizeOf(first)}`)
  const second = ask(1_000, [8, first.length])
  assert.ok(sizeOf(second) > 900 * 1024)
})

const FIRST = [
  [8, 0, 'goes on'],
  [8, 1, 'paused'],
]

test('an answer leaves slice by slice, each when all before it has come', () => {
  const ask = ten()
  assert.deepEqual(told(ask(0, [0, 0])), FIRST)
  assert.deepEqual(ask(1_000), [], 'nobody asks')
  assert.deepEqual(ask(1_000, [8, 1]), [], 'the rest is under way')
  assert.deepEqual(told(ask(1_001, [8, 2])), [
    [8, 2, 'goes on'],
    [8, 3, 'paused'],
  ])
  assert.deepEqual(ask(1_005, [8, 2]), [], 'asked twice')
  assert.deepEqual(ask(1_010, [8, 4]), [], 'it rests a moment, however soon it is asked')
  assert.deepEqual(told(ask(1_021)), [
    [8, 4, 'goes on'],
    [8, 5, 'paused'],
  ])
  ask(1_100, [8, 6])
  const last = ask(1_200, [8, 8])
  assert.deepEqual(told(last).at(-1), [8, 9, 'paused'])
  assert.deepEqual(told(ask(1_300, [8, 10])), [[8, 10, 'done']])
})

for (const [what, had, ms] of [
  ['a page', [8, 1], LOST_MS],
  ['all pages', [0, 0], FIRST_LOST_MS],
] as const)
  test(`${what} lost: the answer begins anew, and not while it may be under way`, () => {
    const ask = ten()
    ask(0, [0, 0])
    // What came late is news of a link that is slow: what is behind it has its time from then on.
    const since = had[1] > 0 ? 200 : 0
    ask(200, had)
    for (let at = 300; at < since + ms; at += 300) assert.deepEqual(ask(at, had), [])
    assert.deepEqual(told(ask(since + ms, had)), [
      [9, 0, 'goes on'],
      [9, 1, 'paused'],
    ])
    assert.deepEqual(ask(since + ms + 300, had), [], 'a question that was asked before it came')
  })

test('where nothing comes at all, it waits twice as long each time', () => {
  const ask = ten()
  const begun: number[] = []
  for (let at = 0; at < 25_000; at += 300) if (ask(at, [0, 0]).length > 0) begun.push(at)
  assert.deepEqual(begun, [0, 600, 1_800, 4_200, 9_000, 18_600])
})

test('what was sent over a connection that closed is not waited for, unless some of it came', () => {
  const ask = ten()
  for (let at = 0; at <= 5_100; at += 300) ask(at, [0, 0])
  ask.linkClosed(5_200)
  const begun = ask(5_400, [0, 0])
  assert.deepEqual(told(begun), [
    [12, 0, 'goes on'],
    [12, 1, 'paused'],
  ])
  assert.deepEqual(ask(5_700, [0, 0]), [])
  assert.equal(ask(6_000, [0, 0]).length, 2, 'and not twice as long after the next loss')
  ask(6_100, [13, 1])
  ask.linkClosed(6_200)
  assert.deepEqual(ask(6_400, [13, 1]), [], 'it may have had another connection')
})

test('what came over a link that was slow, and has closed since, makes nobody wait for the rest as long as for that', () => {
  const ask = ten()
  let number = 0
  for (let at = 0; at <= 19_000; at += 300) number = ask(at, [0, 0])[0]?.answer ?? number
  // Begun at 18.6 s, and given 19.2 s.
  assert.deepEqual(ask(20_000, [number, 1]), [])
  ask.linkClosed(20_100)
  for (let at = 20_300; at < 20_100 + LOST_MS; at += 300) assert.deepEqual(ask(at, [number, 1]), [])
  assert.ok(ask(20_100 + LOST_MS, [number, 1]).length > 0)
})

test('where a page was waited for longer than others, the next one is too', () => {
  const ask = ten()
  let number = 0
  for (let at = 0; at <= 4_200; at += 300) number = ask(at, [0, 0])[0]?.answer ?? number
  // Begun at 4.2 s, and given 4.8 s: its first page comes late, and the one behind it has as long.
  for (let at = 8_700; at < 8_700 + 4_800; at += 300) assert.deepEqual(ask(at, [number, 1]), [])
  assert.ok(ask(8_700 + 4_800, [number, 1]).length > 0)
})

test('the last slice may be lost as any other', () => {
  const { add, asking } = made()
  add('only', 0)
  const ask = asking()
  assert.deepEqual(told(ask(0, [0, 0])), [[8, 0, 'done']])
  assert.deepEqual(ask(300, [0, 0]), [])
  assert.deepEqual(told(ask(LOST_MS, [0, 0])), [[9, 0, 'done']])
  assert.deepEqual(told(ask(LOST_MS + 1, [9, 1])), [[10, 0, 'done']], 'who has it all asks once more')
})

test('another question begins another answer at once', () => {
  const ask = ten()
  ask(0, [0, 0])
  assert.deepEqual(told(ask(1, [0, 0], 2)), [
    [9, 0, 'goes on'],
    [9, 1, 'paused'],
  ])
})
