import type { Condition } from './protocol.ts'

/** The disk is behind from this share of the queue on, and no more below that one: not by turns. */
const SLOW_FROM = 0.5
const SLOW_UNTIL = 0.25
/** One write that takes so long, in ms, is none of a slow disk but of one that hangs; it may come back. */
const HANGS_MS = 5_000

/** What keeps new work away: the disk says that it takes nothing more, or takes it more slowly than it comes. */
export class Pressure {
  readonly #say: (condition: Condition, detail: string) => void
  #disk: { condition: Condition; detail: string } = { condition: 'ok', detail: '' }
  #slow = false
  #hangs = false
  #said: Condition = 'ok'

  /** @param say is called when the condition is another one than before */
  constructor(say: (condition: Condition, detail: string) => void) {
    this.#say = say
  }

  get condition(): Condition {
    if (this.#disk.condition !== 'ok') return this.#disk.condition
    return this.#slow || this.#hangs ? 'slow' : 'ok'
  }

  get detail(): string {
    if (this.#disk.condition !== 'ok' || !(this.#slow || this.#hangs)) return this.#disk.detail
    if (this.#hangs)
      return `one write to the disk has taken more than ${HANGS_MS / 1_000} s and is not done yet`
    return `more than ${SLOW_FROM * 100} % of what may wait for the disk waits for it`
  }

  diskIs(condition: Condition, detail: string): void {
    this.#disk = { condition, detail }
    this.#tell()
  }

  /** @param fullness of the queue, 0 to 1 */
  queueIs(fullness: number): void {
    this.#slow = fullness >= (this.#slow ? SLOW_UNTIL : SLOW_FROM)
    this.#tell()
  }

  /** @param ms since the write that is under way was begun; 0 when there is none */
  writeTakes(ms: number): void {
    this.#hangs = ms >= HANGS_MS
    this.#tell()
  }

  #tell(): void {
    if (this.condition === this.#said) return
    this.#said = this.condition
    this.#say(this.condition, this.detail)
  }
}
