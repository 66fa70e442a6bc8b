import { CodedError } from '../../base/errors.ts'
import type { TaskReply, TaskRequest } from '../../tasks/messages.ts'
import type { Face } from './face.ts'

/** Asks the owner, wherever it is; gives up (DEADLINE) and refuses when too many wait already (OVERLOADED). */
export async function askOwner(face: Face, request: TaskRequest): Promise<TaskReply> {
  const { counters, limits, node } = face
  if (counters.waiting >= limits.waitingMax) {
    const failure = {
      code: 'OVERLOADED',
      detail: `${counters.waiting} requests wait already.`,
      retryAfterS: 1,
    } as const
    return { ok: false, failure }
  }
  const late = Promise.withResolvers<never>()
  const seconds = limits.answerMs / 1_000
  const timer = setTimeout(
    () =>
      late.reject(
        new CodedError('DEADLINE', `There was no answer within ${seconds} s. Ask again with the same id.`),
      ),
    limits.answerMs,
  )
  // A wait for another node is no reason for the process to stay.
  timer.unref()
  counters.waiting++
  try {
    return await Promise.race([node.request(request), late.promise])
  } finally {
    counters.waiting--
    clearTimeout(timer)
  }
}
