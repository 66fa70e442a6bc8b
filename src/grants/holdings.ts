/** What a set of live grants amounts to. */
import type { NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import type { Holding } from './leases.ts'
import type { Voters } from './voters.ts'

/**
 * @param holdings the one that counts longest first
 * @returns the latest instant until which a quorum of them stands; undefined when they are none
 */
export function quorumUntil(
  holdings: readonly Holding[],
  voters: Pick<Voters, 'isQuorum'>,
): Instant | undefined {
  const quorum = new Set<NodeId>()
  for (const { voter, until } of holdings) {
    quorum.add(voter)
    if (voters.isQuorum(quorum)) return until
  }
  return undefined
}

/** The usual case, all grants alike: then one look decides for a key. Equal conditions are one array (`Leases`). */
export function singleOf(holdings: readonly Holding[], until: Instant | undefined) {
  const [holding] = holdings
  if (holding === undefined || until === undefined) return undefined
  return holdings.every(({ conditions }) => conditions === holding.conditions)
    ? { holding, until }
    : undefined
}

/** How many different promises to others these grants name. */
export function exceptionsOf(holdings: readonly Holding[]): number {
  const all = new Set<string>()
  for (const { conditions } of holdings) {
    for (const each of conditions) if (each.kind === 'not-excepted') all.add(JSON.stringify(each.exception))
  }
  return all.size
}
