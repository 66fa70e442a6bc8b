/** What can be told from voter lists alone: their names, their quorums, and which of two descends from which. */
import type { NodeId } from '../base/ids.ts'
import { checksumOf } from '../ring/hash.ts'
import type { Ballot, StoredVoters, VoterList, VotersName } from './messages.ts'

type Names = readonly NodeId[]

export const sorted = (names: Iterable<NodeId>): readonly NodeId[] => [...new Set(names)].sort()

export const isJoint = (list: VoterList): boolean => list.previous !== undefined

/** Two lists are one and the same for those who vote when these agree: the round in which it was accepted is no part. */
export function hashOf({ version, names, previous, root }: VoterList): string {
  return checksumOf(JSON.stringify([version, names, previous ?? null, root ?? null]))
}

export const nameOf = (list: VoterList): VotersName => ({ version: list.version, hash: hashOf(list) })

export const rootOf = (list: VoterList): string => list.root ?? hashOf(list)

/** The version that stands before a change is made, and while it is made. */
export const baseOf = (list: VoterList): { readonly version: number; readonly names: Names } =>
  list.previous === undefined
    ? { version: list.version, names: list.names }
    : { version: list.version - 1, names: list.previous }

/** Every name that votes. */
export const namesOf = ({ names, previous }: VoterList): Names =>
  previous === undefined ? names : sorted([...names, ...previous])

/** More than half of them; or, where `half` is allowed, exactly half with the lowest name. */
export function isMajority(names: Names, nodes: ReadonlySet<NodeId>, half: boolean): boolean {
  const [lowest] = names
  let there = 0
  for (const name of names) if (nodes.has(name)) there++
  if (there * 2 > names.length) return true
  return half && lowest !== undefined && there * 2 === names.length && nodes.has(lowest)
}

/** Whoever acts needs these. While the list changes: more than half of the old and of the new one. */
export function isActingQuorum(list: VoterList, nodes: ReadonlySet<NodeId>): boolean {
  const { names, previous, fixed } = list
  if (previous === undefined) return isMajority(names, nodes, fixed)
  return isMajority(names, nodes, false) && isMajority(previous, nodes, false)
}

/** Whoever changes a list needs these: a quorum of the old and of the new one, each as if it stood alone. */
export function isChangeQuorum(
  old: Names,
  names: Names,
  fixed: boolean,
  nodes: ReadonlySet<NodeId>,
): boolean {
  return isMajority(old, nodes, fixed) && isMajority(names, nodes, fixed)
}

/** Below, equal (0), above. No ballot is below every ballot. */
export function compareBallots(a: Ballot | undefined, b: Ballot | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  if (a.round !== b.round) return a.round - b.round
  if (a.by === b.by) return 0
  return a.by < b.by ? -1 : 1
}

export const higherBallot = (a: Ballot | undefined, b: Ballot | undefined): Ballot | undefined =>
  compareBallots(a, b) >= 0 ? a : b

/** Same list, accepted in the same round. */
export const isSame = (a: VoterList, b: VoterList): boolean =>
  hashOf(a) === hashOf(b) && compareBallots(a.ballot, b.ballot) === 0

/** Does the first stand later in the history of the list? */
export function isNewer(a: VoterList, b: VoterList): boolean {
  return a.version > b.version || (a.version === b.version && compareBallots(a.ballot, b.ballot) > 0)
}

/** Without what its node promised. */
export function listOf({ promised: _, ...list }: StoredVoters): VoterList {
  return list
}

/** As it stands on the disk of a node that promised to this round: without one the field is absent. */
export const promising = (list: VoterList, promised: Ballot | undefined): StoredVoters =>
  promised === undefined ? list : { ...list, promised }

/** The joint list that leads from a plain one to these names. */
export function jointOf(list: VoterList, names: Names): VoterList {
  const { version, fixed } = list
  return { version: version + 1, names, previous: list.names, fixed, root: rootOf(list) }
}

/** The plain list at which the change arrives. */
export function settledOf(joint: VoterList): VoterList {
  const { version, names, fixed } = joint
  return { version: version + 1, names, previous: undefined, fixed, root: rootOf(joint) }
}

/** How many names are in one of them and not in the other. */
export function distance(a: Names, b: Names): number {
  return a.filter(name => !b.includes(name)).length + b.filter(name => !a.includes(name)).length
}

/** Could such a list have come about? Another node is another program. */
export function isSound({ version, names, previous, root, ballot }: VoterList): boolean {
  if (names.length === 0 || !isSorted(names)) return false
  if (previous === undefined) {
    const whole = version === 0 || version % 2 === 1
    return whole && ballot === undefined && (root !== undefined || version <= 1)
  }
  const change = isSorted(previous) && previous.length > 0 && distance(names, previous) === 1
  return change && version >= 2 && version % 2 === 0 && root !== undefined && ballot !== undefined
}

const isSorted = (names: Names): boolean => names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name)
