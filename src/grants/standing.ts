import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Now } from '../base/time.ts'
import { exceptionsOf } from './holdings.ts'
import type { Member } from './member.ts'
import type { VoterList } from './messages.ts'
import type { Top } from './top.ts'
import type { Voters } from './voters.ts'

/** Where this node stands with the right to act. */
export interface GrantsStanding {
  /** Is anything run in quorum mode? */
  readonly enabled: boolean
  readonly session: number
  readonly voters: VoterList | undefined
  /** Is this node one of them, and does it grant (it does not for a promise's length after boot)? */
  readonly voter: boolean
  readonly granting: boolean
  /** Voters whose grants this node holds now. */
  readonly grantedBy: readonly NodeId[]
  /** Ms until its quorum of grants runs out; absent when it has none. */
  readonly leaseForMs?: number
  /** The term under which it gained keys last; 0 when it has none. */
  readonly term: number
  /** The highest term on this voter's disk. */
  readonly top: number
  /** While this voter does not know the highest term (its disk is new): the voters that it has not heard of. Empty otherwise. */
  readonly topUnheard: readonly NodeId[]
  /** Promises to others under other rings that its grants name. */
  readonly exceptions: number
  /** Keys it lost whose work still drains. */
  readonly keeps: readonly string[]
}

export function standingOf(
  { self, session }: { readonly self: NodeId; readonly session: number },
  voters: Voters,
  { granting, top }: { readonly granting: boolean; readonly top: Pick<Top, 'value' | 'unheard'> },
  member: Member,
  now: Now,
): GrantsStanding {
  const until = member.leaseUntil
  return {
    ...{ enabled: true, session, voters: voters.list, voter: voters.includes(self), granting },
    ...{ top: top.value, topUnheard: top.unheard },
    grantedBy: member.holdings.map(({ voter }) => voter).sort(),
    ...(until === undefined ? {} : { leaseForMs: Math.max(0, elapsedMs(now.mono, until)) }),
    term: member.terms.last,
    exceptions: exceptionsOf(member.holdings),
    keeps: member.keeps,
  }
}
