import { randomBytes } from 'node:crypto'
import type { TaskId } from '../../base/ids.ts'
import type { WallMs } from '../../base/time.ts'
import type { LogTail } from '../../tasks/messages.ts'
import type { Progress, ProgressReport } from '../../tasks/progress.ts'

/** What an attempt printed, as far as it is kept. */
export interface AttemptLog {
  readonly stdout: LogTail
  readonly stderr: LogTail
}

/**
 * Where the executor of one attempt puts what the attempt says while it runs, for whoever looks: the newest word on its
 * progress, and how to see what it prints.
 */
export class AttemptDesk {
  readonly task: TaskId
  readonly attempt: number
  readonly #publish: (address: string) => string | undefined
  #progress: Progress | undefined
  #log: AttemptLog | undefined
  #peek: (() => Promise<AttemptLog | undefined>) | undefined
  #address: string | undefined

  /** @param publish makes of an address here a URL at which others can report, if there is one */
  constructor(
    task: TaskId,
    attempt: number,
    publish: (address: string) => string | undefined = () => undefined,
  ) {
    this.task = task
    this.attempt = attempt
    this.#publish = publish
  }

  get progress(): Progress | undefined {
    return this.#progress
  }

  /** Under which it can be reached from outside; undefined when nobody was told of one. */
  get address(): string | undefined {
    return this.#address
  }

  /** The attempt says how far it is: what it said before is forgotten. */
  report(report: ProgressReport): void {
    this.#progress = { ...report, at: Date.now() as WallMs }
  }

  /** A URL for an application that reports from outside; whoever knows it may report. Undefined: nothing listens. */
  reportUrl(): string | undefined {
    this.#address ??= randomBytes(ADDRESS_BYTES).toString('base64url')
    return this.#publish(this.#address)
  }

  /** How to see what it has printed so far, until `printed` tells it whole. */
  peekWith(peek: () => Promise<AttemptLog | undefined>): void {
    this.#peek = peek
  }

  /** The attempt has ended; this is the end of what it printed. */
  printed(log: AttemptLog): void {
    this.#log = log
    this.#peek = undefined
  }

  async log(): Promise<AttemptLog | undefined> {
    const peeked = this.#log === undefined ? await this.#peek?.() : undefined
    return this.#log ?? peeked // It may have ended meanwhile.
  }

  /** Bytes of memory that the log takes, roughly. */
  get logBytes(): number {
    return this.#log === undefined ? 0 : this.#log.stdout.text.length + this.#log.stderr.text.length
  }
}

/** So many that nobody guesses one while the attempt runs. */
const ADDRESS_BYTES = 18
