/**
 * noise, with the same bytes on the wire for less work. Node.js takes raw bytes for a key of each call of its cipher, and finds
 * out that they are no key object by throwing two errors; what libp2p encrypts in larger pieces paid more for that than
 * for the cipher. And at the end of each piece that came in libp2p's decoder throws an error, with a stack, to say that no
 * further frame has begun. Here a key is made into a key object once, and that error is made once.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { ConnectionEncrypter } from '@libp2p/interface'
import { type ICryptoInterface, type NoiseComponents, noise } from '@libp2p/noise'
import { defaultCrypto } from '@libp2p/noise/crypto'
import { assert } from '../../base/assert.ts'

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
/** Of the length in front of a frame of noise. */
const LENGTH_BYTES = 2
/** Below this, libp2p's own cipher in WebAssembly is faster than a call of the one of Node.js. */
const NATIVE_BYTES_MIN = 512

/** A key is one object for as long as its connection lives. */
const keys = new WeakMap<Uint8Array, KeyObject>()

function keyOf(raw: Uint8Array): KeyObject {
  const known = keys.get(raw)
  if (known !== undefined) return known
  const key = createSecretKey(raw)
  keys.set(raw, key)
  return key
}

type Cipher = Pick<ICryptoInterface, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'>

/** The cipher alone, as libp2p asks for it. */
export const frugalCipher: Cipher = {
  chaCha20Poly1305Encrypt(plaintext, nonce, ad, raw) {
    if (plaintext.byteLength < NATIVE_BYTES_MIN)
      return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, raw)
    const cipher = createCipheriv(CIPHER, keyOf(raw), nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
    // In one piece: a call of the cipher costs more than to copy the header that comes in front of a frame.
    const text = cipher.update(plaintext.subarray())
    cipher.final()
    return Buffer.concat([text, cipher.getAuthTag()], text.byteLength + TAG_BYTES)
  },

  /** Throws when it was not encrypted so. */
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, raw, dst) {
    if (ciphertext.byteLength < NATIVE_BYTES_MIN)
      return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, raw, dst)
    const whole = ciphertext.subarray()
    const end = whole.byteLength - TAG_BYTES
    const cipher = createDecipheriv(CIPHER, keyOf(raw), nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(ad, { plaintextLength: end })
    cipher.setAuthTag(whole.subarray(end))
    const text = cipher.update(whole.subarray(0, end))
    cipher.final()
    return text
  },
}

/** What cuts the stream of an encrypted connection into frames of noise. */
export interface NoiseDecoder {
  lengthDecoder(bytes: Bytes): number
}

interface Bytes {
  readonly byteLength: number
  get(index: number): number
}

export function frugalNoise(): (components: NoiseComponents) => ConnectionEncrypter {
  const factory = noise({ crypto: { ...defaultCrypto, ...frugalCipher } })
  return components => {
    const encrypter = factory(components)
    const { secureInbound, secureOutbound } = encrypter
    encrypter.secureInbound = async (stream, options) =>
      spared(await secureInbound.call(encrypter, stream, options))
    encrypter.secureOutbound = async (stream, options) =>
      spared(await secureOutbound.call(encrypter, stream, options))
    return encrypter
  }
}

function spared<S extends { readonly connection: object }>(secured: S): S {
  const decoder: unknown = Reflect.get(secured.connection, 'decoder')
  spareErrors(decoder as NoiseDecoder)
  return secured
}

const NO_FRAME = new RangeError('no length of a frame has come yet')

/** libp2p takes a `RangeError` for "wait for more". */
export function spareErrors(decoder: NoiseDecoder): void {
  assert(typeof decoder?.lengthDecoder === 'function', 'noise reads the lengths of its frames in one place')
  decoder.lengthDecoder = bytes => {
    if (bytes.byteLength < LENGTH_BYTES) throw NO_FRAME
    return bytes.get(0) * 256 + bytes.get(1)
  }
}
