import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { LedgerEntry, RingCause } from './status.ts'

/** Lines of a ledger that one cause quotes at most; the newest. */
export const CAUSE_LINES_MAX = 12

/** A member's story begins anew with these: what was before does not explain why it went. */
const BEGINNINGS: ReadonlySet<string> = new Set(['member-alive', 'member-renewed', 'refuted'])

/** Lines about a member that say nothing of what it is believed to be. */
const ASIDE: ReadonlySet<string> = new Set([
  'link-down',
  'stood-still',
  'fell-behind',
  'cannot-tell',
  'mode-differs',
  'evictions-withheld',
  'evictions-free',
])

/** The newest line that says why a member is believed to be what it is. Of a death that was found here: the verdict. */
export function newestWord(ledger: readonly LedgerEntry[]): LedgerEntry | undefined {
  const [before, newest] = [undefined, ...ledger.filter(line => !ASIDE.has(line.event))].slice(-2)
  return newest?.event === 'member-dead' && before?.event === 'verdict' ? before : newest
}

/** What made one ring into another: each member that came, went or weighs another share, with its ledger's word on it. */
export function causesOf(
  before: Ring,
  after: Ring,
  ledgerOf: (member: NodeId) => readonly LedgerEntry[],
): readonly RingCause[] {
  const weights = new Map(before.members.map(({ id, weight }) => [id, weight]))
  const changed = after.members.flatMap(({ id, weight }): RingCause[] => {
    const earlier = weights.get(id)
    if (earlier === weight) return []
    const change = earlier === undefined ? 'joined' : 'weight'
    return [{ member: id, change, ledger: lastWord(ledgerOf(id)) }]
  })
  const gone = before.members.flatMap(({ id }): RingCause[] =>
    after.has(id) ? [] : [{ member: id, change: 'gone', ledger: lastStory(ledgerOf(id)) }],
  )
  return [...gone, ...changed]
}

function lastWord(ledger: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const word = newestWord(ledger)
  return word === undefined ? [] : [word]
}

/** From the first suspicion to the verdict, without the life before. */
function lastStory(ledger: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const begun = ledger.findLastIndex(line => BEGINNINGS.has(line.event))
  return ledger.slice(begun + 1).slice(-CAUSE_LINES_MAX)
}
