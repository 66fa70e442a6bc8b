import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import type { Condition } from '../../src/grants/conditions.ts'
import type { Basis } from '../../src/grants/leave.ts'
import type { Scope, VoterList } from '../../src/grants/messages.ts'
import { tokenOf } from '../../src/grants/token.ts'
import { RIGHTS_CHARACTERS_MAX, RIGHTS_MAX, RIGHTS_TOKENS_MAX, Rights } from '../../src/node/rights.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

const WALL = 1_790_000_000_000
const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(WALL + ms) })
const me = asNodeId('me')
const other = asNodeId('other')
const voters = ['v1', 'v2', 'v3'].map(asNodeId)
const list: VoterList = { version: 1, names: voters, previous: undefined, fixed: true }

const ringOf = (...names: readonly string[]): Ring =>
  buildRing(
    names.map(name => ({ id: asNodeId(name), weight: 1 })),
    { ...ringDefaults(), vnodesPerWeight: 10 },
  )
const mine = ringOf('me')
const both = ringOf('me', 'other')

/** A key that both nodes' ring gives to this one. */
function keyOf(owner: string): string {
  for (let i = 0; i < 10_000; i++) if (both.owner(`key-${i}`) === owner) return `key-${i}`
  return assert.fail('no such key')
}
const stays = keyOf('me')
const moves = keyOf('other')

const scopeOf = (ring: Ring, keeps: readonly string[] = []): Scope => ({
  ring: ring.checksum,
  leaving: false,
  keeps,
})
const claims = (ring: Ring, keeps?: readonly string[]): Condition => ({
  kind: 'claimed',
  scope: scopeOf(ring, keeps),
})
/** The other one keeps these: a promise for what it claims under both rings. */
const keptByOther = (...keeps: readonly string[]): Condition => ({
  kind: 'not-excepted',
  exception: { node: other, scopes: [{ ring: mine.checksum, leaving: true, keeps }] },
  saved: [],
})

interface Granted {
  /** By each of the voters; all of them alike when there is one. */
  readonly of: readonly (readonly Condition[])[]
  readonly until?: number
  readonly tenures: Basis['tenures']
}

/** Grants that say what the test says; whether a key is acted for is decided by the rule of the grants. */
function scene(tokensOf: (ring: Ring) => number = () => 10) {
  const rights = new Rights(me, tokensOf, at(0))
  const rings = new Map([mine, both].map(ring => [ring.checksum, ring]))
  let basis: Basis = { holdings: [], tenures: [], list }
  let [turns, looks] = [0, 0]
  const source = {
    get turns() {
      return turns
    },
    get holdings() {
      return basis.holdings
    },
    get basis() {
      looks++
      return basis
    },
    leaseUntil: undefined,
    ring: (checksum: string) => rings.get(checksum),
  }
  const holdingsOf = ({ of, until = 1e9 }: Granted): Basis['holdings'] =>
    voters.slice(0, of.length === 1 ? voters.length : of.length).map((voter, i) => {
      const conditions = of[of.length === 1 ? 0 : i] as readonly Condition[]
      return { voter, until: instantOf(until), conditions, top: 0 }
    })
  return {
    rights,
    rings,
    looks: () => looks,
    become(ms: number, granted?: Granted) {
      turns++
      basis = granted
        ? { holdings: holdingsOf(granted), tenures: granted.tenures, list }
        : { holdings: [], tenures: [], list }
      rights.see(source, at(ms))
    },
    renew(ms: number, until: number) {
      basis = { ...basis, holdings: basis.holdings.map(each => ({ ...each, until: instantOf(until) })) }
      rights.see(source, at(ms))
    },
    step: (ms: number) => rights.see(source, at(ms)),
    turn(ms: number) {
      turns++
      rights.see(source, at(ms))
    },
  }
}

const metricOf = (rights: Rights, name: string) =>
  rights.metrics().find(metric => metric.name === name)?.samples[0]?.value

test('a right is told from the first term taken, ends with the lease, and carries its token', () => {
  const { rights, become } = scene()
  const of = [[claims(mine)]]
  become(10, { of, tenures: [] })
  become(40, { of, tenures: [{ term: 7, conditions: of[0] ?? [] }] })
  assert.deepEqual(rights.of(stays), [{ from: WALL + 40, token: tokenOf(7) }])
  become(900)
  assert.deepEqual(rights.of(stays), [{ from: WALL + 40, until: WALL + 900, token: tokenOf(7) }])
})

test('a right that ran out in a freeze ended when it ran out as renewed last, not when the node woke', () => {
  const { rights, become, renew } = scene()
  const of = [[claims(mine)]]
  become(10, { of, until: 2_000, tenures: [{ term: 7, conditions: of[0] ?? [] }] })
  renew(500, 2_500)
  become(12_000)
  assert.equal(rights.of(stays)[0]?.until, WALL + 2_500)
})

test('a key that another one keeps is this node’s from the grants on that do not name it any more', () => {
  const { rights, become } = scene()
  const limited = [claims(mine), keptByOther(moves)]
  const free = [claims(mine)]
  become(10, { of: [limited], tenures: [{ term: 7, conditions: limited }] })
  assert.deepEqual(rights.of(moves), [])
  // One of three says that it is over: no quorum yet.
  become(60, { of: [free, limited, limited], tenures: [{ term: 7, conditions: limited }] })
  become(90, { of: [free, free, limited], tenures: [{ term: 7, conditions: limited }] })
  assert.deepEqual(rights.of(moves), [])
  const tenures = [
    { term: 7, conditions: limited },
    { term: 9, conditions: free },
  ]
  become(120, { of: [free, free, limited], tenures })
  assert.deepEqual(rights.of(moves), [{ from: WALL + 120, token: tokenOf(9) }])
  // Its own token is that of the earliest term which has it.
  assert.deepEqual(rights.of(stays), [{ from: WALL + 10, token: tokenOf(7) }])
})

test('a key that this node keeps is its own until it claims it no more, whoever owns it', () => {
  const { rights, become } = scene()
  const tenures = [{ term: 7, conditions: [claims(mine)] }]
  become(10, { of: [[claims(mine)]], tenures })
  become(100, { of: [[claims(both, [moves])]], tenures })
  become(400, { of: [[claims(both)]], tenures })
  assert.deepEqual(rights.of(moves), [{ from: WALL + 10, until: WALL + 400, token: tokenOf(7) }])
  assert.deepEqual(rights.of(stays), [{ from: WALL + 10, token: tokenOf(7) }])
})

test('another token begins another period', () => {
  const { rights, become } = scene()
  const of = [[claims(mine)]]
  for (const [ms, term] of [
    [10, 7],
    [50, 8],
  ] as const)
    become(ms, { of, tenures: [{ term, conditions: of[0] ?? [] }] })
  assert.deepEqual(rights.of(stays), [
    { from: WALL + 50, token: tokenOf(8) },
    { from: WALL + 10, until: WALL + 50, token: tokenOf(7) },
  ])
})

test('a ring decides as long as it was known, though it is forgotten or learned later', () => {
  const { rights, rings, become, turn } = scene()
  const of = [[claims(mine)]]
  rings.delete(mine.checksum)
  become(10, { of, tenures: [{ term: 7, conditions: of[0] ?? [] }] })
  rings.set(mine.checksum, mine)
  turn(50)
  rings.delete(mine.checksum)
  turn(90)
  assert.deepEqual(rights.of(stays), [{ from: WALL + 50, until: WALL + 90, token: tokenOf(7) }])
})

test('nothing is looked at or kept while nothing turns, and what turns to the same is not kept', () => {
  const { rights, become, renew, step, turn, looks } = scene()
  const of = [[claims(mine)]]
  become(10, { of, tenures: [{ term: 7, conditions: of[0] ?? [] }] })
  const before = looks()
  for (let ms = 20; ms < 400; ms += 10) step(ms)
  renew(400, 5_000)
  assert.equal(looks(), before)
  turn(500)
  assert.equal(metricOf(rights, 'history_rights'), 1)
})

test('what stood for no time was no right', () => {
  const { rights, become } = scene()
  const of = [[claims(mine)]]
  become(10, { of, tenures: [{ term: 7, conditions: of[0] ?? [] }] })
  become(10)
  assert.deepEqual(rights.of(stays), [])
  assert.equal(metricOf(rights, 'history_rights'), 1)
  assert.equal(metricOf(rights, 'history_rights_tokens'), 0)
})

test('changes are bounded, and what began before those that are kept is told from the first of them', () => {
  const { rights, become } = scene()
  const of = [[claims(mine)]]
  const lasting = { term: 7, conditions: of[0] ?? [] }
  const changes = 2 * RIGHTS_MAX
  for (let i = 1; i <= changes; i++)
    become(i, { of, tenures: [lasting, { term: 7 + i, conditions: of[0] ?? [] }] })
  assert.equal(metricOf(rights, 'history_rights'), RIGHTS_MAX)
  assert.equal(rights.since, WALL + changes - RIGHTS_MAX + 1)
  assert.deepEqual(rights.of(stays), [{ from: rights.since, token: tokenOf(7) }])
})

test('long lists of keys and large rings are forgotten sooner, and the last change never', () => {
  const long = 'k'.repeat(RIGHTS_CHARACTERS_MAX / 4)
  const lists = scene()
  for (let i = 1; i <= 10; i++)
    lists.become(i, { of: [[claims(mine, [`${i}${long}`])]], tenures: [{ term: i, conditions: [] }] })
  assert.equal(metricOf(lists.rights, 'history_rights'), 3)
  assert.ok((metricOf(lists.rights, 'history_rights_characters') ?? 0) <= RIGHTS_CHARACTERS_MAX)
  const large = scene(() => RIGHTS_TOKENS_MAX + 1)
  for (let i = 1; i <= 10; i++)
    large.become(i, { of: [[claims(mine)]], tenures: [{ term: i, conditions: [claims(mine)] }] })
  assert.equal(metricOf(large.rights, 'history_rights'), 1)
  assert.equal(metricOf(large.rights, 'history_rights_tokens'), RIGHTS_TOKENS_MAX + 1)
  assert.deepEqual(large.rights.of(stays), [{ from: WALL + 10, token: tokenOf(10) }])
})
