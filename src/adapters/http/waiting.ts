import { CodedError, type Failure } from '../../base/errors.ts'
import type { ControlReply, ControlRequest } from '../../node/control.ts'
import type { ScheduleListReply } from '../../node/machine.ts'
import type { LookAnswer, LookRequest, TaskReply, TaskRequest } from '../../tasks/messages.ts'
import type { ScheduleQuery } from '../../tasks/schedules/messages.ts'
import type { SurveyQuestion, SurveyReply } from '../../tasks/survey.ts'
import type { Face } from './face.ts'

/** Asks the owner, wherever it is; gives up (DEADLINE) and refuses when too many wait already (OVERLOADED). */
export async function askOwner(face: Face, request: TaskRequest): Promise<TaskReply> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.request(request), 'Ask again with the same id.')
}

/** The same for the node that runs or ran an attempt. */
export async function askAttempt(face: Face, request: LookRequest): Promise<LookAnswer> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.look(request), 'It is safe to ask again.')
}

/** The same for many, each to its own owner; all of them wait as one. */
export async function askOwners(face: Face, requests: readonly TaskRequest[]): Promise<readonly TaskReply[]> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return requests.map(() => ({ ok: false, failure }))
  const { counters, limits, node } = face
  const late = Promise.withResolvers<TaskReply>()
  const detail = `There was no answer within ${limits.answerMs / 1_000} s. Ask again with the same id.`
  const timer = setTimeout(
    () => late.resolve({ ok: false, failure: { code: 'DEADLINE', detail } }),
    limits.answerMs,
  )
  timer.unref()
  counters.waiting++
  try {
    return await Promise.all(node.requestAll(requests).map(reply => Promise.race([reply, late.promise])))
  } finally {
    counters.waiting--
    clearTimeout(timer)
  }
}

/** Asks every living node; who is silent is named. */
export async function askAll(face: Face, question: SurveyQuestion): Promise<SurveyReply> {
  const failure = tooManyWait(face)
  if (failure !== undefined) return { ok: false, failure }
  return await inTime(face, () => face.node.survey(question), 'It is safe to ask again.')
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
