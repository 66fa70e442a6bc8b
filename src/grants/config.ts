import type { NodeId } from '../base/ids.ts'

/**
 * `available`: every side of a partition keeps working, so work may run on both. `quorum`: at most one node acts for a
 * key, and a side without a quorum of the voters stops.
 */
export type Mode = 'available' | 'quorum'

/** A mode for the keys that begin with a prefix; the longest fitting prefix decides. */
export interface PrefixMode {
  readonly prefix: string
  readonly mode: Mode
}

/** The right to act. Times are in ms, on each node's own monotonic clock. */
export interface GrantsConfig {
  /** Of keys without a prefix of their own. `quorum` needs `expectedNodes` or `voters`. */
  readonly mode: Mode
  readonly modes: readonly PrefixMode[]
  /** So many distinct nodes make the first voter list: all of them to 9, the 9 lowest names above. */
  readonly expectedNodes: number | undefined
  /** The voters by name; wins over `expectedNodes`. Empty: not named. */
  readonly voters: readonly NodeId[]
  /** L: a grant counts for so long from the sending of its request. */
  readonly leaseMs: number
  /** W: a voter's promise stands for so long from its receipt; at least `leaseMs` x 1.1 / 0.9. */
  readonly promiseMs: number
  /** How often each voter is asked; raised to members x 2.5 ms above 200 members. */
  readonly renewMs: number
  /** A voter drops a promise early when it saw itself that the remote closed and a re-dial was refused. */
  readonly trustRefused: boolean
}

/** Voters at most, where they are not named. */
export const VOTERS_MAX = 9

/** Voters at most, where they are named. Each member asks each voter twice a second. */
export const NAMED_VOTERS_MAX = 64

/** Ratio of promise to lease that holds while clocks run within 10 % of each other's rate. */
export const CLOCK_RATE_MARGIN = 1.1 / 0.9

export const grantsDefaults = (): GrantsConfig => ({
  mode: 'available',
  modes: [],
  expectedNodes: undefined,
  voters: [],
  leaseMs: 2_000,
  promiseMs: 2_500,
  renewMs: 500,
  trustRefused: true,
})
