/** Waits for a task to come to its end, wherever that is: a long poll. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ErrorCode } from '../../base/errors.ts'
import type { TaskId } from '../../base/ids.ts'
import { type TaskReply, WAIT_MS_MAX } from '../../tasks/messages.ts'
import type { Face } from './face.ts'
import { askOwner, tooManyWait } from './waiting.ts'

/** Before the question is asked again, when its answer came at once: no owner holds it just now. */
const AGAIN_MS = 200

/** Refusals that pass by themselves, while there is time. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'OWNER_UNREACHABLE',
  'NOT_READY',
  'OVERLOADED',
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
])

/**
 * The record as it stands at its end, or when the time is up. The owner is asked for a while at a time and answers when
 * there is news; owners change meanwhile, so it is asked again until the time is up. Whoever waits is one of those who wait
 * from the first question to the last answer, and where these are too many nobody else begins to.
 * @param gone aborted when whoever asked has gone
 */
export async function endOfTask(
  face: Face,
  task: TaskId,
  waitMs: number,
  gone: AbortSignal,
): Promise<TaskReply> {
  const full = waitMs > 0 ? tooManyWait(face) : undefined
  if (full !== undefined) return { ok: false, failure: full }
  const end = performance.now() + waitMs
  for (;;) {
    const asked = performance.now()
    const left = Math.ceil(end - asked)
    const wait = Math.min(left, WAIT_MS_MAX)
    const reply = await askOwner(face, { kind: 'get', task, ...(wait > 0 && { waitMs: wait }) })
    const passing = reply.ok ? reply.record.settledAt === undefined : PASSING.has(reply.failure.code)
    if (!passing || performance.now() >= end || gone.aborted) return reply
    if (performance.now() - asked < AGAIN_MS)
      await paused(face, Math.min(AGAIN_MS, Math.max(1, end - performance.now())))
  }
}

async function paused({ counters }: Face, ms: number): Promise<void> {
  counters.waiting++
  try {
    await pause(ms)
  } finally {
    counters.waiting--
  }
}
