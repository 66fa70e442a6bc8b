import type { NodeId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'
import type { LogFields } from './outbox.ts'

/** Entries kept per member; the oldest go first. */
export const LEDGER_ENTRIES_MAX = 64

export interface LedgerLine {
  /** Wall clock, ms. */
  readonly at: WallMs
  readonly event: string
  readonly text: string
  readonly fields: LogFields
}

/** The why-ledger: for each member, what changed, who said so, and on what evidence. */
export class Ledger {
  readonly #lines = new Map<NodeId, LedgerLine[]>()

  note(member: NodeId, line: LedgerLine): void {
    const lines = this.#lines.get(member) ?? []
    this.#lines.set(member, lines)
    lines.push(line)
    if (lines.length > LEDGER_ENTRIES_MAX) lines.shift()
  }

  of(member: NodeId): readonly LedgerLine[] {
    return this.#lines.get(member) ?? []
  }

  forget(member: NodeId): void {
    this.#lines.delete(member)
  }
}
