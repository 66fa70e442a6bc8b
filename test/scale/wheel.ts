/**
 * Virtual time in steps of a quarter of a millisecond: a list of things to do for each step. A heap would keep exact
 * times, but most of the time of a run with a thousand nodes would go into it.
 */
const STEPS_PER_MS = 4

export class Wheel {
  readonly #slots = new Map<number, (() => void)[]>()
  #step = 0
  #ran = 0

  /** Milliseconds of virtual time since the world began. */
  get now(): number {
    return this.#step / STEPS_PER_MS
  }

  /** How many things were done. */
  get ran(): number {
    return this.#ran
  }

  /** In the order they were asked for, when two fall into one step; in the past means the next step. */
  at(time: number, run: () => void): void {
    const step = Math.max(this.#step + 1, Math.ceil(time * STEPS_PER_MS))
    const slot = this.#slots.get(step)
    if (slot === undefined) this.#slots.set(step, [run])
    else slot.push(run)
  }

  in(ms: number, run: () => void): void {
    this.at(this.now + ms, run)
  }

  /** Does everything due until then, or until `stop` says so; it is asked after each step. True when it did. */
  runUntil(time: number, stop?: () => boolean): boolean {
    const last = Math.floor(time * STEPS_PER_MS)
    while (this.#step < last) {
      const due = this.#slots.get(++this.#step)
      if (due === undefined) continue
      this.#slots.delete(this.#step)
      this.#ran += due.length
      for (const run of due) run()
      if (stop?.()) return true
    }
    return false
  }
}
