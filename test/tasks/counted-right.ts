import { instantOf } from '../../src/base/time.ts'
import type { Leave, Right } from '../../src/tasks/right.ts'
import { KnownEpochs } from './known-epochs.ts'

/** Leave for every key while it is held, and what voters know as a test says it. */
export class CountedRight implements Right {
  readonly epochs = new KnownEpochs()
  moves = 0
  until = 1_000_000
  held = true
  term = 5

  /** Under a new term all has to be asked anew. */
  take(term: number): void {
    this.term = term
    this.epochs.held = []
    this.epochs.take(term)
    this.moves++
  }

  end(): void {
    this.held = false
    this.epochs.held = []
    this.epochs.tenure = undefined
    this.epochs.changes++
    this.moves++
  }

  get version(): number {
    return this.epochs.changes
  }

  leaveFor(_key?: string): Leave | undefined {
    if (!this.held) return undefined
    const token = { value: String(this.term * 65_536), safe: true }
    return { until: instantOf(this.until), token, term: this.term }
  }
}
