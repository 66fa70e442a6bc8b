/** Counts by name: which faults really occurred, and what came of them. Plain, so that tallies of many runs add up. */
export type Counts = Readonly<Record<string, number>>

/** Figures with this in front are the largest of all runs, not their sum. */
const WORST = 'worst '

export class Tally {
  readonly #counts = new Map<string, number>()

  count(name: string, by = 1): void {
    if (by !== 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  /** The largest seen so far. */
  worst(name: string, value: number): void {
    const full = WORST + name
    this.#counts.set(full, Math.max(this.#counts.get(full) ?? 0, value))
  }

  add(counts: Counts): void {
    for (const [name, by] of Object.entries(counts)) {
      if (name.startsWith(WORST)) this.worst(name.slice(WORST.length), by)
      else this.count(name, by)
    }
  }

  get counts(): Counts {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
