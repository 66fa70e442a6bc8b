/**
 * XSalsa20 over a stream that comes in pieces of any size: what is cut where makes no difference to the bytes.
 *
 * The cipher XORs the data with a key stream made of blocks of 64 bytes, each from the key, the nonce and its number. The
 * library makes whole blocks from a given number on, so this keeps the place, and makes the key stream a pad at a time, so
 * that frames of 100 bytes do not each pay for the derivation of the key. Whole pads of a large piece go straight through.
 *
 * The road not taken: the cipher in WebAssembly that libp2p uses. All its streams share one memory that is never given
 * back and that every growth takes away from the other streams; some thousand strangers ended the process.
 */
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import { assert } from '../../base/assert.ts'
import { KEY_STREAM_BYTES_MAX } from './limits.ts'

const KEY_BYTES = 32
export const NONCE_BYTES = 24

const BLOCK_BYTES = 64
/** Two of them per connection: 4 MiB when there are as many connections as there may be. */
const PAD_BYTES = 32 * BLOCK_BYTES
const ZEROS = new Uint8Array(PAD_BYTES)

export class KeyStream {
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  readonly #bytesMax: number
  readonly #pad = new Uint8Array(PAD_BYTES)
  /** Bytes of the key stream that were used, ever. */
  #used = 0

  /** @param bytesMax for tests: a key stream that is used up sooner */
  constructor(key: Uint8Array, nonce: Uint8Array, bytesMax = KEY_STREAM_BYTES_MAX) {
    assert(key.byteLength === KEY_BYTES, 'a key has 32 bytes')
    assert(nonce.byteLength === NONCE_BYTES, 'a nonce has 24 bytes')
    assert(bytesMax <= KEY_STREAM_BYTES_MAX, 'no key stream is longer than its blocks can be numbered')
    this.#key = key
    this.#nonce = new Uint8Array(nonce) // a view would keep the whole buffer that it was received in
    this.#bytesMax = bytesMax
  }

  /** The next bytes, encrypted or decrypted, as a copy. `used-up`: none were, and the key stream has too few left. */
  xor(input: Uint8Array): Uint8Array | 'used-up' {
    const bytes = input.byteLength
    if (bytes > this.#bytesMax - this.#used) return 'used-up'
    const output = new Uint8Array(bytes)
    for (let done = 0; done < bytes; ) {
      const from = this.#used % PAD_BYTES
      const whole = from === 0 ? bytes - done - ((bytes - done) % PAD_BYTES) : 0
      const count = whole > 0 ? whole : Math.min(PAD_BYTES - from, bytes - done)
      if (whole > 0) this.#cipher(input.subarray(done, done + count), output.subarray(done, done + count))
      else {
        if (from === 0) this.#cipher(ZEROS, this.#pad)
        xorInto(output, input, this.#pad, done, from, count)
      }
      done += count
      this.#used += count
    }
    return output
  }

  /** From the place where this stream is, which is the start of a block. */
  #cipher(input: Uint8Array, output: Uint8Array): void {
    xsalsa20(this.#key, this.#nonce, input, output, this.#used / BLOCK_BYTES)
  }
}

function xorInto(
  output: Uint8Array,
  input: Uint8Array,
  pad: Uint8Array,
  at: number,
  from: number,
  count: number,
): void {
  for (let n = 0; n < count; n++) output[at + n] = (input[at + n] ?? 0) ^ (pad[from + n] ?? 0)
}
