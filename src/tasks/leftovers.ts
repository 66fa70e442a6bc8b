/**
 * Copies of tasks that have ended and were dropped everywhere, in the hands of a node that did not hear of it: it was away for
 * long, or what was sent to it came late.
 *
 * The intuition: who knows all that counts (`completeness.ts`) need not remember what has ended. What turns up and is not
 * known was dropped after its end, or never counted, and nobody was told that it was accepted.
 * The rules: a complete owner does not take it, and says so; whoever has it drops it. A new owner that finds it among what
 * others hold drops it when, for every noted ring, so many holders answered without it that one of those on which it had to
 * be has dropped it; where those who live and have not answered may still show that, it waits for them, for a while. Else it
 * is taken for a task that must run. Neither age nor silence makes anybody drop anything.
 * What stays: an old copy found by a new owner while another holder is gone is run again, if its task had ended and was
 * dropped by that one too.
 *
 * Not taken: to keep the end of a task until every node that may have an older copy has heard of it. What is away for good
 * would keep all of it for good.
 */
import type { NodeId } from '../base/ids.ts'
import { after } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { isSettled } from './merge.ts'
import type { Records } from './records.ts'
import type { Right } from './right.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

export interface LeftoversParts {
  readonly view: View
  readonly table: Table
  readonly takeover: Takeover
  readonly records: Records
  readonly counters: Counters
  readonly config: TasksConfig
  readonly right: Right
}

export class Leftovers {
  readonly #parts: LeftoversParts

  constructor(parts: LeftoversParts) {
    this.#parts = parts
  }

  /** Its takeover goes on, and this node has it. */
  told(entry: Entry, by: NodeId): void {
    if (!entry.told.includes(by)) entry.told = [...entry.told, by]
  }

  /** Somebody has just been told, or is about to be, that it is there. */
  vouched(entry: Entry): void {
    entry.told = this.#parts.view.ring?.members.map(({ id }) => id) ?? []
  }

  /** Its key may go on, but not yet this task: those who live are heard first, for as long as a takeover is patient. */
  isUnsure(entry: Entry, { now }: Step): boolean {
    const { takeover, config } = this.#parts
    if (isSettled(entry.record) || takeover.quorum?.mustRun(entry.record, entry.told) !== 'unsure')
      return false
    return now.mono < after(takeover.startedAt, config.inventoryMs)
  }

  /** Does a term that is held have the key, without a break? Its owner of now may be another one, for as long as it is kept. */
  isKept({ key }: Entry): boolean {
    const { epochs } = this.#parts.right
    return epochs?.isQuorum(key) === true && epochs.hasUnder(key, new Set(epochs.held))
  }

  /** It waits no more for its takeover. True when it is none that must run, and was dropped. */
  dropped(entry: Entry, step: Step): boolean {
    const { told, record } = entry
    entry.told = []
    if (isSettled(record) || this.#parts.takeover.quorum?.mustRun(record, told) !== 'no') return false
    this.#drop(entry, told, step)
    return true
  }

  /** The owner of these knows that they are over. What is another copy by now, or in use here, stays. */
  ended(from: NodeId, records: readonly TaskRecord[], step: Step): void {
    const { view, table } = this.#parts
    for (const { spec, revision, term } of records) {
      const entry = table.get(spec.id)
      if (entry === undefined || entry.epoch !== view.epoch || entry.owner !== from) continue
      if (entry.place !== 'nowhere' || entry.lists.length > 0) continue
      if (entry.record.revision === revision && entry.record.term === term) this.#drop(entry, [from], step)
    }
  }

  #drop(entry: Entry, by: readonly NodeId[], step: Step): void {
    const { counters, records } = this.#parts
    const { id: task, key, record } = entry
    counters.add('ended_copies_dropped')
    step.log('info', 'ended-copy-dropped', { task, key, state: record.state, term: record.term ?? 0, by })
    records.erase(entry, step)
  }
}
