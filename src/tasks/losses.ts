import type { NodeId } from '../base/ids.ts'
import { type Fate, loseAttempts } from './attempts.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { lastNumber } from './merge.ts'
import type { Records } from './records.ts'
import { reportDead } from './reports.ts'
import { isLoan, leaveNow, type Right } from './right.ts'
import type { Entry } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { Attempt } from './task.ts'
import type { View } from './view.ts'

export interface LossesParts {
  readonly view: View
  readonly takeover: Takeover
  readonly records: Records
  readonly right: Right
  readonly counters: Counters
  /** Did this node see that the process of another one ended, and is it still gone? */
  readonly sawEnd: (node: NodeId) => boolean
}

/** Attempts that will never report, and what became of them. */
export class Losses {
  readonly #parts: LossesParts

  constructor(parts: LossesParts) {
    this.#parts = parts
  }

  /** Gives up the open attempts of a task that runs nowhere any more. It is ready again then, or a dead letter. */
  lose(entry: Entry, step: Step): void {
    const { counters, records } = this.#parts
    const open = entry.record.attempts.filter(attempt => attempt.outcome === undefined)
    const fateOf = this.#fates(entry, step)
    const ofFate = (...fates: readonly Fate[]) => open.filter(attempt => fates.includes(fateOf(attempt)))
    const lost = ofFate('crashed', 'away')
    const stopped = { 'key-moved': ofFate('stopped'), 'node-silent': ofFate('stopped-away') }
    const record = loseAttempts(entry.record, fateOf, step.now.wall, records.holders(entry.key))
    records.change(entry, record, step)
    const of = (attempts: readonly Attempt[]) => ({
      task: entry.id,
      key: entry.key,
      attempt: lastNumber(record),
      nodes: attempts.map(({ node }) => node),
    })
    counters.add('attempts_lost', lost.length)
    if (lost.length > 0 || open.length === 0) step.log('warn', 'task-lost', of(lost))
    for (const [reason, attempts] of Object.entries(stopped)) {
      if (attempts.length > 0) step.log('warn', 'task-fenced', { ...of(attempts), reason })
    }
    if (record.state === 'dead') reportDead(entry, counters, step)
  }

  /**
   * What became of the open attempts? In quorum mode the right to act says that another's were stopped, also of a node that
   * only went silent: what counts against the task is what is known of a crash. Without it silence is all there is.
   */
  #fates(entry: Entry, step: Step): (attempt: Attempt) => Fate {
    const { view, takeover, right, sawEnd } = this.#parts
    const leave = leaveNow(right, entry.key, step.now.mono)
    const lent = leave !== undefined && isLoan(leave)
    return ({ node }) => {
      if (node === view.self || sawEnd(node)) return 'crashed'
      if (!lent) return 'away'
      if (!view.live.has(node)) return 'stopped-away'
      return takeover.runsAt(node, entry.id) === false ? 'away' : 'stopped'
    }
  }
}
