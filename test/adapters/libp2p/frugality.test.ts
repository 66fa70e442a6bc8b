import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { LengthPrefixedDecoder } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { corkPerTurn } from '../../../src/adapters/libp2p/corked-socket.ts'
import { frugalCipher, spareErrors } from '../../../src/adapters/libp2p/frugal-noise.ts'
import { CREDIT_BYTES, type FrameHeader, holdCredit } from '../../../src/adapters/libp2p/frugal-yamux.ts'

const DATA = 0
const UPDATE = 1
const FIN = 4

function muxer() {
  const sent: FrameHeader[] = []
  const fake = { sendFrame: (header: FrameHeader) => sent.push(header) }
  holdCredit(fake)
  return {
    sent,
    update: (streamID: number, length: number, flag = 0) =>
      fake.sendFrame({ type: UPDATE, flag, streamID, length }),
    fake,
  }
}

test('small window updates are held back until they are worth a packet', () => {
  const { sent, update } = muxer()
  for (let n = 0; n < 1_000; n++) update(1, 50)
  assert.equal(sent.length, 0)
  update(1, CREDIT_BYTES)
  assert.deepEqual(sent, [{ type: UPDATE, flag: 0, streamID: 1, length: 50_000 + CREDIT_BYTES }])
})

test('no credit is ever lost, and never more than the limit is held', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300_000 }))),
      updates => {
        const { sent, update } = muxer()
        const owed = new Map<number, number>()
        for (const [stream, length] of updates) {
          update(stream, length)
          owed.set(stream, (owed.get(stream) ?? 0) + length)
          const given = sent
            .filter(header => header.streamID === stream)
            .reduce((sum, { length: n }) => sum + n, 0)
          const held = (owed.get(stream) ?? 0) - given
          assert.ok(held >= 0 && held < CREDIT_BYTES)
        }
      },
    ),
  )
})

test('data, and updates that open or end a stream, pass at once', () => {
  const { sent, update, fake } = muxer()
  fake.sendFrame({ type: DATA, flag: 0, streamID: 1, length: 5 })
  update(1, 0, FIN)
  assert.equal(sent.length, 2)
})

test('what is written in one turn leaves together at the end of it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [other] = await accepted
  corkPerTurn(socket)
  for (const piece of ['one ', 'two ', 'three']) socket.write(piece)
  assert.equal(socket.writableCorked, 1)
  const [chunk] = await once(other, 'data')
  assert.equal(String(chunk), 'one two three')
  assert.equal(socket.writableCorked, 0)
  socket.write('and a last word before the end')
  socket.end()
  const [last] = await once(other, 'data')
  assert.equal(String(last), 'and a last word before the end')
  other.destroy()
  server.close()
})

const bytesOf = (bytes: Uint8Array | Uint8ArrayList): Buffer => Buffer.from(bytes.subarray())

/** The same bytes in pieces. */
const cut = (bytes: Uint8Array, at: number): Uint8ArrayList =>
  new Uint8ArrayList(bytes.subarray(0, at), bytes.subarray(at))

test('what is encrypted and decrypted is to the byte what libp2p would make of it, in one piece or several', () => {
  const [key, nonce] = [randomBytes(32), randomBytes(12)]
  for (const ad of [new Uint8Array(0), randomBytes(32)])
    for (const size of [0, 1, 511, 512, 513, 1_199, 1_200, 5_000, 65_519]) {
      const text = randomBytes(size)
      const expected = bytesOf(defaultCrypto.chaCha20Poly1305Encrypt(text, nonce, ad, key))
      for (const given of [text, cut(text, size >> 1)])
        assert.deepEqual(bytesOf(frugalCipher.chaCha20Poly1305Encrypt(given, nonce, ad, key)), expected)
      for (const given of [expected, cut(expected, 12)]) {
        // Decrypting may overwrite what is given.
        const copy = given instanceof Uint8Array ? Buffer.from(given) : cut(Buffer.from(given.subarray()), 12)
        assert.deepEqual(bytesOf(frugalCipher.chaCha20Poly1305Decrypt(copy, nonce, ad, key)), text)
      }
    }
})

test('a flipped bit is not decrypted, whatever the size', () => {
  const [key, nonce, ad] = [randomBytes(32), randomBytes(12), new Uint8Array(0)]
  for (const size of [100, 2_000]) {
    const sealed = bytesOf(frugalCipher.chaCha20Poly1305Encrypt(randomBytes(size), nonce, ad, key))
    for (const place of [0, size - 1, size, sealed.byteLength - 1]) {
      const wrong = Buffer.from(sealed)
      wrong[place] = (wrong[place] ?? 0) ^ 1
      assert.throws(() => frugalCipher.chaCha20Poly1305Decrypt(wrong, nonce, ad, key))
    }
  }
})

test('frames of noise are cut as ever, and that no further one has begun costs no error', () => {
  const spared: { lengthDecoder(bytes: Uint8ArrayList): number } = { lengthDecoder: () => 0 }
  spareErrors(spared)
  const decoder = new LengthPrefixedDecoder({ ...spared, encodingLength: () => 2 })
  const frame = (size: number): Uint8Array =>
    Buffer.concat([Buffer.from([size >> 8, size & 255]), Buffer.alloc(size, 7)])
  const all = Buffer.concat([frame(3), frame(300), frame(65_000), frame(1)])
  for (const step of [1, 2, 1_000, all.byteLength]) {
    const sizes: number[] = []
    for (let from = 0; from < all.byteLength; from += step)
      for (const { byteLength } of decoder.decode(all.subarray(from, from + step))) sizes.push(byteLength)
    assert.deepEqual(sizes, [3, 300, 65_000, 1])
  }
  const thrown = [1, 2].map(() => {
    try {
      return spared.lengthDecoder(new Uint8ArrayList())
    } catch (error) {
      return error
    }
  })
  assert.ok(thrown[0] instanceof RangeError)
  assert.equal(thrown[0], thrown[1])
})
