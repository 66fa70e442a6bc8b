import { CodedError, type Failure } from '../../base/errors.ts'
import type { ControlReply, ControlRequest } from '../../node/control.ts'
import type { ScheduleListReply } from '../../node/machine.ts'
import type { TaskReply, TaskRequest } from '../../tasks/messages.ts'
import type { ScheduleQuery } from '../../tasks/schedules/messages.ts'
import type { Face } from './face.ts'

/** Asks the owner, wherever it is; gives up (DEADLINE) and refuses when too many wait already (OVERLOADED). */
export async function askOwner(face: Face, request: TaskRequest): Promise<TaskReply> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.request(request), 'Ask again with the same id.')
}

/** The schedules of the whole cluster, from their owners. */
export async function askSchedules(face: Face, query: ScheduleQuery): Promise<ScheduleListReply> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.listSchedules(query), 'It is safe to ask again.')
}

/** The same for what an operator asks of this node; a change of voters needs the others' answers. */
export async function askNode(face: Face, request: ControlRequest): Promise<ControlReply> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.control(request), 'It is safe to ask again.')
}

/** Why one more may not wait now. */
export function tooManyWait({ counters, limits }: Face): Failure | undefined {
  if (counters.waiting < limits.waitingMax) return undefined
  return { code: 'OVERLOADED', detail: `${counters.waiting} requests wait already.`, retryAfterS: 1 }
}

async function inTime<T>({ counters, limits }: Face, ask: () => Promise<T>, advice: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const seconds = limits.answerMs / 1_000
  const timer = setTimeout(
    () => late.reject(new CodedError('DEADLINE', `There was no answer within ${seconds} s. ${advice}`)),
    limits.answerMs,
  )
  // A wait for another node is no reason for the process to stay.
  timer.unref()
  counters.waiting++
  try {
    return await Promise.race([ask(), late.promise])
  } finally {
    counters.waiting--
    clearTimeout(timer)
  }
}
