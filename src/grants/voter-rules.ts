/** What a node does with a voter list that it is told or asked for. */
import type { Failure } from '../base/errors.ts'
import { NODE_ID_PATTERN, type NodeId } from '../base/ids.ts'
import { NAMED_VOTERS_MAX } from './config.ts'
import type { StoredVoters, VoterList } from './messages.ts'
import { baseOf, compareBallots, hashOf, isJoint, isMajority, isSame, rootOf } from './voter-list.ts'

/**
 * `keep`: what it has is as new. `refuse`: it promised to a higher round. `foreign`: neither descends from the other, so
 * no order between them is safe.
 */
export type Acceptance = 'adopt' | 'keep' | 'refuse' | 'foreign'

export function acceptance(mine: StoredVoters | undefined, told: VoterList): Acceptance {
  if (mine === undefined) return 'adopt'
  if (isSame(mine, told)) return 'keep'
  if (mine.version === 0) return told.version === 0 ? 'foreign' : 'adopt'
  if (told.version === 0) return 'keep'
  if (rootOf(mine) !== rootOf(told)) return 'foreign'
  return isJoint(told) ? acceptanceOfJoint(mine, told) : acceptanceOfPlain(mine, told)
}

function acceptanceOfPlain(mine: StoredVoters, told: VoterList): Acceptance {
  if (told.version !== mine.version) return told.version > mine.version ? 'adopt' : 'keep'
  return hashOf(told) === hashOf(mine) ? 'keep' : 'foreign'
}

function acceptanceOfJoint(mine: StoredVoters, told: VoterList): Acceptance {
  const [own, other] = [baseOf(mine), baseOf(told)]
  if (other.version < own.version) return 'keep'
  if (other.version === own.version && String(other.names) !== String(own.names)) return 'foreign'
  return compareBallots(told.ballot, mine.promised) < 0 ? 'refuse' : 'adopt'
}

/** What an operator is told who asks for another list. */
export type VoterAnswer =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly failure: Failure }

export const refused = (detail: string): VoterAnswer => ({
  ok: false,
  failure: { code: 'VOTERS_UNCHANGED', detail },
})

/** Why this change cannot begin; undefined when it can. */
export function refusalOfChange(
  list: VoterList | undefined,
  kind: 'add' | 'remove',
  node: NodeId,
  live: ReadonlySet<NodeId>,
  idle: boolean,
): string | undefined {
  if (list === undefined || list.version === 0) return 'There is no voter list yet.'
  if (isJoint(list) || !idle)
    return 'A change is under way, or this node does not know the list for sure yet.'
  if (kind === 'remove') {
    if (!list.names.includes(node)) return `${node} is not a voter.`
    return list.names.length === 1 ? `${node} is the last voter.` : undefined
  }
  if (list.names.includes(node)) return `${node} is a voter already.`
  if (list.names.length >= NAMED_VOTERS_MAX)
    return `There are ${NAMED_VOTERS_MAX} voters, the most there can be.`
  return live.has(node) ? undefined : `${node} is not alive.`
}

/**
 * A list of which no quorum lives would stop the cluster instead of letting it go on.
 *
 * @param known the living, and those on the list so far: of others nobody knows whether they exist
 * @param heard of these the ones that are not silent. A view is not enough: without a quorum nobody is buried in it
 */
export function refusalOfReset(
  names: readonly NodeId[],
  known: ReadonlySet<NodeId>,
  heard: ReadonlySet<NodeId>,
): string | undefined {
  const distinct = new Set(names).size === names.length
  if (!distinct || names.length === 0 || names.length > NAMED_VOTERS_MAX || !names.every(isName))
    return `Expected 1 to ${NAMED_VOTERS_MAX} different node ids.`
  const unknown = names.filter(name => !known.has(name))
  if (unknown.length > 0)
    return `Expected living members or present voters; neither is ${unknown.join(', ')}.`
  if (isMajority([...names].sort(), heard, true)) return undefined
  const missing = names.filter(name => !heard.has(name))
  return `Expected a list of which more than half live, or half with the lowest name; dead or silent: ${missing.join(', ')}.`
}

const isName = (name: string): boolean => NODE_ID_PATTERN.test(name)

/** Versions are passed over at a reset, so that no change that was under way can come out on top of it. */
const RESET_STEP = 1_000

/** The list that an operator puts in place of another. Nodes that are asked to do so one by one make the same. */
export function resetOf(before: VoterList | undefined, names: readonly NodeId[], floor: number): VoterList {
  const plain = { names, previous: undefined, fixed: true, floor }
  if (before === undefined || before.version === 0) return { ...plain, version: 1 }
  const version = (Math.floor(before.version / RESET_STEP) + 1) * RESET_STEP + 1
  return { ...plain, version, root: rootOf(before) }
}
