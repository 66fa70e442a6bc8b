/** The shape of questions to all nodes, and of those answers that hold no records. */
import { z } from 'zod'
import { KEPT_WHYS, WHY_CODES } from '../../tasks/survey.ts'
import { PURGED_MAX, REASONS_MAX, RECORDS_MAX } from './limits.ts'
import { count, detail, key, nodeId, requestId, short, state, taskId } from './schema-words.ts'

const filter = z.object({
  state: state.exactOptional(),
  type: short.exactOptional(),
  key: key.exactOptional(),
  group: key.exactOptional(),
  q: short.exactOptional(),
})
const question = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('page'),
    filter,
    after: taskId.exactOptional(),
    limit: count.min(1).max(RECORDS_MAX),
  }),
  z.object({ kind: z.literal('stats') }),
  z.object({ kind: z.literal('explain'), task: taskId }),
  z.object({
    kind: z.literal('purge'),
    copies: z.array(z.object({ task: taskId, revision: count })).max(PURGED_MAX),
  }),
])
const amount = z.number().nonnegative()
const stats = z.object({
  total: count,
  queued: count,
  running: count,
  done: count,
  failed: count,
  cancelled: count,
  workers: count,
  busy: count,
  claimed: count,
  drainPerS: amount,
})
const vitals = z.object({ cpu: amount, memory: amount })
const standing = z.object({
  key,
  owner: nodeId.exactOptional(),
  revision: count,
  state,
  place: z.enum(['nowhere', 'gated', 'queued', 'delayed', 'elsewhere', 'here']),
  why: z.array(z.object({ code: z.enum(WHY_CODES), text: detail })).max(REASONS_MAX),
  next: detail,
})
export const survey = z.object({ type: z.literal('survey'), id: requestId, question })
/** A node of another version that names no ring is taken for one that sees another. */
export const ownership = { settling: z.boolean().default(false), ring: short.exactOptional() }
export const statsAnswer = z.object({
  kind: z.literal('stats'),
  stats,
  vitals: vitals.exactOptional(),
  ...ownership,
})
export const explainAnswer = z.object({ kind: z.literal('explain'), standing: standing.exactOptional() })
const keptLetter = z.object({ task: taskId, why: z.enum(KEPT_WHYS) })
export const purgeAnswer = z.object({
  kind: z.literal('purge'),
  purged: z.array(taskId).max(PURGED_MAX),
  kept: z.array(keptLetter).max(PURGED_MAX),
})
