/** Who asked something, and how that one is answered: a face of this node, or the node that passed it on. */
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId, TaskId } from '../base/ids.ts'
import type { Step, TasksEffect } from './effects.ts'
import type { TaskReply } from './messages.ts'

/** Who asked: a face of this node, or a node that forwards. */
export type Origin = ({ readonly face: RequestId } | { readonly node: NodeId; readonly id: RequestId }) & {
  /** An owner that was asked and is gone since: it may have stored what another refuses now. */
  readonly lost?: NodeId
}

/** Answers once everything that the answer rests on is durable. */
export function answer(origin: Origin, reply: TaskReply, step: Step): void {
  if (!reply.ok) refuse(origin, reply.failure, step)
  else if ('face' in origin) step.reply(origin.face, reply)
  else step.send(origin.node, { type: 'forward-reply', id: origin.id, reply })
}

/** Says how a task stands; what this rests on is its record, see `Step.tell`. */
export function tell(origin: Origin, reply: Extract<TaskReply, { ok: true }>, step: Step): void {
  const task = reply.record.spec.id
  step.tell(task, spoken(origin, reply), failure => spoken(origin, refusal(origin, failure)))
}

/** Says why not, where that says how the task stands. */
export function tellRefusal(origin: Origin, task: TaskId, failure: Failure, step: Step): void {
  const said = (why: Failure) => spoken(origin, refusal(origin, why))
  step.tell(task, said(failure), said)
}

export function refuse(origin: Origin, failure: Failure, step: Step): void {
  answerAtOnce(origin, refusal(origin, failure), step)
}

function refusal({ lost }: Origin, failure: Failure): TaskReply {
  return { ok: false, failure: lost === undefined ? failure : afterLoss(lost, failure) }
}

function spoken(origin: Origin, reply: TaskReply): TasksEffect {
  if ('face' in origin) return { kind: 'reply', id: origin.face, reply }
  return { kind: 'send', to: origin.node, message: { type: 'forward-reply', id: origin.id, reply } }
}

/** For what rests on nothing, or is durable already. */
export function answerAtOnce(origin: Origin, reply: TaskReply, step: Step): void {
  if ('face' in origin) step.replyAtOnce(origin.face, reply)
  else step.sendAtOnce(origin.node, { type: 'forward-reply', id: origin.id, reply })
}

/** Refusals that do not say that nothing was stored, or that say what is there. */
const SAY_NOTHING_OF_THE_STATE: ReadonlySet<string> = new Set([
  'TASK_CONFLICT',
  'ID_CONTESTED',
  'DEDUPE_CONFLICT',
  'OWNER_UNREACHABLE',
  'RIGHT_ENDED',
])

/** Who is told "refused" may think that the task is nowhere; the owner that is gone may have it, and bring it back. */
function afterLoss(lost: NodeId, failure: Failure): Failure {
  if (SAY_NOTHING_OF_THE_STATE.has(failure.code)) return failure
  const detail = `${lost} owned the key, was asked, and is gone; its successor says ${failure.code}: ${failure.detail}`
  return { code: 'OWNER_UNREACHABLE', detail, retryAfterS: failure.retryAfterS ?? 1 }
}
