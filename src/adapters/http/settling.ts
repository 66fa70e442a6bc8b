/**
 * Whose answers do not add up to all tasks with the others.
 *
 * Each node answers for the tasks that it owns, as its own ring has it. While news of a ring is under way, what moves is owned by
 * nobody, or by two: the node that loses a key may know of it before the one that gains it. So all of the answers must come from
 * one ring; a node that is no member of it (cordoned, leaving) names it all the same.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Ownership } from '../../tasks/survey.ts'

/** @param answers that of the node asked first */
export function settlingOf(answers: readonly (Ownership & { readonly node: NodeId })[]): readonly NodeId[] {
  const ring = answers[0]?.ring
  return answers
    .filter(answer => answer.settling || answer.ring === undefined || answer.ring !== ring)
    .map(({ node }) => node)
}
