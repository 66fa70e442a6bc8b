/** Why a task stands where it stands: what its owner says of it, what the others hold, and how the owner was found. */
import type { ErrorCode, Failure } from '../../base/errors.ts'
import type { NodeId, TaskId } from '../../base/ids.ts'
import type { Explanation } from '../../node/status.ts'
import type { TaskStanding } from '../../tasks/survey.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import type { Face } from './face.ts'
import { askAll, askOwner } from './waiting.ts'

export interface TaskExplanation {
  /** Absent with `refused`. */
  readonly task?: TaskRecord
  /** Why nobody may say for sure how it stands; what follows is what each node has of it. */
  readonly refused?: Pick<Failure, 'code' | 'detail'>
  /** Why here: the ring of the node asked. */
  readonly placement?: {
    readonly owner: NodeId
    readonly preferenceList: readonly NodeId[]
    readonly hash: number
    readonly ringChecksum: string
  }
  /** Why it does not run, or that it does, in the words of its owner. */
  readonly why: TaskStanding['why']
  /** What must happen for it to go on. */
  readonly next: string
  /** Everybody who knows it, the owner first. */
  readonly nodes: readonly (TaskStanding & { readonly node: NodeId })[]
  /** Living nodes that did not answer. */
  readonly silent: readonly NodeId[]
}

type Explained =
  | { readonly ok: true; readonly explanation: TaskExplanation }
  | { readonly ok: false; readonly failure: Failure }

/** Refusals of whoever may know the task all the same; in its standing an owner that may not act, or takes over, says so. */
const UNSURE: ReadonlySet<ErrorCode> = new Set([
  'NOT_ACTING',
  'TAKEOVER_INCOMPLETE',
  'TOO_FEW_COPIES',
  'RIGHT_ENDED',
  'OWNER_UNREACHABLE',
])

export async function explainTask(face: Face, task: TaskId): Promise<Explained> {
  const [found, survey] = await Promise.all([
    askOwner(face, { kind: 'get', task }),
    askAll(face, { kind: 'explain', task }),
  ])
  if (!found.ok && !UNSURE.has(found.failure.code)) return found
  if (!survey.ok) return survey
  const nodes = survey.answers.flatMap(({ node, answer }) =>
    answer.kind === 'explain' && answer.standing !== undefined ? [{ node, ...answer.standing }] : [],
  )
  const { silent } = survey
  if (found.ok) return explained(face, found.record.spec.key, { task: found.record, nodes, silent })
  const [known] = nodes
  if (known === undefined) return found
  const { code, detail } = found.failure
  return explained(face, known.key, { refused: { code, detail }, nodes, silent })
}

function explained(
  face: Face,
  key: string,
  said: Pick<TaskExplanation, 'task' | 'refused' | 'nodes' | 'silent'>,
): Explained {
  const placed = face.node.explain(key)
  const isOwner = (node: NodeId): boolean => node === placed?.owner
  const nodes = [...said.nodes].sort(
    (a, b) => Number(isOwner(b.node)) - Number(isOwner(a.node)) || (a.node < b.node ? -1 : 1),
  )
  // An attempt that runs says more than the owner, who may wait for it.
  const teller = nodes.find(({ place }) => place === 'here') ?? nodes.find(({ node }) => isOwner(node))
  const explanation: TaskExplanation = {
    ...said,
    nodes,
    ...placementOf(placed),
    why: teller?.why ?? [
      { code: 'takeover', text: `${placed?.owner ?? 'its owner'} has not said that it knows the task` },
    ],
    next: teller?.next ?? 'its owner gets a copy from those who have one',
  }
  return { ok: true, explanation }
}

/** Where nobody owns the key there is none. */
function placementOf(placed: Explanation | undefined): Pick<TaskExplanation, 'placement'> {
  if (placed?.owner === undefined) return {}
  const { owner, preferenceList, hash, ringChecksum } = placed
  return { placement: { owner, preferenceList, hash, ringChecksum } }
}
