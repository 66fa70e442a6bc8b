/**
 * What waits here is no silence of clients. While this node stood still nobody could renew a claim; what was said meanwhile
 * lies in the sockets, which are read after the timers. A lease that seems to have run out then would be the loss of an attempt, and
 * with the third one its task poison, by no fault of it. So each claim is waited for once more, for a moment. That is safe:
 * its client was told an earlier end, and neither the time limit nor the right to act is moved. Only once between two
 * renewals: a node that stands still again and again would else keep the claims of dead clients for ever.
 */
import { after, elapsedMs, type Instant, later } from '../../../base/time.ts'

/** A look at the clock that comes so much later than was wanted, in ms, shows that this node stood still. */
const LATE_MS = 100
/** Clients are waited for so long after a standstill, in ms. */
export const HEARING_MS = 1_000

/** @param wanted when the clock was to be looked at, at the latest */
export const stoodStill = (wanted: Instant, now: Instant): boolean => elapsedMs(wanted, now) > LATE_MS

/** Puts the end of a lease off, so that its client can be heard; one that lasts longer anyway is heard without that. */
export function hearOnce(claim: { leaseUntil: Instant; putOff: boolean }, now: Instant): void {
  if (claim.putOff || claim.leaseUntil >= after(now, HEARING_MS)) return
  claim.putOff = true
  claim.leaseUntil = later(claim.leaseUntil, after(now, HEARING_MS))
}
