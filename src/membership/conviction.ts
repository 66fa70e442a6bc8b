import type { Now } from '../base/time.ts'
import type { Contacts } from './contact.ts'
import type { Detection } from './detection.ts'
import type { News } from './news.ts'
import type { Roster } from './roster.ts'
import type { Verdict } from './verdicts.ts'

/** Carries out verdicts: writes down why, and makes the members dead. Whoever was leaving anyway has left. */
export function convict(
  verdicts: readonly Verdict[],
  parts: { roster: Roster; contacts: Contacts; detection: Detection; news: News },
  now: Now,
): void {
  const { roster, contacts, detection, news } = parts
  for (const verdict of verdicts) {
    const entry = roster.get(verdict.subject)
    if (entry === undefined) continue
    const { record } = entry
    const contact = contacts.get(record.peerId)
    const fields = {
      memberIncarnation: record.incarnation,
      reason: verdict.reason,
      heldMs: Math.round(verdict.heldMs),
      accusers: verdict.claims.map(claim => `${claim.accuser}:${claim.evidence}`),
      panel: verdict.panel,
      silenceMs: Math.round(detection.silenceMs(entry, now.mono)),
      limitMs: Math.round(detection.limitMs(contact, now.mono)),
      srttMs: contact?.srttMs,
      rttvarMs: contact?.rttvarMs,
      links: contact?.links.size ?? 0,
    }
    const accusers = fields.accusers.join(', ')
    const text = `${verdict.reason}: accused by ${accusers} for ${fields.heldMs} ms, of ${verdict.panel.length} observers`
    news.record(record.id, 'info', 'verdict', text, fields, now)
    news.take({ ...record, status: record.leaving ? 'left' : 'dead' }, 'verdict', undefined, now)
  }
}
