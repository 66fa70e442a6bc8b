import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeFrame,
  FRAME_BYTES_MAX,
  FrameError,
  FrameReader,
} from '../../../src/adapters/executors/frames.ts'

test('messages come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      (messages, size) => {
        const bytes = Buffer.concat(messages.map(encodeFrame))
        const reader = new FrameReader()
        const read: unknown[] = []
        for (let at = 0; at < bytes.length; at += size)
          read.push(...reader.push(bytes.subarray(at, at + size)))
        assert.deepEqual(read, JSON.parse(JSON.stringify(messages)))
      },
    ),
  )
})

test('a frame that says it is too long is refused before its body comes', () => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(FRAME_BYTES_MAX + 1)
  assert.throws(() => new FrameReader().push(head), FrameError)
})

test('a frame that is not JSON is refused', () => {
  assert.throws(() => new FrameReader().push(Buffer.from([0, 0, 0, 2, 0x7b, 0x7b])), FrameError)
})

test('a message above the limit is not sent', () => {
  assert.throws(() => encodeFrame('x'.repeat(FRAME_BYTES_MAX)), FrameError)
})
