/** A roster whose records are as large as the wire lets them be does not fit one frame, and is told all the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import type { Sync } from '../../src/membership/messages.ts'
import { at, Lone, record } from './records.ts'

const FRAME_BYTES_MAX = 1024 * 1024
const LONG = 'x'.repeat(300)
const LARGE = Array.from({ length: 990 }, (_, i) =>
  record(`n${i}-${'x'.repeat(120)}`, { addresses: Array.from({ length: 8 }, () => LONG) }),
)
const TELLER = record('teller')
const NEWCOMER = record('newcomer')

/** What a node that knows all of these tells a newcomer that knows nothing. */
function told(): readonly Sync[] {
  const teller = new Lone('teller')
  const other = teller.meet(record('other'), 0)
  teller.say(other, record('other'), { type: 'rumour', members: LARGE }, 1)
  teller.effects = []
  const link = teller.meet(NEWCOMER, 5_000)
  teller.say(link, NEWCOMER, { type: 'summary', buckets: Array(64).fill(0) }, 5_001)
  return teller.sent('sync')
}

test('every part of a large sync fits a frame, with as many claims as there may be', () => {
  const parts = told()
  assert.ok(parts.length > 1)
  const claim = {
    ...{ accuser: asNodeId('x'.repeat(128)), subject: asNodeId('x'.repeat(128)) },
    ...{ incarnation: 2 ** 52, sequence: 2 ** 52, evidence: 'timeout', withdrawn: false },
  }
  for (const part of parts) {
    const claims = part.more ? part.claims : Array(2_000).fill(claim)
    assert.ok(JSON.stringify({ ...part, claims }).length <= FRAME_BYTES_MAX)
  }
  const names = new Set(parts.flatMap(part => part.members.map(({ id }) => id)))
  assert.equal(names.size, LARGE.length + 3)
})

test('a newcomer knows all of it after the last part, and has exchanged nothing before', () => {
  const parts = told()
  const me = new Lone('newcomer', { seeds: ['teller:7946'] })
  const link = me.meet(TELLER, 10)
  me.effects = []
  for (const part of parts) {
    assert.equal(me.membership.synced, false)
    assert.deepEqual(me.sent('sync'), [])
    me.say(link, TELLER, part, 20)
  }
  assert.equal(me.membership.synced, true)
  assert.equal(me.membership.roster.size, LARGE.length + 3)
})

test('a newcomer whose name is another’s is not told that it is accepted by a part that does not say so', () => {
  const parts = told()
  const me = new Lone('newcomer', { seeds: ['teller:7946'] })
  const link = me.meet(TELLER, 10)
  const holder = { nonce: 7, ageMs: 3_600_000, peerId: asPeerId('another-key'), heldMs: 60_000 }
  me.say(link, TELLER, { type: 'refuse', code: 'NODE_ID_TAKEN', detail: 'held by another', holder }, 20)
  const again = me.meet(TELLER, 3_000)
  const another = { ...NEWCOMER, peerId: asPeerId('another-key'), addresses: ['elsewhere:1'] }
  for (const part of parts) {
    const members = part.members.map(known => (known.id === NEWCOMER.id ? another : known))
    me.say(again, TELLER, { ...part, members }, 3_010)
  }
  for (let ms = 3_100; ms <= 5_000; ms += 100) me.membership.tick('ring', { running: 0, queued: 0 }, at(ms))
  assert.match(me.membership.nameTaken ?? '', /held by another/)
})
