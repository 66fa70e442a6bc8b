import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { causesOf } from '../../src/node/causes.ts'
import { History, RINGS_MAX, TOKENS_MAX } from '../../src/node/history.ts'
import type { LedgerEntry } from '../../src/node/status.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

const WALL = 1_790_000_000_000
const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(WALL + ms) })
const me = asNodeId('me')
const CONFIG = { ...ringDefaults(), vnodesPerWeight: 10 }

const ringOf = (...names: readonly string[]): Ring =>
  buildRing(
    names.map(name => ({ id: asNodeId(name), weight: 1 })),
    CONFIG,
  )

const line = (event: string, ms = 0): LedgerEntry => ({ at: WALL + ms, event, text: event, fields: {} })

/** A key that one ring gives to this node and another to that one. */
function keyFrom(...owned: readonly (readonly [ring: Ring, owner: string])[]): string {
  for (let i = 0; i < 10_000; i++) {
    const key = `key-${i}`
    if (owned.every(([ring, owner]) => ring.owner(key) === owner)) return key
  }
  return assert.fail('no such key')
}

/** A history that is told of rings as a node would. */
function story(vnodes = CONFIG.vnodesPerWeight) {
  const history = new History(me, vnodes, at(0))
  let ring = ringOf()
  const ledgers = new Map<string, readonly LedgerEntry[]>()
  return {
    history,
    ledgers,
    become(next: Ring, ms: number) {
      history.ringChanged(
        ring,
        next,
        causesOf(ring, next, (id: NodeId) => ledgers.get(id) ?? []),
        at(ms),
      )
      ring = next
    },
  }
}

test('each change of owner is told with its time, both owners, the ring, and what became of the two', () => {
  const three = ringOf('me', 'a', 'b')
  const two = ringOf('me', 'b')
  const key = keyFrom([three, 'a'], [two, 'b'])
  const { history, ledgers, become } = story()
  ledgers.set('a', [line('member-alive', 1)])
  ledgers.set('b', [line('member-alive', 1)])
  become(three, 10)
  const story2 = [line('member-suspect', 90), line('verdict', 99), line('member-dead', 100)]
  ledgers.set('a', [line('member-alive', 1), ...story2])
  become(two, 100)
  const { since, owners } = history.of(key)
  assert.equal(since, WALL)
  assert.deepEqual(owners, [
    {
      at: WALL + 100,
      from: 'a',
      to: 'b',
      ring: two.checksum,
      causes: [{ member: 'a', change: 'gone', ledger: story2 }],
    },
    {
      at: WALL + 10,
      to: 'a',
      ring: three.checksum,
      causes: [{ member: 'a', change: 'joined', ledger: [line('member-alive', 1)] }],
    },
  ])
})

test('a change of ring that leaves the key where it is is none of its changes', () => {
  const two = ringOf('me', 'a')
  const three = ringOf('me', 'a', 'b')
  const key = keyFrom([two, 'a'], [three, 'a'])
  const { history, become } = story()
  become(two, 10)
  become(three, 20)
  assert.deepEqual(
    history.of(key).owners.map(change => change.at),
    [WALL + 10],
  )
})

test('a weight is a cause, and a ring that empties leaves nobody', () => {
  const before = ringOf('me', 'a')
  const after = buildRing(
    [
      { id: me, weight: 5 },
      { id: asNodeId('a'), weight: 1 },
    ],
    CONFIG,
  )
  const key = keyFrom([before, 'a'], [after, 'me'])
  const { history, become } = story()
  become(before, 1)
  become(after, 2)
  become(ringOf(), 3)
  const [gone, moved] = history.of(key).owners
  assert.deepEqual([moved?.from, moved?.to, moved?.causes[0]?.change], ['a', 'me', 'weight'])
  assert.deepEqual([gone?.from, gone?.to], ['me', undefined])
})

test('what is forgotten is not made up: since moves forward, and the oldest ring kept is no change', () => {
  const rings = [ringOf('me', 'a'), ringOf('me', 'b')]
  const key = keyFrom([rings[0] as Ring, 'a'], [rings[1] as Ring, 'b'])
  const { history, become } = story()
  for (let i = 0; i < 2 * RINGS_MAX; i++) become(rings[i % 2] as Ring, i)
  const { since, owners } = history.of(key)
  assert.equal(since, WALL + RINGS_MAX)
  assert.equal(owners.length, RINGS_MAX - 1)
  assert.equal(owners.at(-1)?.at, WALL + RINGS_MAX + 1)
  assert.ok(owners.every(({ from, to }) => from !== undefined && to !== undefined))
})

test('rings so large that few of them fit are forgotten sooner', () => {
  // Three members: 408,000 tokens a ring, about the most that there are.
  const { history, become } = story(34_000)
  for (let i = 1; i <= 20; i++) become(ringOf('me', 'a', `b${i}`), i)
  const kept = history.metrics().find(({ name }) => name === 'history_rings')?.samples[0]?.value
  assert.equal(kept, Math.floor(TOKENS_MAX / 408_000))
  assert.equal(history.of('k').since, WALL + 12)
})

test('the margin of the lease is what was left when it was renewed: the last, and the least ever', () => {
  const { history } = story()
  const basis = { holdings: [], tenures: [], list: undefined }
  const seen = (until: number | undefined, now: Now) => {
    const leaseUntil = until === undefined ? undefined : instantOf(until)
    history.rightSeen({ leaseUntil, turns: 0, holdings: [], basis, ring: () => undefined }, now)
  }
  const margins = () =>
    ['lease_margin_ms', 'lease_margin_least_ms', 'rights_lost_total'].map(
      wanted => history.metrics().find(({ name }) => name === wanted)?.samples[0]?.value,
    )
  seen(2_000, at(0))
  assert.deepEqual(margins(), [undefined, undefined, 0])
  seen(2_500, at(500))
  assert.deepEqual(margins(), [1_500, 1_500, 0])
  seen(4_400, at(2_400))
  seen(4_900, at(2_900))
  assert.deepEqual(margins(), [1_500, 100, 0])
  seen(undefined, at(9_000))
  seen(12_000, at(10_000))
  assert.deepEqual(margins(), [1_500, 100, 1])
})
