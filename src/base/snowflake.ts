import { assert } from './assert.ts'
import type { WallMs } from './time.ts'

/** 2020-01-01 UTC: 41 bits of milliseconds from here last until 2089. */
const EPOCH_MS = 1_577_836_800_000
const WORKER_BITS = 10n
const SEQUENCE_BITS = 12n
const SEQUENCE_MAX = 4095

/**
 * 64-bit time-ordered ids in the snowflake layout: 41 bits milliseconds, 10 bits worker, 12 bits sequence.
 *
 * Safe against clock steps: time never goes back inside one generator. When the wall clock steps back, or more than
 * 4,096 ids are asked for in a millisecond, the generator runs ahead of the clock instead of repeating itself. Across
 * a restart the boot number keeps ids apart: the worker bits are a hash of node name and boot number.
 */
export class SnowflakeIds {
  readonly #worker: bigint
  #lastMs = 0
  #sequence = 0

  /** @param worker 0 to 1023; give each (node, boot) another one where possible. */
  constructor(worker: number) {
    assert(Number.isInteger(worker) && worker >= 0 && worker < 1024, 'a snowflake worker is 10 bits', {
      worker,
    })
    this.#worker = BigInt(worker)
  }

  /** The next id as a decimal string; each one is greater than the one before. */
  next(wall: WallMs): string {
    if (wall > this.#lastMs) {
      this.#lastMs = wall
      this.#sequence = 0
    } else if (++this.#sequence > SEQUENCE_MAX) {
      this.#lastMs++
      this.#sequence = 0
    }
    const ms = BigInt(Math.max(0, Math.floor(this.#lastMs) - EPOCH_MS))
    return String((((ms << WORKER_BITS) | this.#worker) << SEQUENCE_BITS) | BigInt(this.#sequence))
  }
}
