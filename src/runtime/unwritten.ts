import type { Write } from '../node/machine.ts'

/** Rows that were handed to the disk and are not known to be on it yet. */
export class Unwritten {
  /** How often each is under way. Names of tables hold no space. */
  readonly #rows = new Map<string, number>()

  get size(): number {
    return this.#rows.size
  }

  has(table: Write['table'], key: string): boolean {
    return this.#rows.has(nameOf({ table, key }))
  }

  add(writes: readonly Pick<Write, 'table' | 'key'>[]): void {
    for (const write of writes) {
      const name = nameOf(write)
      this.#rows.set(name, (this.#rows.get(name) ?? 0) + 1)
    }
  }

  remove(writes: readonly Pick<Write, 'table' | 'key'>[]): void {
    for (const write of writes) {
      const name = nameOf(write)
      const left = (this.#rows.get(name) ?? 0) - 1
      if (left > 0) this.#rows.set(name, left)
      else this.#rows.delete(name)
    }
  }
}

const nameOf = ({ table, key }: Pick<Write, 'table' | 'key'>): string => `${table} ${key}`
