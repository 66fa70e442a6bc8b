/**
 * The outside collector: knows in true time which attempts really execute, on every host at once, as no node can.
 *
 * An attempt executes from the moment its process runs to the moment it is dead, less the time in which it stood still.
 * Two nodes that execute for one key at one moment break the promise of quorum mode, but for what the promise excepts by
 * name: an action begun before a freeze (dead 100 ms after the thaw), a machine that was suspended with its clocks, and,
 * with `trustRefused`, what a killed daemon's runner is just about to reap. There the fencing token decides, so
 * tokens are checked too: nothing else starts below one that another node had for the key.
 */
import type { TaskId } from '../../src/base/ids.ts'
import type { AttemptOrder } from '../../src/node/machine.ts'

/** One attempt, from the start of its process to its end. */
export interface Run {
  readonly task: TaskId
  readonly key: string
  readonly attempt: number
  readonly host: number
  /** Boot number of the daemon that ordered it. */
  readonly boot: number
  readonly token: AttemptOrder['token']
  /** Virtual ms. */
  readonly startedAt: number
  endedAt: number | undefined
  end: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'fenced' | 'killed'
  /** Until then, in virtual ms, the promise excepts it. */
  exceptedUntil: number
}

/** What the collector says when something is wrong. */
export type Complain = (
  invariant: 'one node executes for a key' | 'tokens rise with each owner',
  run: Run,
  detail: string,
) => void

interface KeyBook {
  readonly executing: Set<Run>
  top: string
  /** Who had the highest token. */
  holder: string
}

export class Collector {
  /** Every run of every task, in order of start. */
  readonly runs: Run[] = []
  readonly #now: () => number
  readonly #keys = new Map<string, KeyBook>()
  /** Holders whose tokens are not judged. */
  readonly #excused = new Set<string>()
  complain: Complain = () => {}
  /** Told of each run when it begins. */
  onBegan: (run: Run) => void = () => {}
  /** Moments in which two nodes executed for one key: all of available mode, and those the promise excepts. */
  overlaps = 0
  /** Times that an owner went on under a lower token than it had before. */
  fallen = 0

  constructor(now: () => number) {
    this.#now = now
  }

  began(run: Run): void {
    this.runs.push(run)
    this.#checkToken(run)
    this.resumed(run)
    this.onBegan(run)
  }

  /** It stands still: whatever it holds, it does nothing with it. */
  paused(run: Run): void {
    this.#keys.get(run.key)?.executing.delete(run)
  }

  resumed(run: Run): void {
    const book = this.#bookOf(run.key)
    for (const other of book.executing) {
      if (this.#collide(run, other)) this.overlaps++
    }
    book.executing.add(run)
  }

  /** Looks again at all that executes: an exception may have run out meanwhile. */
  lookAgain(): void {
    for (const { executing } of this.#keys.values()) {
      if (executing.size < 2) continue
      for (const run of executing) for (const other of executing) this.#collide(run, other)
    }
  }

  #collide(run: Run, other: Run): boolean {
    if (other.host === run.host && other.boot === run.boot) return false
    if (run.token.safe && other.token.safe && !this.#excepted(run) && !this.#excepted(other)) {
      this.complain('one node executes for a key', run, `${tell(run)} beside ${tell(other)}`)
    }
    return true
  }

  ended(run: Run, how: Exclude<Run['end'], 'running'>): void {
    this.paused(run)
    run.end = how
    run.endedAt = this.#now()
  }

  /** Everything that executes at this moment. */
  *running(): Generator<Run> {
    for (const { executing } of this.#keys.values()) yield* executing
  }

  /** What executes for a key at this moment, but for what the promise excepts. */
  executing(key: string): Run[] {
    return [...(this.#keys.get(key)?.executing ?? [])].filter(run => !this.#excepted(run))
  }

  /**
   * This life of a host was suspended with its clocks: it may go on under the tokens it had, while another acted with
   * higher ones in between, so its tokens say nothing until it starts anew.
   */
  excuse(host: number, boot: number): void {
    this.#excused.add(`${host}/${boot}`)
  }

  #excepted(run: Run): boolean {
    return this.#now() <= run.exceptedUntil
  }

  #bookOf(key: string): KeyBook {
    let book = this.#keys.get(key)
    if (book === undefined) {
      book = { executing: new Set(), top: '', holder: '' }
      this.#keys.set(key, book)
    }
    return book
  }

  #checkToken(run: Run): void {
    // What the promise excepts may well be stale; then the token is there to say so.
    if (!run.token.safe || this.#excepted(run)) return
    this.sawToken(run.key, `${run.host}/${run.boot}`, run.token.value, detail =>
      this.complain('tokens rise with each owner', run, `${tell(run)}: ${detail}`),
    )
  }

  /**
   * A holder acts for a key under a token: it is above every token that another had. One below its own breaks no promise,
   * but a register that checks tokens refuses it, so it is counted.
   */
  sawToken(key: string, holder: string, token: string, wrong: (detail: string) => void): void {
    if (this.#excused.has(holder)) return
    const book = this.#bookOf(key)
    const order = compareTokens(token, book.top)
    if (order < 0 && holder === book.holder) this.fallen++
    else if (order < 0 || (order === 0 && holder !== book.holder)) {
      wrong(`token ${token} of ${holder} is not above ${book.top} of ${book.holder}`)
    } else if (order > 0) {
      book.top = token
      book.holder = holder
    }
  }
}

/** Decimal strings without leading zeros. */
export const compareTokens = (a: string, b: string): number =>
  a.length !== b.length ? a.length - b.length : a < b ? -1 : a > b ? 1 : 0

const tell = (run: Run): string =>
  `${run.task} for "${run.key}" on n${run.host + 1} boot ${run.boot}, token ${run.token.value}, since ${(run.startedAt / 1000).toFixed(3)} s`
