import type { ProgressReport } from '../../tasks/progress.ts'

/** Between two reports of one attempt that are passed on, in ms: five a second is more than anybody reads. */
export const PROGRESS_MS = 200

/** Passes on the newest report, and none sooner than `PROGRESS_MS` after the one before. */
export class ProgressPace {
  readonly #tell: (report: ProgressReport) => void
  #waiting: ProgressReport | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(tell: (report: ProgressReport) => void) {
    this.#tell = tell
  }

  offer(report: ProgressReport): void {
    this.#waiting = report
    const leftMs = this.#toldAt + PROGRESS_MS - performance.now()
    if (leftMs <= 0) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), leftMs).unref()
  }

  /** Passes on what waits, at once: nothing more will come. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const report = this.#waiting
    this.#waiting = undefined
    if (report === undefined) return
    this.#toldAt = performance.now()
    this.#tell(report)
  }
}
