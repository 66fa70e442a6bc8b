/**
 * Seeded random numbers for the core, which may draw none of its own: the seed comes from outside, so a run replays.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, fast, passes BigCrush. Not for secrets.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = (seed / 0x1_0000_0000) | 0
    this.#c = 0x9e3779b9 | 0
    for (let i = 0; i < 15; i++) this.uint32()
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A number in [0, 1). */
  next(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** One of the values, or `undefined` when there are none. */
  pick<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)]
  }

  /** A new array with the same values in random order (Fisher-Yates). */
  shuffle<T>(values: readonly T[]): T[] {
    const out = [...values]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = out[i] as T
      out[i] = out[j] as T
      out[j] = kept
    }
    return out
  }

  /** An independent generator, so that one consumer's draws do not shift another's. */
  fork(): Random {
    return new Random(this.uint32() * 0x20_0000 + (this.uint32() & 0x1f_ffff))
  }
}
