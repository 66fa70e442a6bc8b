import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventsIn, type SentEvent } from '../../src/cli/event-source.ts'

async function read(pieces: readonly string[]): Promise<readonly SentEvent[]> {
  async function* sent() {
    yield* pieces
  }
  const found: SentEvent[] = []
  for await (const event of eventsIn(sent())) found.push(event)
  return found
}

const TEXT =
  'retry: 1000\n\nid: 1-1\nevent: member\ndata: {"a":1}\n\n: beat\nid: 1-7\n\ndata: one\ndata: two\n\nevent: owner\ndata: x\n\nid: 1-9\ndata: unfinished'

const EXPECTED: readonly SentEvent[] = [
  { name: 'member', body: '{"a":1}', lastId: '1-1' },
  { name: 'message', body: 'one\ntwo', lastId: '1-7' },
  { name: 'owner', body: 'x', lastId: '1-7' },
]

test('events are read whole, comments and half an event at the end are not events, ids last', async () => {
  assert.deepEqual(await read([TEXT]), EXPECTED)
})

test('it does not matter where the network cuts', async () => {
  const cuts = fc.array(fc.nat(TEXT.length), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(cuts, async places => {
      const sorted = [0, ...places.sort((a, b) => a - b), TEXT.length]
      const pieces = sorted.slice(1).map((to, i) => TEXT.slice(sorted[i], to))
      assert.deepEqual(await read(pieces), EXPECTED)
    }),
  )
})

test('something that never ends an event is not read for ever', async () => {
  await assert.rejects(read(Array.from({ length: 100 }, () => 'x'.repeat(100_000))), /more than/)
})

test('the place moves with every id, also of blocks that are no event', async () => {
  const places: string[] = []
  async function* sent() {
    yield TEXT
  }
  for await (const { lastId } of eventsIn(sent(), id => places.push(id)))
    assert.equal(lastId, places.at(-1), 'known before the event is given')
  assert.deepEqual(places, ['1-1', '1-7'])
})
