import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gossipMessages, linkMessages } from '../adapters/libp2p/message-arbitrary.ts'
import type { LinkMessage } from './traffic.ts'
import { Wire } from './wire.ts'

test('a frame takes the bytes of its JSON and of the length in front', () => {
  fc.assert(
    fc.property(linkMessages, message => {
      const bytes = new Wire().frame(message as LinkMessage)
      assert.equal(bytes, 4 + Buffer.byteLength(JSON.stringify(message)))
    }),
  )
})

test('a gossip message takes its JSON and less than 200 bytes of envelope', () => {
  fc.assert(
    fc.property(gossipMessages, message => {
      const envelope = new Wire().gossip(message) - Buffer.byteLength(JSON.stringify(message))
      assert.ok(envelope > 100 && envelope < 200, `${envelope}`)
    }),
  )
})

test('what the schema of the wire refuses stops the run', () => {
  const beats = '"'.repeat(3)
  const message = { type: 'liveness', viewDigest: -1, order: 0, beats } as const
  assert.throws(() => new Wire().frame(message), /the wire refuses a liveness/)
})
