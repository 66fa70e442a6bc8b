/** Messages about attempts of other nodes, as they may come off a wire. */
import { z } from 'zod'
import { LOOK_BYTES_MAX } from '../../tasks/messages.ts'
import { NOTE_CHARS_MAX } from '../../tasks/progress.ts'
import { count, requestId, taskId, wallMs } from './schema-words.ts'

export const look = z.object({
  type: z.literal('look'),
  id: requestId,
  task: taskId,
  attempt: count,
  logBytes: count.max(LOOK_BYTES_MAX),
})

const progress = z.object({
  fraction: z.number().min(0).max(1).exactOptional(),
  done: z.number().nonnegative().exactOptional(),
  total: z.number().positive().exactOptional(),
  note: z.string().max(NOTE_CHARS_MAX).exactOptional(),
  at: wallMs,
})

/** No character takes less than a byte. */
const logTail = z.object({ text: z.string().max(LOOK_BYTES_MAX), cutBytes: count })

export const lookReply = z.object({
  type: z.literal('look-reply'),
  id: requestId,
  look: z
    .object({
      running: z.boolean(),
      progress: progress.exactOptional(),
      stdout: logTail.exactOptional(),
      stderr: logTail.exactOptional(),
    })
    .exactOptional(),
})
