import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asLinkId, asPeerId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import { Contact } from '../../src/membership/contact.ts'

const at = instantOf
const contact = () => new Contact(asPeerId('p'), at(0), at(0))

test('the round trip time is smoothed as in RFC 6298', () => {
  const c = contact()
  const link = c.opened(asLinkId(1), undefined, at(0))
  c.acked(link, c.ping(link, at(0)), at(10))
  assert.deepEqual([c.srttMs, c.rttvarMs], [10, 5])
  c.acked(link, c.ping(link, at(100)), at(118))
  assert.deepEqual([c.srttMs, c.rttvarMs], [11, 5.75])
})

test('an answer that nobody waits for changes nothing', () => {
  const c = contact()
  const link = c.opened(asLinkId(1), undefined, at(0))
  c.acked(link, 99, at(10))
  assert.equal(c.srttMs, undefined)
})

test('the worst gap of the last minute is known, and forgotten after it', () => {
  const c = contact()
  for (let ms = 0; ms <= 10_000; ms += 500) c.heard(undefined, at(ms))
  for (const ms of [10_500, 11_300, 11_800]) c.heard(undefined, at(ms))
  assert.equal(c.worstGapMs(at(11_800)), 800)
  for (let ms = 12_300; ms < 90_000; ms += 500) c.heard(undefined, at(ms))
  assert.equal(c.worstGapMs(at(90_000)), 500)
})

test('the first seconds of a process say nothing of its rhythm', () => {
  const c = contact()
  for (const ms of [0, 2_000, 4_000, 9_000, 10_000, 10_500]) c.heard(undefined, at(ms))
  assert.equal(c.worstGapMs(at(10_500)), 1_000)
})

test('a standstill of this node is not counted as the peer’s silence', () => {
  const c = contact()
  for (let ms = 0; ms <= 12_000; ms += 500) c.heard(undefined, at(ms))
  c.shift(5_000)
  c.heard(undefined, at(17_200))
  assert.equal(c.worstGapMs(at(17_200)), 500)
})

test('the link heard last is the one to speak on, once it has said hello', () => {
  const c = contact()
  const old = c.opened(asLinkId(1), undefined, at(0))
  const young = c.opened(asLinkId(2), undefined, at(10))
  old.greeted = true
  assert.equal(c.best()?.id, 1)
  young.greeted = true
  c.heard(young, at(20))
  assert.equal(c.best()?.id, 2)
})

test('two nodes that probe each other need only one of the two probes, and now and then the other', () => {
  const c = contact()
  const link = c.opened(asLinkId(1), undefined, at(0))
  c.pingedAt = at(300)
  assert.equal(c.probesUs(500, at(500)), false, 'no round trip time yet')
  c.acked(link, c.ping(link, at(500)), at(501))
  assert.equal(c.probesUs(500, at(700)), true)
  assert.equal(c.probesUs(500, at(1_000)), false, 'the peer has fallen silent')
  c.pingedAt = at(4_600)
  assert.equal(c.probesUs(500, at(4_700)), false, 'the round trip time is old')
  c.opened(asLinkId(2), undefined, at(4_700))
  c.acked(link, c.ping(link, at(4_700)), at(4_701))
  assert.equal(c.probesUs(500, at(4_750)), false, 'with two links each must be tried')
})

test('nothing is said on a link that is being closed while there is another one', () => {
  const c = contact()
  const older = c.opened(asLinkId(1), undefined, at(0))
  const newer = c.opened(asLinkId(2), undefined, at(0))
  older.greeted = true
  newer.greeted = true
  c.heard(older, at(10))
  c.heard(newer, at(20))
  assert.equal(c.best(), newer)
  newer.closing = true
  assert.equal(c.best(), older)
  older.closing = true
  assert.equal(c.best(), undefined)
})
