/** Pages of a node's tasks: in order, bounded, and from ids of their own where what is sought is rare. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type TaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { LOOKED_AT_MAX, ownedPage, PAGE_BYTES_MAX, pageOf, SEARCHED_CHARS_MAX } from '../../src/tasks/page.ts'
import { type Entry, Table } from '../../src/tasks/table.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const SELF = asNodeId('n1')
const OTHER = asNodeId('n2')

/** A table that counts who is looked at. */
class Watched extends Table {
  looks = 0

  constructor() {
    super(SELF)
  }

  override get(id: TaskId): Entry | undefined {
    this.looks++
    return super.get(id)
  }

  own(id: string, changes: Partial<TaskRecord> = {}, payload: string | null = null): Entry {
    const record = freshRecord(spec(id, { payload }), 'api', wallOf(1_000), [SELF], 1)
    const entry = this.add({ ...record, ...changes })
    this.assign(entry, SELF, 1)
    return entry
  }
}

const ranOn = (node: typeof SELF): Partial<TaskRecord> => ({
  attempts: [{ number: 1, node, startedAt: wallOf(1_000) }],
})
const idsOf = (tasks: readonly TaskRecord[]): string[] => tasks.map(record => record.spec.id)
const numbered = (i: number): string => `t${String(i).padStart(6, '0')}`

test('a page looks at no more than so many tasks, and says how far it went', () => {
  const table = new Watched()
  const count = 2 * LOOKED_AT_MAX + 10
  for (let i = 0; i < count; i++) table.own(numbered(i))
  table.own(numbered(count), { state: 'cancelled' })
  for (const scope of ['owned', 'all'] as const) {
    const found: string[] = []
    let pages = 0
    for (let after: string | undefined = ''; after !== undefined; pages++) {
      table.looks = 0
      const page = pageOf(table, SELF, { state: 'cancelled', scope, ...(after !== '' && { after }) })
      assert.ok(table.looks <= LOOKED_AT_MAX, `${table.looks} looks`)
      found.push(...idsOf(page.tasks))
      after = page.next
    }
    assert.deepEqual([found, pages], [[numbered(count)], 3])
  }
  table.looks = 0
  const page = ownedPage(table, SELF, { filter: { q: 'nowhere' }, limit: 10 })
  assert.deepEqual([table.looks, page.tasks, page.upTo], [LOOKED_AT_MAX, [], numbered(LOOKED_AT_MAX - 1)])
})

test('a page searches no more than so many characters, and says how far it went', () => {
  const table = new Watched()
  const message = 'ž'.repeat(4_000)
  const count = 600
  for (let i = 0; i <= count; i++) {
    const error = { code: 'THREW', message: i === count ? `${message} Sought` : message } as const
    table.own(numbered(i), { state: 'dead', error })
  }
  const found: string[] = []
  for (let after: TaskId | undefined, first = true; first || after !== undefined; first = false) {
    table.looks = 0
    const query = { filter: { q: 'sought' }, limit: 10, ...(after !== undefined && { after }) }
    const { tasks, upTo } = ownedPage(table, SELF, query)
    assert.ok(table.looks <= SEARCHED_CHARS_MAX / message.length, `${table.looks} looks`)
    found.push(...idsOf(tasks))
    after = upTo
  }
  assert.deepEqual(found, [numbered(count)])
})

test('a page has no more bytes than half a frame, but one record always', () => {
  const table = new Watched()
  const large = 'x'.repeat(200_000)
  for (let i = 0; i < 7; i++) table.own(numbered(i), {}, large)
  const seen: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = pageOf(table, SELF, { limit: 1_000, ...(after !== '' && { after }) })
    assert.ok(page.tasks.length > 0 && JSON.stringify(page.tasks).length <= PAGE_BYTES_MAX)
    seen.push(...idsOf(page.tasks))
    after = page.next
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 7 }, (_, i) => numbered(i)),
  )
  const huge = new Watched()
  huge.own('a', {}, 'x'.repeat(PAGE_BYTES_MAX + 1))
  huge.own('b')
  assert.deepEqual(pageOf(huge, SELF, {}).next, 'a')
})

test('dead letters and what ran here are found without a look at all the others', () => {
  const table = new Watched()
  for (let i = 0; i < 20_000; i++) table.own(numbered(i))
  const dead = table.own(`${numbered(100)}-dead`, { state: 'dead' })
  const ran = table.own(`${numbered(19_000)}-ran`, ranOn(SELF))
  table.own(`${numbered(19_001)}-elsewhere`, ranOn(OTHER))
  const others = table.own(`${numbered(19_002)}-others`, { state: 'dead', ...ranOn(SELF) })
  table.assign(others, OTHER, 1)
  table.looks = 0
  const owned = ownedPage(table, SELF, { filter: { state: 'dead' }, limit: 20 })
  assert.deepEqual([idsOf(owned.tasks), owned.upTo], [[dead.id], undefined])
  assert.deepEqual(idsOf(pageOf(table, SELF, { scope: 'ran', limit: 20 }).tasks), [ran.id, others.id])
  assert.deepEqual(idsOf(pageOf(table, SELF, { scope: 'all', state: 'dead' }).tasks), [dead.id, others.id])
  assert.deepEqual(idsOf(pageOf(table, SELF, { scope: 'ran', state: 'dead' }).tasks), [others.id])
  assert.ok(table.looks <= 8, `${table.looks} looks`)
})

test('what is found so follows every change of a record', () => {
  const table = new Watched()
  const entry = table.own('a')
  const found = (): [string[], string[]] => [
    idsOf(ownedPage(table, SELF, { filter: { state: 'dead' }, limit: 9 }).tasks),
    idsOf(pageOf(table, SELF, { scope: 'ran' }).tasks),
  ]
  assert.deepEqual(found(), [[], []])
  table.put(entry, { ...entry.record, ...ranOn(SELF), state: 'running' })
  assert.deepEqual(found(), [[], ['a']])
  table.put(entry, { ...entry.record, state: 'dead' })
  assert.deepEqual(found(), [['a'], ['a']])
  table.put(entry, { ...entry.record, state: 'ready', attempts: [] })
  assert.deepEqual(found(), [[], []])
  table.put(entry, { ...entry.record, ...ranOn(SELF), state: 'dead' })
  table.remove(entry)
  assert.deepEqual(found(), [[], []])
  assert.deepEqual([...table.idsAbove()], [])
})
