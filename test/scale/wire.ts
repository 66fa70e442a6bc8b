/**
 * Bytes of messages as the codec of the transport writes them. Every message is written out; the longest of each type is
 * also read back, so that what a thousand nodes say is known to pass the limits and the schema of the wire.
 *
 * Not counted, as it is the same for any payload: multiplexer, encryption, TCP and IP, some 80 bytes a packet. Neither is
 * what gossipsub says on its own account (heartbeats of its mesh, ids for repair).
 */
import { RPC } from '@chainsafe/libp2p-gossipsub/message'
import {
  type Decoded,
  decodeGossip,
  decodeLinkFrame,
  type Encoded,
  encodeGossip,
  encodeLinkFrame,
  HEADER_BYTES,
} from '../../src/adapters/libp2p/codec.ts'
import type { MembershipGossip } from '../../src/membership/messages.ts'
import type { LinkMessage } from './traffic.ts'

/** A message is read back when it is so much longer than the longest of its type so far. */
const LONGER = 1.1
/** An Ed25519 peer id, as the envelope of gossip carries it; its public key; its signature; a sequence number. */
const PEER_BYTES = 38
const KEY_BYTES = 36
const SIGNATURE_BYTES = 64
const SEQUENCE_BYTES = 8
const TOPIC = '/roundtable/scale/membership/1'

export class Wire {
  readonly #longest = new Map<string, number>()

  /** The longest message of each type, in bytes. */
  get longest(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#longest)
  }

  /** Bytes of a frame on a link, its length in front included. */
  frame(message: LinkMessage): number {
    const bytes = written(encodeLinkFrame(message))
    this.#check(message.type, bytes, () => decodeLinkFrame(bytes.subarray(HEADER_BYTES)))
    return bytes.byteLength
  }

  /** Bytes of one copy of a gossip message, in its signed envelope. */
  gossip(message: MembershipGossip): number {
    const data = written(encodeGossip(message))
    this.#check(`${message.type} (gossip)`, data, () => decodeGossip(data))
    return envelopeBytes(data)
  }

  #check(type: string, bytes: Uint8Array, read: () => Decoded<unknown>): void {
    const longest = this.#longest.get(type) ?? 0
    if (bytes.byteLength <= longest * LONGER) return
    this.#longest.set(type, bytes.byteLength)
    const decoded = read()
    if (!decoded.ok)
      throw new Error(`the wire refuses a ${type} of ${bytes.byteLength} bytes: ${decoded.detail}`)
  }
}

/** Of a whole remote procedure call with this one message, its length in front. */
export function envelopeBytes(data: Uint8Array): number {
  const message = {
    from: new Uint8Array(PEER_BYTES),
    data,
    seqno: new Uint8Array(SEQUENCE_BYTES),
    topic: TOPIC,
    signature: new Uint8Array(SIGNATURE_BYTES),
    key: new Uint8Array(KEY_BYTES),
  }
  const { byteLength } = RPC.encode({ subscriptions: [], messages: [message] })
  return byteLength + (byteLength < 128 ? 1 : byteLength < 16_384 ? 2 : 3)
}

function written(encoded: Encoded): Uint8Array {
  if (!encoded.ok) throw new Error(`the wire refuses to write: ${encoded.detail}`)
  return encoded.bytes
}
