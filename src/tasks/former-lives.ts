/**
 * Lives of one id under one term of this node: it was accepted, has ended and was dropped, and was accepted again. The later one is to be
 * the newer, and mostly is by the clock. Where that was set back since, and this node no longer remembers the end (`dropped-ends.ts`), a
 * holder that still has it would be right. But under a term of its own nobody else has written: whatever is ahead of its own record is of a life before.
 */
import { wallOf } from '../base/time.ts'
import { isSchedule } from './schedules/state.ts'
import type { TaskRecord } from './task.ts'

/** Would this copy, of the same owner, take the place of what its owner has? */
export function isAhead(copy: TaskRecord, here: TaskRecord): boolean {
  if (copy.term !== here.term || isSchedule(copy) !== isSchedule(here)) return false
  return isSchedule(copy) ? copy.revision > here.revision : copy.acceptedAt > here.acceptedAt
}

/** What is here, so dated that it is newer than that copy wherever the two meet. */
export const ahead = (here: TaskRecord, copy: TaskRecord): TaskRecord =>
  isSchedule(here)
    ? { ...here, revision: copy.revision + 1 }
    : { ...here, acceptedAt: wallOf(copy.acceptedAt + 1), revision: here.revision + 1 }
