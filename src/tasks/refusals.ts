/** What requests are refused with: each says what to do, or when to come again. */
import type { Failure } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Rival } from './rivals.ts'
import type { Entry } from './table.ts'
import type { TaskSpec } from './task.ts'

export const saidBy = (failure: Failure, node: NodeId): Failure => ({
  ...failure,
  detail: `${failure.detail} Said by node ${node}, which owns the key.`,
})

/**
 * Why the owner of the key takes no such task. Undefined also where another living node has the executor: it may run once its
 * key goes there, or this node has one. Of a type that nobody knows it is a slip.
 */
export function refusalOfWork(
  { type, payload }: Pick<TaskSpec, 'type' | 'payload'>,
  executors: Executors,
): Failure | undefined {
  const failure = executors.check(type, payload)
  if (failure?.code === 'EXECUTOR_UNKNOWN' && executors.serving(type).length > 0) return undefined
  return failure
}

export interface Executors {
  /** Would this node's executors take such a task? Undefined when they would. */
  readonly check: (type: string, payload: unknown) => Failure | undefined
  /** Living nodes that say that they have an executor for it. */
  readonly serving: (type: string) => readonly NodeId[]
}

export const NOT_READY: Failure = {
  code: 'NOT_READY',
  detail: 'the node is still joining the cluster',
  retryAfterS: 1,
}
export const NO_OWNER: Failure = {
  code: 'NO_OWNER',
  detail: 'uncordon one, or start another',
  retryAfterS: 1,
}
export const LEAVING: Failure = { code: 'LEAVING', detail: 'its tasks go to other nodes', retryAfterS: 1 }

export const NOT_ACTING: Failure = {
  code: 'NOT_ACTING',
  detail: 'the owner of the key waits for leave of a quorum of the voters',
  retryAfterS: 1,
}

export function conflict(spec: TaskSpec, known: Entry): Failure {
  if (known.id === spec.id) {
    const detail = `task ${spec.id} is there with another content, under key ${JSON.stringify(known.key)}`
    return { code: 'TASK_CONFLICT', detail }
  }
  const named = JSON.stringify(spec.dedupe?.key)
  const detail = `dedupe key ${named} belongs to task ${known.id}, which has another content`
  return { code: 'DEDUPE_CONFLICT', detail }
}

/** A node that is to hold it has another task with its id. */
export function rivalled({ id, key }: Entry, [node, other]: Rival): Failure {
  const there = `node ${node} holds records of key ${JSON.stringify(key)}, and has task ${id} under key ${JSON.stringify(other)}`
  return { code: 'ID_CONTESTED', detail: `${there}; this one may be known or not, and may run` }
}

export const INCOMPLETE: Failure = {
  code: 'TAKEOVER_INCOMPLETE',
  detail:
    'its new owner asks the nodes that may hold its records; one that is down must come back, or be forgotten',
  retryAfterS: 1,
}

/** It was here when it was asked for. */
export const GONE_MEANWHILE: Failure = {
  code: 'TAKEOVER_INCOMPLETE',
  detail: 'what is known of the task went to another node, or came from one, while it was asked for',
  retryAfterS: 1,
}

/** Whoever sees other members looks for the task elsewhere. */
export const otherRing = (node: NodeId, from: NodeId, what: string): Failure => ({
  code: 'TAKEOVER_INCOMPLETE',
  detail: `${node} ${what}, but sees other members than ${from}, which asks; one of them is behind`,
  retryAfterS: 1,
})

export const notOwner = (node: NodeId, owner: NodeId | undefined): Failure => ({
  code: 'TAKEOVER_INCOMPLETE',
  detail: `${node} was asked as the owner of the key, and believes that ${owner ?? 'nobody'} owns it`,
  retryAfterS: 1,
})

export const OWNERS_CHANGED: Failure = {
  code: 'TAKEOVER_INCOMPLETE',
  detail: 'members came or went while the others were asked for the task',
  retryAfterS: 1,
}

export const TOO_FEW_COPIES: Failure = {
  code: 'TOO_FEW_COPIES',
  detail: 'the task may be known or not; it runs once however often it is sent',
  retryAfterS: 1,
}

export const unknownTask = (task: TaskId): Failure => ({
  code: 'TASK_UNKNOWN',
  detail: `no live node knows a task ${task}`,
})

/** A refusal as it concerns whoever asked here: that another node leaves is not their business, only that it passes. */
export function onward(failure: Failure, from: NodeId): Failure {
  if (failure.code !== 'LEAVING') return failure
  return {
    code: 'NOT_READY',
    detail: `${from}, the owner of the key, is leaving; another takes over`,
    retryAfterS: 1,
  }
}
