import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import type { Step } from './effects.ts'
import type { TaskRecord } from './task.ts'

/** One line in so many ms at most: after a takeover all that a former owner still writes is refused. */
const SAY_MS = 1_000

/** What a holder did not take from one writer, of one batch. */
export interface Refusals {
  readonly from: NodeId
  readonly count: number
  /** The first of them as it came, and the term under which it was sent. */
  readonly record: TaskRecord
  readonly term: number
  /** The higher term that stands against it; 0: none does, and what is here is another version. */
  readonly standing: number
  /** What is here of it. */
  readonly here: TaskRecord | undefined
}

/** Says why copies of others are refused here: the writer is told by number only, and whoever reads the logs not at all. */
export class RefusedCopies {
  #saidAt: Instant | undefined
  #unsaid = 0

  say({ from, count, record, term, standing, here }: Refusals, step: Step): void {
    const now = step.now.mono
    if (this.#saidAt !== undefined && elapsedMs(this.#saidAt, now) < SAY_MS) {
      this.#unsaid += count
      return
    }
    step.log('info', 'copies-refused', {
      from,
      count,
      task: record.spec.id,
      key: record.spec.key,
      term,
      revision: record.revision,
      reason: standing > 0 ? 'higher-term' : 'other-version',
      standing: standing > 0 ? standing : undefined,
      hereTerm: here?.term,
      hereRevision: here?.revision,
      unsaid: this.#unsaid > 0 ? this.#unsaid : undefined,
    })
    this.#saidAt = now
    this.#unsaid = 0
  }
}
