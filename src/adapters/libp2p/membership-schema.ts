/** The shapes of what members tell of each other: see schema.ts. */
import { z } from 'zod'
import { SUMMARY_BUCKETS, TYPES_MAX } from '../../membership/messages.ts'
import { ADDRESS_CHARS_MAX, ADDRESSES_MAX, CLAIMS_MAX, MEMBERS_MAX } from './limits.ts'
import { count, detail, incarnation, nodeId, peerId, short, wallMs } from './schema-words.ts'

const share = z.number().min(0).max(1)

/** `host:port` has nothing but such characters, and each of them is one byte of JSON: a roster of 1,000 fits the queue of a link. */
const ADDRESS_PATTERN = /^[!#-[\]-~]*$/

const member = z.object({
  id: nodeId,
  peerId,
  incarnation,
  status: z.enum(['alive', 'dead', 'left']),
  leaving: z.boolean(),
  addresses: z.array(z.string().max(ADDRESS_CHARS_MAX).regex(ADDRESS_PATTERN)).max(ADDRESSES_MAX),
  cordoned: z.boolean().exactOptional(),
  forgotten: z.boolean().exactOptional(),
  goneAt: wallMs.exactOptional(),
  onlyDisk: short.exactOptional(),
  weight: z.number().min(0.01).max(100),
})
const members = z.array(member).max(MEMBERS_MAX)

const claim = z.object({
  accuser: nodeId,
  subject: nodeId,
  incarnation,
  sequence: count,
  evidence: z.enum(['timeout', 'refused']),
  withdrawn: z.boolean(),
})
const claims = z.array(claim).max(CLAIMS_MAX)

const life = { nonce: count, ageMs: z.number().nonnegative() }

export const hello = z.object({
  type: z.literal('hello'),
  cluster: short,
  self: member,
  ring: z.object({ version: count, hash: short, vnodesPerWeight: z.number().positive(), replicas: count }),
  version: short,
  life: z.object(life).exactOptional(),
})
export const refuse = z.object({
  type: z.literal('refuse'),
  code: z.enum(['RING_MISMATCH', 'NODE_ID_TAKEN', 'PEER_NOT_ALLOWED', 'SEED_OTHER_CLUSTER']),
  detail,
  holder: z.object({ ...life, peerId, heldMs: z.number().nonnegative() }).exactOptional(),
})
export const sync = z.object({
  type: z.literal('sync'),
  reply: z.boolean(),
  buckets: z
    .array(count.max(SUMMARY_BUCKETS - 1))
    .max(SUMMARY_BUCKETS)
    .exactOptional(),
  more: z.boolean().exactOptional(),
  members,
  claims,
})
export const summary = z.object({
  type: z.literal('summary'),
  buckets: z.array(count).length(SUMMARY_BUCKETS),
})
export const liveness = z.object({
  type: z.literal('liveness'),
  viewDigest: count,
  order: count,
  beats: z.string().max(2 * MEMBERS_MAX),
})
export const ping = z.object({ type: z.literal('ping'), seq: count })
export const ack = z.object({ type: z.literal('ack'), seq: count })
export const leave = z.object({ type: z.literal('leave'), member })
export const leaveAck = z.object({ type: z.literal('leave-ack'), incarnation })

export const rumour = z.object({ type: z.literal('rumour'), members })
export const heartbeat = z.object({
  type: z.literal('heartbeat'),
  id: nodeId,
  incarnation,
  leaving: z.boolean(),
  ringChecksum: short,
  viewDigest: z.number(),
  load: z.object({
    running: count,
    queued: count,
    slots: count.exactOptional(),
    cpu: share.exactOptional(),
    memory: share.exactOptional(),
    types: z.array(short).max(TYPES_MAX).exactOptional(),
  }),
  modes: short.exactOptional(),
  wall: z.number().exactOptional(),
  heard: z.array(z.tuple([nodeId, z.number().nonnegative()])).max(MEMBERS_MAX),
})
export const claimsGossip = z.object({ type: z.literal('claims'), claims })
