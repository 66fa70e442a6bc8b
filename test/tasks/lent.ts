import { instantOf } from '../../src/base/time.ts'
import type { Leave, Right } from '../../src/tasks/right.ts'

/** A right to act that a test gives and takes, key by key. */
export class Lent implements Right {
  version = 0
  moves = 0
  /** How often it was asked. */
  asked = 0
  readonly #leaves = new Map<string, Leave>()

  leaveFor(key: string): Leave | undefined {
    this.asked++
    return this.#leaves.get(key)
  }

  /** From now on, or for longer than before. */
  give(keys: readonly string[], until: number, token = '100'): void {
    for (const key of keys) {
      if (!this.#leaves.has(key)) this.version++
      this.#leaves.set(key, { until: instantOf(until), token: { value: token, safe: true } })
    }
    this.moves++
  }

  take(keys: readonly string[]): void {
    for (const key of keys) this.#leaves.delete(key)
    this.moves++
  }
}
