/** What nodes answer to a question that all are asked, as tests put it together. */
import { asNodeId, asTaskId, type NodeId } from '../../../src/base/ids.ts'
import type { Ownership, SurveyAnswer, SurveyReply } from '../../../src/tasks/survey.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { record } from './sample-node.ts'

export const n1 = asNodeId('n1')
export const n2 = asNodeId('n2')
export const n3 = asNodeId('n3')

export const of = (...ids: string[]): TaskRecord[] => ids.map(id => record({ id: asTaskId(id) }))

/** By what a node says what it owns, when nothing changes. */
export const settled = { settling: false, ring: 'ring' } as const

export function page(tasks: readonly TaskRecord[], upTo?: string, of: Ownership = settled): SurveyAnswer {
  return { kind: 'page', tasks, ...(upTo !== undefined && { upTo: asTaskId(upTo) }), ...of }
}

export const survey = (answers: [NodeId, SurveyAnswer][], silent: readonly NodeId[] = []) =>
  ({ ok: true, answers: answers.map(([node, answer]) => ({ node, answer })), silent }) satisfies SurveyReply

export const idsOf = (tasks: readonly TaskRecord[]) => tasks.map(({ spec }) => spec.id)
