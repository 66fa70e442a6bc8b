/**
 * The three times of the right to act, by the size of a ring: above 200 members renewals are spaced so that a voter
 * still hears at most some 400 a second, and lease and promise are stretched with them. Of the ring that a request
 * names, never of the view: member and voter must mean the same size.
 */
import type { GrantsConfig } from './config.ts'

/** ms between two renewals, for each member of the ring. */
const SPACING_MS = 2.5
const SPACED_FROM = 200
/**
 * ms of pause after each request, for each member: when a part of the cluster is cut off, rings change many times within a
 * second and every answer names all who are gone, so a voter must not be asked by everybody each time.
 */
const PAUSE_MS = 1
const PAUSED_FROM = 32
/** A stretched lease outlasts so many renewals. */
const RENEWALS_PER_LEASE = 4
/** And a stretched promise so many leases: more than clocks 10 % apart need. */
const PROMISE_PER_LEASE = 1.25

export interface Times {
  readonly renewMs: number
  readonly leaseMs: number
  readonly promiseMs: number
  /** A voter is not asked again sooner, whatever changed. */
  readonly pauseMs: number
}

export function timesFor(members: number, { renewMs, leaseMs, promiseMs }: GrantsConfig): Times {
  const pauseMs = members > PAUSED_FROM ? members * PAUSE_MS : 0
  if (members <= SPACED_FROM) return { renewMs, leaseMs, promiseMs, pauseMs }
  const spaced = Math.max(renewMs, members * SPACING_MS)
  const lease = Math.max(leaseMs, RENEWALS_PER_LEASE * spaced)
  return {
    renewMs: spaced,
    leaseMs: lease,
    promiseMs: Math.max(promiseMs, PROMISE_PER_LEASE * lease),
    pauseMs,
  }
}
