/** The shape of a refusal, as a node says it to another. */
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../../base/errors.ts'
import { PROBLEMS_MAX } from './limits.ts'
import { detail } from './schema-words.ts'

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

export const failure = z.object({
  code: errorCode,
  detail,
  problems: z
    .array(z.object({ at: detail, expected: detail, got: detail }))
    .max(PROBLEMS_MAX)
    .exactOptional(),
  retryAfterS: z.number().nonnegative().exactOptional(),
})
