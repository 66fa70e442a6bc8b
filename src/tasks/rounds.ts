import type { NodeId } from '../base/ids.ts'
import type { GivenAnswers } from './given-answers.ts'
import type { NotedRing, RingsBefore } from './right.ts'

/** What a term is asked about, and what was said. */
export interface Round {
  readonly term: number
  /** The same, as a set. */
  readonly terms: ReadonlySet<number>
  /** At most so many as may be named; with fewer, more is refused to others than need be. */
  readonly rings: readonly string[]
  readonly without: readonly string[]
  /** What was this node's under all of one of these was complete, and somebody was not asked for it. */
  readonly spared: (readonly string[])[]
  readonly answers: GivenAnswers
  /** The rings that may have been written under before, as they were last known. */
  noted: RingsBefore | undefined
}

/** Who answered for the term, and for what. */
export type Answered = Omit<Round, 'noted'>

/** The same, and under which rings anybody may have written before: none where no quorum knows of every one. */
export interface Heard extends Answered {
  readonly noted: readonly NotedRing[]
}

/** Whose answers are wanted: those of the ring's members, or of these. */
export type Asked = NotedRing & { readonly members?: readonly NodeId[] }

export const membersOf = ({ members, ring }: Asked): readonly NodeId[] =>
  members ?? ring.members.map(({ id }) => id)
