/**
 * Times of the failure detector, all in milliseconds. They were simulated (3 to 1,000 nodes; loss, pauses, cuts) before
 * they were written down; change them together or not at all.
 */
export interface MembershipConfig {
  /** How often each linked peer is probed. Shorter finds silence sooner and costs two frames per peer and probe. */
  readonly probeIntervalMs: number
  /** How often a node publishes its heartbeat. */
  readonly heartbeatIntervalMs: number
  /**
   * Silence S after which an observer accuses:
   *   S = max(silenceMsMin, min(silenceMsMax, 1.5 x worst gap of the last minute)) + srtt + max(50, 4 rttvar)
   * Below three probe intervals one lost packet and its TCP retransmission would look like death.
   */
  readonly silenceMsMin: number
  readonly silenceMsMax: number
  /** How long a majority of accusations must stand before the member is dead; up to 11 members, and above. */
  readonly holdMsSmall: number
  readonly holdMsLarge: number
  /** A standing claim is said again this often, and forgotten by others when not heard for three times as long. */
  readonly claimIntervalMs: number
  /** Silence on a peer's links after which a second connection is tried. */
  readonly secondConnectionMs: number
  /** Time limit of a dial. */
  readonly dialTimeoutMs: number
  /** A re-dial refused within this time of the remote's close is evidence `refused`. */
  readonly refusedWindowMs: number
  /** A tick later than this means that this node stood still, and that its own silence is not the others'. */
  readonly lateMs: number
  /** Full exchange of all that is known with one random peer. */
  readonly syncIntervalMs: number
  /** Seeds and dead members are dialled again after this, doubling up to the maximum. */
  readonly redialMsMin: number
  readonly redialMsMax: number
  /** In available mode, when more than half would be dead: wait this long and dial again before believing it. */
  readonly massDeathMs: number
  /** Dead and departed members are remembered (and the dead re-dialled) this long. */
  readonly tombstoneMs: number
  /** Members known at most; more are refused and counted. */
  readonly membersMax: number
}

export const membershipDefaults = (): MembershipConfig => ({
  probeIntervalMs: 500,
  heartbeatIntervalMs: 1_000,
  silenceMsMin: 1_500,
  silenceMsMax: 3_000,
  holdMsSmall: 700,
  holdMsLarge: 1_000,
  claimIntervalMs: 1_000,
  secondConnectionMs: 1_000,
  dialTimeoutMs: 3_000,
  refusedWindowMs: 1_000,
  lateMs: 300,
  syncIntervalMs: 15_000,
  redialMsMin: 200,
  redialMsMax: 5_000,
  massDeathMs: 5_000,
  tombstoneMs: 24 * 60 * 60 * 1_000,
  membersMax: 1_000,
})
