import type { Logger } from '../../runtime/ports.ts'

/** One line in so many ms at most. */
const SAY_MS = 60_000

interface Failure {
  readonly detail: string
  readonly logBytes: number
}

/** Counts how often the log could not be copied into the database, and says so. */
export class Checkpoints {
  readonly #path: string
  readonly #clock: () => number
  #logger: Logger | undefined
  #saidAt = Number.NEGATIVE_INFINITY
  #failed = 0
  /** What happened before there was anybody to tell. */
  #unsaid: Failure | undefined

  /**
   * @param path of the database
   * @param clock any monotonic one, in ms
   */
  constructor(path: string, clock: () => number = () => performance.now()) {
    this.#path = path
    this.#clock = clock
  }

  get failed(): number {
    return this.#failed
  }

  logTo(logger: Logger): void {
    this.#logger = logger
    if (this.#unsaid !== undefined) this.#say(this.#unsaid)
  }

  fails(detail: string, logBytes: number): void {
    this.#failed++
    this.#say({ detail, logBytes })
  }

  #say(failure: Failure): void {
    this.#unsaid = this.#logger === undefined ? failure : undefined
    const now = this.#clock()
    if (this.#logger === undefined || now - this.#saidAt < SAY_MS) return
    this.#saidAt = now
    const fields = { path: this.#path, ...failure, failures: this.#failed }
    this.#logger.log('warn', 'store-checkpoint-failed', fields)
  }
}
