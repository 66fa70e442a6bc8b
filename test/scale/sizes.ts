/**
 * Bytes of messages as they go over the wire, without writing each of them out: a thousand nodes send tens of thousands
 * a second. Records are measured once; what has no fixed length is added up. `sizes.test.ts` holds it to the real thing.
 */
import type { MemberRecord } from '../../src/membership/member.ts'
import type { Claim, MembershipGossip, MembershipLinkMessage } from '../../src/membership/messages.ts'

/** Length prefix of a frame. */
export const FRAME_BYTES = 4
/** Signature, key, sequence number and topic of a gossip message. */
export const GOSSIP_BYTES = 200

const records = new WeakMap<MemberRecord, number>()
const claims = new WeakMap<Claim, number>()

function written<T extends object>(value: T, known: WeakMap<T, number>): number {
  let bytes = known.get(value)
  if (bytes === undefined) {
    bytes = JSON.stringify(value).length
    known.set(value, bytes)
  }
  return bytes
}

const listed = <T extends object>(values: readonly T[], known: WeakMap<T, number>): number =>
  values.reduce((sum, value) => sum + written(value, known), 0) + Math.max(0, values.length - 1)

/** Length of the message as JSON. */
export function bytesOf(message: MembershipLinkMessage | MembershipGossip): number {
  switch (message.type) {
    case 'liveness':
      return JSON.stringify({ ...message, beats: '' }).length + message.beats.length
    case 'sync': {
      const empty = JSON.stringify({ ...message, members: [], claims: [] }).length
      return empty + listed(message.members, records) + listed(message.claims, claims)
    }
    case 'rumour':
      return JSON.stringify({ ...message, members: [] }).length + listed(message.members, records)
    case 'claims':
      return JSON.stringify({ ...message, claims: [] }).length + listed(message.claims, claims)
    default:
      return JSON.stringify(message).length
  }
}
