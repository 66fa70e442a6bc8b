import type { Random } from './random.ts'
import type { WallMs } from './time.ts'

/** Ids that one generator gives in a millisecond, before it runs ahead of the clock: 12 bits. */
const IDS_PER_MS = 4096
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/**
 * UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, 12 bits of counter, 62 random bits. As text they are in the order
 * in which one generator gave them.
 *
 * Safe against clock steps: time never goes back inside one generator. When the wall clock steps back, or more ids are asked
 * for in a millisecond than the counter has, the generator runs ahead of the clock instead of repeating itself. The random
 * bits keep the ids of two nodes apart, and those of two lives of one node.
 */
export class Uuids {
  readonly #random: Random
  #lastMs = 0
  #count = 0

  /** @param random seeded differently in each life of each node */
  constructor(random: Random) {
    this.#random = random
  }

  /** Each one is greater than the one before. */
  next(wall: WallMs): string {
    const ms = Math.floor(wall)
    if (ms > this.#lastMs) this.#begin(ms)
    else if (++this.#count === IDS_PER_MS) this.#begin(this.#lastMs + 1)
    const time = hex(this.#lastMs, 12)
    const [high, low] = [this.#random.uint32(), this.#random.uint32()]
    const variant = hex(0x8000 | (high & 0x3fff), 4)
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(this.#count, 3)}-${variant}-${hex(high >>> 16, 4)}${hex(low, 8)}`
  }

  #begin(ms: number): void {
    this.#lastMs = ms
    this.#count = 0
  }
}
