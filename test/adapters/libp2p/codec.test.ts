import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeGossip,
  decodeLinkFrame,
  encodeGossip,
  encodeLinkFrame,
  HEADER_BYTES,
} from '../../../src/adapters/libp2p/codec.ts'
import { FrameReader } from '../../../src/adapters/libp2p/frame-reader.ts'
import {
  CLAIMS_MAX,
  GOSSIP_BYTES_MAX,
  INCARNATION_MAX,
  JSON_DEPTH_MAX,
  LINK_FRAME_BYTES_MAX,
  MEMBERS_MAX,
} from '../../../src/adapters/libp2p/limits.ts'
import { asNodeId, asPeerId } from '../../../src/base/ids.ts'
import type { MemberRecord } from '../../../src/membership/member.ts'
import type { LinkMessage } from '../../../src/node/machine.ts'
import { gossipMessages, jsonValues, linkMessages } from './message-arbitrary.ts'

function frameOf(message: LinkMessage): Uint8Array {
  const encoded = encodeLinkFrame(message)
  assert.ok(encoded.ok, 'the message fits')
  return encoded.bytes
}

const bodyOf = (message: unknown) => Buffer.from(JSON.stringify(message))

const member = (n: number): MemberRecord => ({
  id: asNodeId(`node-${n}`),
  peerId: asPeerId('12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD'),
  incarnation: 1_795_227_981_295,
  status: 'alive',
  leaving: false,
  addresses: ['10.0.0.1:7946'],
  weight: 1,
})

test('every link message comes out as it went in', () => {
  fc.assert(
    fc.property(linkMessages, message => {
      const decoded = decodeLinkFrame(frameOf(message).subarray(HEADER_BYTES))
      assert.deepEqual(decoded, { ok: true, message })
    }),
    { numRuns: 500 },
  )
})

test('every gossip message comes out as it went in', () => {
  fc.assert(
    fc.property(gossipMessages, message => {
      const encoded = encodeGossip(message)
      assert.ok(encoded.ok)
      assert.deepEqual(decodeGossip(encoded.bytes), { ok: true, message })
    }),
  )
})

test('random bytes are refused with a reason and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), bytes => {
      for (const decoded of [decodeLinkFrame(bytes), decodeGossip(bytes)]) {
        assert.equal(decoded.ok, false)
        assert.ok(!decoded.ok && decoded.detail.length > 0)
      }
    }),
  )
})

test('random JSON is refused and never throws', () => {
  fc.assert(
    fc.property(jsonValues, value => {
      assert.equal(decodeLinkFrame(bodyOf(value)).ok, false)
    }),
  )
})

test('a message with one field replaced by anything never throws out of the decoder', () => {
  fc.assert(
    fc.property(linkMessages, fc.nat(), jsonValues, (message, which, value) => {
      const keys = Object.keys(message)
      const changed = { ...message, [keys[which % keys.length] ?? '']: value }
      decodeLinkFrame(bodyOf(changed))
    }),
    { numRuns: 500 },
  )
})

test('an incarnation that leaves no room for a higher one is refused wherever it stands', () => {
  const at = (incarnation: number) => {
    const record = { ...member(1), incarnation }
    const claim = {
      accuser: 'a',
      subject: 'b',
      incarnation,
      sequence: 1,
      evidence: 'timeout',
      withdrawn: false,
    }
    const beat = { id: 'a', incarnation, leaving: false, ringChecksum: '', viewDigest: 0, heard: [] }
    return [
      decodeLinkFrame(bodyOf({ type: 'rumour', members: [record] })).ok,
      decodeLinkFrame(bodyOf({ type: 'sync', reply: false, members: [], claims: [claim] })).ok,
      decodeLinkFrame(bodyOf({ type: 'leave-ack', incarnation })).ok,
      decodeGossip(bodyOf({ type: 'claims', claims: [claim] })).ok,
      decodeGossip(bodyOf({ type: 'heartbeat', ...beat, load: { running: 0, queued: 0 } })).ok,
    ]
  }
  assert.deepEqual(new Set(at(INCARNATION_MAX)), new Set([true]))
  assert.deepEqual(new Set(at(INCARNATION_MAX + 1)), new Set([false]))
})

test('frames are the same however the network cuts and glues them', () => {
  fc.assert(
    fc.property(
      fc.array(linkMessages, { maxLength: 6 }),
      fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 30 }),
      (messages, sizes) => {
        const wire = Buffer.concat(messages.map(frameOf))
        const reader = new FrameReader()
        const seen: unknown[] = []
        for (let at = 0, n = 0; at < wire.byteLength; n++) {
          const size = (sizes[n % sizes.length] ?? 0) + 1
          const fits = reader.push(wire.subarray(at, at + size), body => {
            const decoded = decodeLinkFrame(body)
            assert.ok(decoded.ok)
            seen.push(decoded.message)
          })
          assert.ok(fits)
          at += size
        }
        assert.deepEqual(seen, messages)
      },
    ),
  )
})

test('a truncated frame gives nothing until its last byte comes', () => {
  const frame = frameOf({ type: 'ping', seq: 7 })
  const reader = new FrameReader()
  const seen: Uint8Array[] = []
  for (const [at] of frame.entries()) {
    assert.equal(seen.length, 0)
    assert.ok(reader.push(frame.subarray(at, at + 1), body => seen.push(body)))
  }
  assert.equal(seen.length, 1)
})

test('a frame that announces more than the limit is refused from its first four bytes, for good', () => {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(LINK_FRAME_BYTES_MAX + 1)
  const reader = new FrameReader()
  const none = () => assert.fail('no frame can come of it')
  assert.equal(reader.push(header, none), false)
  assert.equal(reader.push(frameOf({ type: 'ping', seq: 1 }), none), false)
})

test('a frame of exactly the limit passes the reader', () => {
  const frame = Buffer.alloc(HEADER_BYTES + LINK_FRAME_BYTES_MAX)
  frame.writeUInt32BE(LINK_FRAME_BYTES_MAX)
  const sizes: number[] = []
  assert.ok(new FrameReader().push(frame, body => sizes.push(body.byteLength)))
  assert.deepEqual(sizes, [LINK_FRAME_BYTES_MAX])
})

test('a message larger than its cap is not encoded, and says how large it was', () => {
  const members = Array.from({ length: MEMBERS_MAX }, (_, n) => member(n))
  const gossip = encodeGossip({ type: 'rumour', members })
  assert.ok(!gossip.ok && gossip.reason === 'too-large')
  assert.match(gossip.detail, new RegExp(`rumour of at most ${GOSSIP_BYTES_MAX} bytes, got \\d+`))
  const link = encodeLinkFrame({
    type: 'refuse',
    code: 'RING_MISMATCH',
    detail: 'x'.repeat(LINK_FRAME_BYTES_MAX),
  })
  assert.ok(!link.ok && link.reason === 'too-large')
})

test('a thousand members and two thousand claims fit in one sync', () => {
  const members = Array.from({ length: MEMBERS_MAX }, (_, n) => member(n))
  const claims = Array.from({ length: CLAIMS_MAX }, (_, n) => ({
    accuser: asNodeId('node-1'),
    subject: asNodeId(`node-${n}`),
    incarnation: 1_795_227_981_295,
    sequence: n,
    evidence: 'timeout' as const,
    withdrawn: false,
  }))
  const frame = frameOf({ type: 'sync', reply: true, members, claims })
  assert.ok(decodeLinkFrame(frame.subarray(HEADER_BYTES)).ok)
})

test('one entry more than the limit of an array is refused', () => {
  const members = Array.from({ length: MEMBERS_MAX + 1 }, (_, n) => member(n))
  assert.equal(decodeLinkFrame(bodyOf({ type: 'sync', reply: false, members, claims: [] })).ok, false)
  const addresses = Array.from({ length: 9 }, (_, n) => `10.0.0.${n}:7946`)
  const leave = { type: 'leave', member: { ...member(1), addresses } }
  assert.equal(decodeLinkFrame(bodyOf(leave)).ok, false)
})

test('an address takes no more bytes than it has characters, or a roster might not fit a link', () => {
  const leave = (address: string) => ({ type: 'leave', member: { ...member(1), addresses: [address] } })
  for (const good of ['db-1.internal:7946', '[fe80::1%eth0]:7946', '/dns4/a_b/tcp/7946/p2p/12D3KooW'])
    assert.ok(decodeLinkFrame(bodyOf(leave(good))).ok, good)
  for (const bad of ['\u0001', 'büro:7946', 'a"b:1', 'a\\b:1', 'a b:1'])
    assert.equal(decodeLinkFrame(bodyOf(leave(bad))).ok, false, bad)
})

test('unknown keys are dropped, also those that would reach into a prototype', () => {
  const body = Buffer.from('{"type":"ping","seq":1,"later":true,"__proto__":{"polluted":true}}')
  assert.deepEqual(decodeLinkFrame(body), { ok: true, message: { type: 'ping', seq: 1 } })
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
})

test('a payload nested deeper than the limit is refused without overflowing the stack', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const forward = (payload: string) =>
    Buffer.from(
      `{"type":"forward","id":"1","hops":0,"request":{"kind":"submit","spec":{"id":"t","key":"k","type":"echo",` +
        `"payload":${payload},"priority":0,"maxAttempts":1,"backoffMs":0,"backoffMsMax":0,"timeoutMs":1}}}`,
    )
  assert.equal(decodeLinkFrame(forward(nested(JSON_DEPTH_MAX))).ok, true)
  assert.equal(decodeLinkFrame(forward(nested(JSON_DEPTH_MAX + 1))).ok, false)
  assert.equal(decodeLinkFrame(forward(nested(400_000))).ok, false)
})

test('the reason of a refusal names the place and does not repeat what came', () => {
  const decoded = decodeLinkFrame(bodyOf({ type: 'ping', seq: 'secret'.repeat(1_000) }))
  assert.ok(!decoded.ok)
  assert.match(decoded.detail, /^at seq: /)
  assert.doesNotMatch(decoded.detail, /secret/)
})

test('decoding a ping takes microseconds', () => {
  const body = frameOf({ type: 'ping', seq: 123_456 }).subarray(HEADER_BYTES)
  const runs = 20_000
  for (let n = 0; n < runs; n++) decodeLinkFrame(body)
  const started = performance.now()
  for (let n = 0; n < runs; n++) decodeLinkFrame(body)
  const microseconds = ((performance.now() - started) * 1_000) / runs
  assert.ok(microseconds < 50, `${microseconds.toFixed(1)} us`)
})
