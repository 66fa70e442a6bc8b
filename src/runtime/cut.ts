/**
 * What a request is answered that is in flight when this node stops. What was asked may have been done, here or by another:
 * nobody is told that nothing was stored.
 */
import type { Failure } from '../base/errors.ts'
import type { SingleInput } from '../node/machine.ts'

export function cutOf(input: SingleInput): Failure {
  const code =
    input.kind === 'request' && input.request.kind !== 'get'
      ? 'OWNER_UNREACHABLE'
      : input.kind === 'control' || (input.kind === 'survey' && input.question.kind === 'purge')
        ? 'DEADLINE'
        : 'LEAVING'
  return { code, detail: 'the daemon stops', retryAfterS: 1 }
}
