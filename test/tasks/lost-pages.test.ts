/** Two of three machines, of which one takes over what the third accepted, and pages of what it is told are lost or late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { InventoryReply, TaskLinkMessage } from '../../src/tasks/messages.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { CountedRight } from './counted-right.ts'
import { ringOf, spec } from './samples.ts'
import { THREE } from './scene.ts'
import { Solo } from './solo.ts'

const three = ringOf(THREE)
const two = ringOf(['n1', 'n2'])
const RECORDS = 18
const SIZES = { page: 2, slice: 4 }

/** Accepted by n3: it and n2 have them, and the copies for n1 were under way. Now n1 owns them. */
function accepted(): TaskRecord[] {
  const records: TaskRecord[] = []
  for (let i = 0; records.length < RECORDS; i++) {
    const task = spec(`t${i}`, { key: `t${i}`, runAt: wallOf(1_800_000_000_000) })
    if (three.owner(task.key) !== 'n3' || two.owner(task.key) !== 'n1') continue
    const fresh = freshRecord(task, 'api', wallOf(0), ['n3', 'n2', 'n1'].map(asNodeId), 1)
    records.push({ ...fresh, term: 4, copies: 2 })
  }
  return records
}

/** What becomes of the pages that leave at one time. */
type Fate = (pages: readonly InventoryReply[]) => readonly InventoryReply[]

function made(self: string) {
  const right = new CountedRight()
  right.epochs.note(three, two)
  right.epochs.members = THREE.map(asNodeId)
  right.epochs.disk = `disk-${self}`
  const solo = new Solo(right, {}, THREE, { self: asNodeId(self), answerSizes: SIZES })
  solo.step(() => {
    right.end()
    return []
  })
  return { right, solo, seen: 0 }
}

class Pair {
  readonly records = accepted()
  readonly #machines = [made('n1'), made('n2')] as const
  /** All that n2 has sent. */
  readonly pages: InventoryReply[] = []

  /** The third is gone, and n1 asks under a term of its own. */
  begin(): void {
    const [n1, n2] = this.#machines
    const { records } = this
    const copied = { type: 'replicate', batch: 1, records, ring: three.checksum } as const
    n2.solo.hear('n3', { ...copied, terms: records.map(() => 4) })
    for (const { solo } of this.#machines) solo.see(['n1', 'n2'])
    n2.seen = n2.solo.of('send').length
    n1.solo.step(() => {
      n1.right.held = true
      n1.right.take(7)
      n1.right.epochs.tenure = { term: 7, rings: [two.checksum], without: [] }
      return []
    })
  }

  /** Lets time pass, and what each sends reach the other. */
  pass(ms: number, fate: Fate): void {
    for (let passed = 0; passed < ms; passed += 50) {
      for (const { solo } of this.#machines) solo.pass(50)
      for (let rounds = 0; rounds < 3; rounds++) this.#exchange(fate)
    }
  }

  #exchange(fate: Fate): void {
    const [n1, n2] = this.#machines
    for (const message of this.#news(n1, 'n2')) n2.solo.hear('n1', message)
    const news = this.#news(n2, 'n1')
    const pages = news.filter(message => message.type === 'inventory-reply')
    this.pages.push(...pages)
    const others = news.filter(message => message.type !== 'inventory-reply')
    for (const message of [...others, ...fate(pages)]) n1.solo.hear('n2', message)
  }

  #news(one: ReturnType<typeof made>, to: string): TaskLinkMessage[] {
    const sent = one.solo.of('send')
    const news = sent.slice(one.seen).flatMap(each => (each.to === to ? [each.message] : []))
    one.seen = sent.length
    return news
  }

  /** What the new owner does not know, although it calls its key complete. */
  get lost(): readonly TaskRecord[] {
    const { tasks } = this.#machines[0].solo
    return this.records.filter(
      ({ spec: { id, key } }) => tasks.get(id) === undefined && tasks.takeoverOf(key)?.complete === true,
    )
  }

  get known(): readonly number[] {
    return this.#machines.map(
      ({ solo }) => this.records.filter(({ spec: { id } }) => solo.tasks.get(id) !== undefined).length,
    )
  }
}

const ALL = Array.from({ length: RECORDS / SIZES.page + 1 }, (_, page) => page)

for (const lost of ALL)
  test(`no task is lost with page ${lost} of what holds it`, () => {
    const pair = new Pair()
    pair.begin()
    let sent = 0
    for (let at = 0; at < 8_000; at += 50) {
      pair.pass(50, pages => pages.filter(() => sent++ !== lost))
      assert.deepEqual(pair.lost, [])
    }
    assert.deepEqual(pair.known, [RECORDS, RECORDS])
    assert.ok(pair.pages.length > ALL.length, 'it was sent again')
  })

test('no task is lost by pages that overtake each other', () => {
  const pair = new Pair()
  pair.begin()
  for (let at = 0; at < 40_000; at += 50) {
    pair.pass(50, pages => pages.toReversed())
    assert.deepEqual(pair.lost, [])
  }
})

test('an answer that is whole completes the keys that it was of', () => {
  const pair = new Pair()
  pair.begin()
  pair.pass(500, pages => pages)
  assert.deepEqual(
    pair.pages.map(({ page }) => page),
    ALL,
  )
  assert.deepEqual(pair.known, [RECORDS, RECORDS])
})
