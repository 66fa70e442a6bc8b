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

export interface SightParts {
  readonly contacts: Contacts
  readonly detection: Detection
  readonly claims: ClaimBoard
  readonly topology: Topology
}

/**
 * Is the member known to live at this moment: did this node or another hear it no longer ago than it may be silent, and did
 * nobody find that its process is gone? The view may say for long that a silent member lives, where nobody may evict it.
 */
export function isHeard(entry: Entry, parts: Omit<SightParts, 'topology'>, now: Instant): boolean {
  const { id, peerId, incarnation } = entry.record
  const limitMs = parts.detection.limitMs(parts.contacts.get(peerId), now)
  if (parts.detection.silenceMs(entry, now) > limitMs) return false
  return !parts.claims.against(id, incarnation).some(({ evidence }) => evidence === 'refused')
}

export function sightOf(entry: Entry, parts: SightParts, now: Instant): Sight {
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
