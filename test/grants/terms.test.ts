import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { Conditions } from '../../src/grants/conditions.ts'
import { Rings } from '../../src/grants/rings.ts'
import { Terms } from '../../src/grants/terms.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { at } from '../membership/records.ts'

const NAMES = Array.from({ length: 8 }, (_, i) => asNodeId(`n${i + 1}`))
const ME = asNodeId('n5')

test('a term that too few of those who grant can still take is given up at once, though a silent voter said nothing', () => {
  const rings = new Rings(members => buildRing(members, ringDefaults()))
  const ring = buildRing(
    NAMES.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )
  rings.add(ring)
  const terms = new Terms(new Conditions(ME, rings), new Random(1))
  const scope = { ring: ring.checksum, leaving: false, keeps: [] }
  const holdings = NAMES.filter(name => name !== ME).map(voter => ({
    voter,
    until: at(2_000).mono,
    conditions: [{ kind: 'claimed' as const, scope }],
    top: 0,
  }))
  const isQuorum = (some: ReadonlySet<string>): boolean =>
    some.size > 4 || (some.size === 4 && some.has('n1'))
  const voters = { name: undefined, list: undefined, names: NAMES, includes: () => true, isQuorum }
  const live = { holdings, voters }
  assert.equal(terms.choose(holdings, voters, at(0)), true)
  const term = terms.asked
  const passedOver = (by: string) => terms.passedOver(asNodeId(by), { term, at: term + 1 }, at(10), live)
  assert.equal(passedOver('n2'), false, 'six others may take it')
  assert.equal(passedOver('n3'), false, 'five others may')
  assert.equal(passedOver('n1'), true, 'four of eight without the lowest name are no quorum')
  assert.ok(terms.asked > term)
})
