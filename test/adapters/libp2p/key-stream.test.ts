import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeyStream } from '../../../src/adapters/libp2p/key-stream.ts'
import { KEY_STREAM_BYTES_MAX } from '../../../src/adapters/libp2p/limits.ts'

// The example of D. J. Bernstein, "Extending the Salsa20 nonce" (and of NaCl, tests/stream3).
const KEY = Buffer.from('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389', 'hex')
const NONCE = Buffer.from('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37', 'hex')

function xored(stream: KeyStream, input: Uint8Array): Uint8Array {
  const output = stream.xor(input)
  assert.ok(output !== 'used-up')
  return output
}

test('the key stream is the published one', () => {
  assert.equal(
    Buffer.from(xored(new KeyStream(KEY, NONCE), new Uint8Array(32))).toString('hex'),
    'eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880',
  )
})

test("four MiB of it are those of libp2p's own private networks", () => {
  // Recorded from the cipher of @libp2p/pnet 3.0.27.
  const bytes = xored(new KeyStream(KEY, NONCE), new Uint8Array(4 * 1024 * 1024))
  assert.equal(
    createHash('sha256').update(bytes).digest('hex'),
    '662b9d0e3463029156069b12f918691a98f7dfb2ca0393c96bbfc6b1fbd630a2',
  )
})

test('however a message is cut, its bytes are those of one piece', () => {
  const bytesMax = 40_000
  const oneStep = fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 1_900, max: 2_200 }),
    fc.integer({ min: 0, max: 10_000 }),
    fc.constantFrom(64, 128, 2_048, 4_096),
  )
  const message = fc.uint8Array({ minLength: bytesMax, maxLength: bytesMax })
  fc.assert(
    fc.property(
      message,
      fc.array(oneStep, { maxLength: 30 }),
      fc.integer({ min: 0, max: 7 }),
      (all, cuts, shift) => {
        // Shifted: the fast way through the cipher is another one for pieces that start at a multiple of four.
        const data = all.subarray(shift)
        const whole = xored(new KeyStream(KEY, NONCE), data)
        const stream = new KeyStream(KEY, NONCE)
        const pieces: Uint8Array[] = []
        let at = 0
        for (const bytes of [...cuts, bytesMax]) {
          pieces.push(xored(stream, data.subarray(at, at + bytes)))
          at = Math.min(data.byteLength, at + bytes)
        }
        assert.ok(Buffer.concat(pieces).equals(whole))
        assert.ok(Buffer.from(xored(new KeyStream(KEY, NONCE), whole)).equals(data), 'and back')
      },
    ),
    { numRuns: 50 },
  )
})

test('input is left as it was, and the nonce is the one that was given, whatever becomes of its buffer', () => {
  const [buffer, input] = [Buffer.from(NONCE), new Uint8Array([1, 2, 3])]
  const stream = new KeyStream(KEY, buffer.subarray(0, 24))
  buffer.fill(0)
  assert.deepEqual(xored(stream, input), xored(new KeyStream(KEY, NONCE), input))
  assert.deepEqual([...input], [1, 2, 3])
})

test('no byte of the key stream is used twice: at its end it gives nothing, and what still fits after that', () => {
  const stream = new KeyStream(KEY, NONCE, 5_000)
  const whole = xored(new KeyStream(KEY, NONCE), new Uint8Array(5_000))
  xored(stream, new Uint8Array(4_990))
  assert.equal(stream.xor(new Uint8Array(11)), 'used-up')
  assert.deepEqual(xored(stream, new Uint8Array(10)), whole.slice(4_990))
  assert.equal(stream.xor(new Uint8Array(1)), 'used-up')
})

test('a key stream ends before the numbers of its blocks do, and is never made longer', () => {
  assert.ok(KEY_STREAM_BYTES_MAX / 64 < 2 ** 32 - 1)
  assert.throws(() => new KeyStream(KEY, NONCE, KEY_STREAM_BYTES_MAX + 1))
})
