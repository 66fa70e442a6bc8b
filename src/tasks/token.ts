import type { WallMs } from '../base/time.ts'

const COUNTER_BITS = 16n

/**
 * Tokens of available mode: wall clock milliseconds in the upper 48 bits, a counter in the lower 16, as a decimal
 * string. They rise within one node whatever its clock does. Across nodes they rise only as far as the clocks agree,
 * hence `safe: false`; those of quorum mode come from the grants. They have the same measure (`grants/token.ts`): a
 * resource that keeps the highest it has seen would else refuse every owner once a cluster has turned to quorum mode.
 */
export class Tokens {
  #last = 0n

  next(wall: WallMs): { readonly value: string; readonly safe: false } {
    const clock = BigInt(Math.max(0, Math.floor(wall))) << COUNTER_BITS
    this.#last = clock > this.#last ? clock : this.#last + 1n
    return { value: String(this.#last), safe: false }
  }
}
