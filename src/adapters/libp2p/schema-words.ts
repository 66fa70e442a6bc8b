/** The words that the schemas of messages are made of. */
import { z } from 'zod'
import { TERM_MAX } from '../../base/believed-terms.ts'
import {
  KEY_BYTES_MAX,
  NODE_ID_PATTERN,
  type NodeId,
  type PeerId,
  type RequestId,
  TASK_ID_PATTERN,
  type TaskId,
} from '../../base/ids.ts'
import type { WallMs } from '../../base/time.ts'
import { type Json, TASK_STATES } from '../../tasks/task.ts'
import { DETAIL_CHARS_MAX, INCARNATION_MAX, JSON_DEPTH_MAX, SHORT_CHARS_MAX } from './limits.ts'

/** A checked text under the name that the core gives it. */
const named = <T extends string>(schema: z.ZodType<string>) => schema as unknown as z.ZodType<T>

export const nodeId = named<NodeId>(z.string().max(SHORT_CHARS_MAX).regex(NODE_ID_PATTERN))
export const peerId = named<PeerId>(
  z
    .string()
    .max(SHORT_CHARS_MAX)
    .regex(/^[1-9A-HJ-NP-Za-km-z]{20,}$/),
)
export const taskId = named<TaskId>(z.string().regex(TASK_ID_PATTERN))
export const requestId = named<RequestId>(z.string().min(1).max(SHORT_CHARS_MAX))
export const wallMs = z.number().nonnegative() as unknown as z.ZodType<WallMs>
export const key = z
  .string()
  .max(KEY_BYTES_MAX)
  .refine(text => Buffer.byteLength(text) <= KEY_BYTES_MAX)
export const short = z.string().max(SHORT_CHARS_MAX)
export const detail = z.string().max(DETAIL_CHARS_MAX)
export const count = z.int().nonnegative()
/** Which of these is believed is the core's to say. */
export const term = count.max(TERM_MAX)
export const incarnation = count.max(INCARNATION_MAX)
export const json = z.custom<Json>(value => value !== undefined && isShallow(value, JSON_DEPTH_MAX))

/** Is a parsed value nested less deeply than the limit? Recursion itself is bounded by the limit. */
export function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth === 0) return false
  for (const inner of Object.values(value)) if (!isShallow(inner, depth - 1)) return false
  return true
}

export const state = z.enum(TASK_STATES)
