import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gossipMessages, linkMessages } from '../adapters/libp2p/message-arbitrary.ts'
import { bytesOf } from './sizes.ts'

type Message = Parameters<typeof bytesOf>[0]
const TYPES = new Set<string>([
  'sync',
  'summary',
  'liveness',
  'claims',
  'rumour',
  'heartbeat',
  'ping',
  'leave',
])

test('what is added up is what JSON writes', () => {
  const messages = fc.oneof(linkMessages, gossipMessages).filter(({ type }) => TYPES.has(type))
  fc.assert(
    fc.property(messages, message => {
      // Texts in a vector are printable, so none of them is written longer than it is.
      if (message.type === 'liveness' && JSON.stringify(message.beats).length !== message.beats.length + 2)
        return
      assert.equal(bytesOf(message as Message), JSON.stringify(message).length)
    }),
  )
})
