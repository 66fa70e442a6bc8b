import type { Instant } from '../base/time.ts'
import type { ClaimBoard } from './claims.ts'
import type { Contacts } from './contact.ts'
import type { Detection } from './detection.ts'
import type { Claim } from './messages.ts'
import type { Entry } from './roster.ts'
import type { Topology } from './topology.ts'

/** What this node hears of a member, for people. */
export interface Sight {
  readonly lastHeardMs: number | undefined
  readonly rttMs: number | undefined
  /** Silent for longer, and this node accuses it: longer for a while after gaps and while round trips are slow. */
  readonly silenceLimitMs: number
  readonly links: number
  /** True when only this node's link is silent while others hear the member. */
  readonly linkFault: boolean
  readonly claims: readonly Claim[]
}

export function sightOf(
  entry: Entry,
  parts: { contacts: Contacts; detection: Detection; claims: ClaimBoard; topology: Topology },
  now: Instant,
): Sight {
  const { contacts, detection, claims, topology } = parts
  const contact = contacts.get(entry.record.peerId)
  const directMs = detection.directSilenceMs(entry, now)
  const limitMs = detection.limitMs(contact, now)
  return {
    lastHeardMs: directMs === undefined ? undefined : Math.max(0, directMs),
    rttMs: contact?.srttMs,
    silenceLimitMs: limitMs,
    links: contact?.links.size ?? 0,
    linkFault:
      topology.wants(entry.record.id) &&
      directMs !== undefined &&
      directMs > limitMs &&
      detection.silenceMs(entry, now) <= limitMs,
    claims: claims.against(entry.record.id, entry.record.incarnation),
  }
}
