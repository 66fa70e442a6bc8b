/** How an attempt ends that a client carries out, or that no client came for. */
import type { ClaimEnding } from '../../../runtime/claims.ts'
import type { Outcome } from '../../../tasks/task.ts'
import { failed, succeeded } from '../executor.ts'

export const UNCLAIMED = failed('UNCLAIMED', 'the client that it was begun for had gone, and no other came')

/** Its client was silent for the whole lease, in ms. */
export const expired = (client: string, leaseMs: number): Outcome =>
  failed('CLAIM_EXPIRED', `the client ${client} did not renew its claim for ${leaseMs} ms`)

/** By the word of its client. */
export function outcomeOf(ending: ClaimEnding): Outcome {
  if (ending.kind === 'complete') return succeeded(ending.result)
  if (ending.kind === 'fail') return failed('CLAIM_FAILED', ending.message, ending.retryable)
  return failed('UNCLAIMED', 'its client gave it back')
}
