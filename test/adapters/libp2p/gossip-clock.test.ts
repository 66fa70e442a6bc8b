/** gossipsub, as it is, on a wall clock that somebody sets back by days. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, type TestContext, test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Counters } from '../../../src/adapters/libp2p/counters.ts'
import type { GossipRouter } from '../../../src/adapters/libp2p/gossip-router.ts'
import { createHost } from '../../../src/adapters/libp2p/host.ts'
import { Strangers } from '../../../src/adapters/libp2p/strangers.ts'
import { Wires } from '../../../src/adapters/libp2p/wire.ts'
import { heartbeat, isBeat, type Peer, startPeer } from './peer-fixture.ts'

const TEN_DAYS_MS = 10 * 24 * 60 * 60 * 1_000
/** Longer than gossipsub remembers anything. */
const FORGOTTEN_MS = 125_000
const BACKOFF_MS_MAX = 60_000

/** What is looked at in a router; the names are gossipsub's. */
interface Inside {
  readonly seenCache: { readonly size: number }
  readonly fastMsgIdCache: { readonly size: number }
  readonly publishedMessageIds: { readonly size: number }
  readonly backoff: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly mesh: ReadonlyMap<string, ReadonlySet<string>>
  readonly score: {
    readonly deliveryRecords: { readonly queue: { readonly length: number } }
    /** What it does once a minute. */
    background(): void
  }
}

/** By the methods that all routers share, those of transports are found. */
let shared: Pick<GossipRouter, 'subscribe'>
before(async () => {
  const logger = { log: () => undefined }
  const { router } = await createHost({
    key: await generateKeyPair('Ed25519'),
    topic: 'test',
    logger,
    protector: new Wires(new Strangers({ counters: new Counters(), logger })).protector(undefined),
    allowPeers: new Set(),
    onGossipCopy: () => undefined,
  })
  shared = Object.getPrototypeOf(router)
})

interface Gossiper {
  readonly peer: Peer
  readonly router: GossipRouter
  readonly topic: string
}

async function gossiper(t: TestContext): Promise<Gossiper> {
  const { subscribe } = shared
  const found = Promise.withResolvers<Omit<Gossiper, 'peer'>>()
  const spy = t.mock.method(shared, 'subscribe', function (this: GossipRouter, topic: string) {
    found.resolve({ router: this, topic })
    subscribe.call(this, topic)
  })
  const peer = await startPeer()
  t.after(() => peer.stop())
  spy.mock.restore()
  return { peer, ...(await found.promise) }
}

const beat = (router: GossipRouter): Promise<unknown> => once(router, 'gossipsub:heartbeat')

const inside = (router: GossipRouter): Inside => router as unknown as Inside

/** How much is remembered: heard, heard by its short name, said, and who brought it. */
function remembered(router: GossipRouter): readonly number[] {
  const { seenCache, fastMsgIdCache, publishedMessageIds, score } = inside(router)
  const { length } = score.deliveryRecords.queue
  return [seenCache.size, fastMsgIdCache.size, publishedMessageIds.size, length]
}

/** The wall clock of this process, to be set. */
function wallClock(t: TestContext): { set(byMs: number): void } {
  const now = Date.now.bind(Date)
  let offMs = 0
  t.mock.method(Date, 'now', () => now() + offMs)
  return {
    set(byMs) {
      offMs += byMs
    },
  }
}

let beats = 0

async function tell(from: Gossiper, to: Gossiper, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const number = ++beats
    from.peer.transport.publish(heartbeat('x', number))
    await to.peer.wait('gossip', isBeat(number), 5_000)
  }
}

test('what was heard before the clock was set back is forgotten in time, and what is heard then', async t => {
  const clock = wallClock(t)
  const [a, b] = [await gossiper(t), await gossiper(t)]
  await a.peer.link(b.peer)
  await tell(a, b, 5)
  assert.deepEqual(remembered(b.router), [5, 5, 0, 5])
  clock.set(-TEN_DAYS_MS)
  await Promise.all([beat(a.router), beat(b.router)])
  await tell(a, b, 5)
  assert.deepEqual(
    [remembered(a.router), remembered(b.router)],
    [
      [10, 0, 10, 0],
      [10, 10, 0, 10],
    ],
  )
  clock.set(FORGOTTEN_MS)
  await Promise.all([beat(a.router), beat(b.router)])
  for (const { router } of [a, b]) inside(router).score.background()
  assert.deepEqual(
    [remembered(a.router), remembered(b.router)],
    [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
  )
})

test('nothing is forgotten too soon: what comes once more is not new', async t => {
  const clock = wallClock(t)
  const [a, b] = [await gossiper(t), await gossiper(t)]
  await a.peer.link(b.peer)
  await tell(a, b, 3)
  clock.set(-TEN_DAYS_MS)
  for (let i = 0; i < 2; i++) await Promise.all([beat(a.router), beat(b.router)])
  assert.deepEqual(remembered(b.router), [3, 3, 0, 3])
})

test('a peer that was pruned then is out of the mesh for its minute, and not for days', async t => {
  const clock = wallClock(t)
  const [a, b] = [await gossiper(t), await gossiper(t)]
  await a.peer.link(b.peer)
  await tell(a, b, 1)
  const inMesh = () => inside(a.router).mesh.get(a.topic)?.has(String(b.peer.id)) === true
  await a.peer.until(() => inMesh() || undefined)
  b.router.unsubscribe(b.topic)
  const until = () => inside(a.router).backoff.get(a.topic)?.get(String(b.peer.id))
  await a.peer.until(until)
  clock.set(-TEN_DAYS_MS)
  await beat(a.router)
  assert.ok(Number(until()) <= Date.now() + BACKOFF_MS_MAX, `${Number(until()) - Date.now()} ms`)
})

test('its heartbeat goes on once a second', async t => {
  const clock = wallClock(t)
  const { router } = await gossiper(t)
  await beat(router)
  clock.set(-TEN_DAYS_MS)
  await beat(router)
  await beat(router)
  const gaps: number[] = []
  for (let i = 0, last = performance.now(); i < 3; i++) {
    await beat(router)
    gaps.push(performance.now() - last)
    last = performance.now()
  }
  assert.ok(Math.min(...gaps) < 1_500, gaps.map(Math.round).join(' '))
})
