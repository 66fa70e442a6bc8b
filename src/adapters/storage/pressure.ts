import type { Condition } from './protocol.ts'

/** The disk is behind from this share of the queue on, and no more below that one: not by turns. */
const SLOW_FROM = 0.5
const SLOW_UNTIL = 0.25

/** What keeps new work away: the disk says that it takes nothing more, or takes it more slowly than it comes. */
export class Pressure {
  readonly #say: (condition: Condition, detail: string) => void
  #disk: { condition: Condition; detail: string } = { condition: 'ok', detail: '' }
  #slow = false
  #said: Condition = 'ok'

  /** @param say is called when the condition is another one than before */
  constructor(say: (condition: Condition, detail: string) => void) {
    this.#say = say
  }

  get condition(): Condition {
    if (this.#disk.condition !== 'ok') return this.#disk.condition
    return this.#slow ? 'slow' : 'ok'
  }

  get detail(): string {
    if (this.#disk.condition !== 'ok' || !this.#slow) return this.#disk.detail
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

  #tell(): void {
    if (this.condition === this.#said) return
    this.#said = this.condition
    this.#say(this.condition, this.detail)
  }
}
