import type { NodeId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'
import type { LogFields } from './outbox.ts'

/** Changes of a member kept, and of what is said about it meanwhile; the oldest go first. */
export const LEDGER_CHANGES_MAX = 48
export const LEDGER_TALK_MAX = 48

/** Said again and again on a bad link or a bad machine; must not push out why a member was found dead, or this node owns nothing. */
const TALK: ReadonlySet<string> = new Set([
  'link-down',
  'stood-still',
  'fell-behind',
  'member-suspect',
  'claim-withdrawn',
  'cannot-tell',
  'mode-differs',
])

export interface LedgerLine {
  /** Wall clock, ms. */
  readonly at: WallMs
  readonly event: string
  readonly text: string
  readonly fields: LogFields
}

interface Numbered {
  readonly number: number
  readonly line: LedgerLine
}

/** The why-ledger: for each member, what changed, who said so, and on what evidence. */
export class Ledger {
  readonly #members = new Map<NodeId, { readonly changes: Numbered[]; readonly talk: Numbered[] }>()
  #numbers = 0

  note(member: NodeId, line: LedgerLine): void {
    const kept = this.#members.get(member) ?? { changes: [], talk: [] }
    this.#members.set(member, kept)
    const isTalk = TALK.has(line.event)
    const lines = isTalk ? kept.talk : kept.changes
    lines.push({ number: ++this.#numbers, line })
    if (lines.length > (isTalk ? LEDGER_TALK_MAX : LEDGER_CHANGES_MAX)) lines.shift()
  }

  /** In the order in which it was noted. */
  of(member: NodeId): readonly LedgerLine[] {
    const kept = this.#members.get(member)
    if (kept === undefined) return []
    return [...kept.changes, ...kept.talk].sort((a, b) => a.number - b.number).map(({ line }) => line)
  }

  forget(member: NodeId): void {
    this.#members.delete(member)
  }
}
