/**
 * The pre-shared cluster key: whoever does not have it hears noise and is understood by nobody, from the first byte on.
 *
 * On the wire it is libp2p's private networks, version 1: each end sends a random nonce of 24 bytes; every byte after it
 * is XORed with XSalsa20 under the key and the nonce of whoever sends. It keeps strangers out and is no substitute for
 * the encrypted handshake that runs inside: there is nothing in it that proves who sent a byte.
 *
 * Anyone who can reach the port gets as far as here, so what a stranger does may cost it its own connection and nothing
 * else: no memory stays, no error goes further than the promise of `protect`.
 */
import { randomBytes } from 'node:crypto'
import type { AbortOptions, ConnectionProtector, MultiaddrConnection } from '@libp2p/interface'
import { ConnectionClosedError } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { CodedError } from '../../base/errors.ts'
import { KeyStream, NONCE_BYTES } from './key-stream.ts'
import { KEY_STREAM_BYTES_MAX, NONCE_MS } from './limits.ts'
import { PrivateConnection } from './private-connection.ts'

/** The bytes of a key as `roundtable keygen` prints it. Throws CLUSTER_KEY_INVALID. */
export function parseClusterKey(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  // Its length only: a key that is nearly right is nearly a secret.
  throw new CodedError('CLUSTER_KEY_INVALID', `Expected 64 hex digits, got ${text.length} characters.`)
}

export interface ClusterKeyInit {
  readonly key: Uint8Array
  /** A connection was ended because a key stream of it was used up. */
  readonly onUsedUp?: () => void
  /** For tests: a key stream that is used up sooner. */
  readonly keyStreamBytesMax?: number
}

export class ClusterKeyProtector implements ConnectionProtector {
  readonly #init: ClusterKeyInit

  constructor(init: ClusterKeyInit) {
    this.#init = init
  }

  /** Rejects when the other end closes, or sends no nonce before the signal (without one, within `NONCE_MS`). */
  async protect(connection: MultiaddrConnection, options?: AbortOptions): Promise<MultiaddrConnection> {
    const limit = { signal: options?.signal ?? AbortSignal.timeout(NONCE_MS) }
    const bytes = byteStream(connection)
    const own = randomBytes(NONCE_BYTES)
    const [theirs] = await Promise.all([
      bytes.read({ bytes: NONCE_BYTES, ...limit }),
      bytes.write(own, limit),
    ])
    const raw = bytes.unwrap()
    // Its close was told before anybody listened: the handshake would wait for its time limit, and hold its place.
    if (raw.status !== 'open') throw new ConnectionClosedError('closed after its nonce')
    const { key, onUsedUp = () => undefined, keyStreamBytesMax = KEY_STREAM_BYTES_MAX } = this.#init
    return new PrivateConnection({
      raw,
      inbound: new KeyStream(key, theirs.subarray(), keyStreamBytesMax),
      outbound: new KeyStream(key, own, keyStreamBytesMax),
      onUsedUp,
    })
  }
}
