/**
 * The rule by which a key may be acted for, as a function of plain values: `Member` goes by it now, and whoever remembers
 * these values can ask it again later. Only how long a grant counts is left out of a comparison of two such moments.
 */
import type { NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import { Conditions } from './conditions.ts'
import { quorumUntil, singleOf } from './holdings.ts'
import type { Holding } from './leases.ts'
import type { VoterList } from './messages.ts'
import type { KnownRings } from './scopes.ts'
import { type Taken, type Terms, termsOf } from './terms.ts'
import { isActingQuorum } from './voter-list.ts'
import type { Voters } from './voters.ts'

/** May act, until when unless renewed; `term` orders owners, `latest` is the one under which is written now. */
export interface GrantedLeave {
  readonly until: Instant
  readonly term: number
  readonly latest: number
}

/** What decides for a key. */
export interface Grounds {
  readonly conditions: Conditions
  readonly voters: Pick<Voters, 'isQuorum'>
  /** Live grants, the one that counts longest first. */
  readonly holdings: readonly Holding[]
  /** When they are all alike: see `singleOf`. */
  readonly single: { readonly holding: Holding; readonly until: Instant } | undefined
  readonly terms: Pick<Terms, 'termFor' | 'latestFor'>
}

/** A quorum of grants that are good for the key, and a term that has it. */
export function leaveBy(grounds: Grounds, key: string): GrantedLeave | undefined {
  const until = grantedUntil(grounds, key)
  if (until === undefined) return undefined
  const term = grounds.terms.termFor(key)
  if (term === undefined) return undefined
  return { until, term, latest: grounds.terms.latestFor(key) ?? term }
}

function grantedUntil({ conditions, voters, holdings, single }: Grounds, key: string): Instant | undefined {
  if (single) return conditions.hold(single.holding.conditions, key) ? single.until : undefined
  const good = holdings.filter(each => conditions.hold(each.conditions, key))
  return quorumUntil(good, voters)
}

/** The grounds of one moment as values that nobody changes any more; the rings that were known are kept beside them. */
export interface Basis {
  readonly holdings: readonly Holding[]
  /** Earliest first. */
  readonly tenures: readonly Taken[]
  readonly list: VoterList | undefined
}

/** What the grounds were then. Made once for each moment, it answers for any key. */
export function groundsOf({ holdings, tenures, list }: Basis, self: NodeId, rings: KnownRings): Grounds {
  const conditions = new Conditions(self, rings)
  const voters = {
    isQuorum: (nodes: ReadonlySet<NodeId>) => list !== undefined && isActingQuorum(list, nodes),
  }
  const single = singleOf(holdings, quorumUntil(holdings, voters))
  return { conditions, voters, holdings, single, terms: termsOf(tenures, conditions) }
}

/** Do the two give the same leave for every key, but for how long, as long as the same rings are known? */
export function isSameBasis(a: Basis, b: Basis): boolean {
  const conditionsOf = (voter: NodeId) => b.holdings.find(each => each.voter === voter)?.conditions
  return (
    a.list === b.list &&
    a.holdings.length === b.holdings.length &&
    a.holdings.every(({ voter, conditions }) => conditions === conditionsOf(voter)) &&
    a.tenures.length === b.tenures.length &&
    a.tenures.every(({ term, conditions }, i) => {
      const other = b.tenures[i]
      return term === other?.term && conditions === other.conditions
    })
  )
}

/** The rings that a basis names, and how much it takes to keep: the lists of keys are what may be long. */
export function namedBy({ holdings, tenures }: Basis): {
  readonly rings: ReadonlySet<string>
  readonly characters: number
} {
  const rings = new Set<string>()
  const lists = new Set<readonly string[]>()
  let characters = 0
  for (const conditions of new Set([...holdings, ...tenures].map(each => each.conditions))) {
    for (const condition of conditions) {
      characters += CONDITION_CHARACTERS
      const isClaim = condition.kind === 'claimed'
      for (const { ring, keeps } of isClaim ? [condition.scope] : condition.exception.scopes) {
        rings.add(ring)
        lists.add(keeps)
      }
      if (!isClaim) lists.add(condition.saved)
    }
  }
  for (const keys of lists) for (const key of keys) characters += key.length
  return { rings, characters }
}

/** What a condition takes without its keys, in characters. */
const CONDITION_CHARACTERS = 100
