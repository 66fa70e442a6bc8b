/** The shape of what nodes say to each other about the right to act; see `schema.ts`. */
import { z } from 'zod'
import { DISKS_MAX, KEEPS_MAX, NOTES_MAX } from '../../grants/messages.ts'
import { EXCEPTIONS_MAX, MEMBERS_MAX, SCOPES_MAX, VOTER_NAMES_MAX, WEIGHT_MAX } from './limits.ts'
import { count, key, nodeId, short, term } from './schema-words.ts'

const ringName = short
const scope = z.object({ ring: ringName, leaving: z.boolean(), keeps: z.array(key).max(KEEPS_MAX) })
export const renew = z.object({
  type: z.literal('renew'),
  session: count,
  seq: count,
  scope,
  voters: z.object({ version: count, hash: short }),
  term,
  disk: short.exactOptional(),
  known: count.exactOptional(),
  done: count.exactOptional(),
  gap: term.exactOptional(),
})
const notes = z.object({
  seq: count,
  since: count.exactOptional(),
  lost: z.boolean(),
  gap: term.exactOptional(),
  rings: z.array(z.object({ seq: count, ring: ringName })).max(NOTES_MAX),
  disks: z
    .array(
      z.object({
        node: nodeId,
        disk: short,
        seq: count,
        born: z.boolean(),
        replaced: z.literal(true).exactOptional(),
      }),
    )
    .max(DISKS_MAX),
})
export const grant = z.object({
  type: z.literal('grant'),
  session: count,
  seq: count,
  scope,
  exceptions: z
    .array(z.object({ node: nodeId.optional(), scopes: z.array(scope).max(SCOPES_MAX) }))
    .max(EXCEPTIONS_MAX),
  promiseMs: z.number().positive(),
  top: term,
  termTaken: z.boolean(),
  fresh: z.boolean().exactOptional(),
  notes: notes.exactOptional(),
  disk: short.exactOptional(),
})
export const grantRefused = z.object({
  type: z.literal('grant-refused'),
  session: count,
  seq: count,
  reason: z.enum(['ring', 'voters', 'session', 'silent', 'not-a-voter']),
  ring: ringName,
})
export const ringAsk = z.object({ type: z.literal('ring-ask'), checksum: ringName })
export const ringTell = z.object({
  type: z.literal('ring-tell'),
  checksum: ringName,
  members: z.array(z.object({ id: nodeId, weight: z.number().positive().max(WEIGHT_MAX) })).max(MEMBERS_MAX),
})
const names = z.array(nodeId).max(VOTER_NAMES_MAX)
const ballot = z.object({ round: term, by: nodeId })
const voterList = z.object({
  version: count,
  names,
  previous: names.optional(),
  fixed: z.boolean(),
  root: short.exactOptional(),
  ballot: ballot.exactOptional(),
  floor: term.exactOptional(),
})
export const votersTell = z.object({
  type: z.literal('voters'),
  list: voterList.optional(),
  firm: z.boolean(),
  top: term,
  promiseMs: z.number().positive(),
  disk: short,
  ask: short.exactOptional(),
  answer: short.exactOptional(),
})
export const votersPrepare = z.object({
  type: z.literal('voters-prepare'),
  version: count,
  root: short,
  ballot,
  ask: short.exactOptional(),
})
export const votersPromise = z.object({
  type: z.literal('voters-promise'),
  ballot,
  promised: ballot,
  accepted: voterList.optional(),
  disk: short,
  answer: short.exactOptional(),
})
export const topAsk = z.object({ type: z.literal('top-ask') })
export const topTell = z.object({
  type: z.literal('top-tell'),
  top: term,
  known: z.boolean(),
  voters: z.object({ version: count, hash: short }).optional(),
  promised: ballot.exactOptional(),
})
