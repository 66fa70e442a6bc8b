import { CodedError } from '../../src/base/errors.ts'
import type { Store } from '../../src/runtime/ports.ts'

type Write = Parameters<Store['commit']>[0][number]
type Table = Write['table']

interface Pending {
  readonly writes: readonly { table: Table; key: string; json: string | undefined }[]
  readonly settled: PromiseWithResolvers<void>
}

/**
 * A disk in memory, which outlives the stores opened on it: what was synced stays, what was not is gone with a crash.
 * The order of things is that of the real store: commits made in one go, or while a sync is under way, share the next
 * sync; promises settle in the order of the calls; one failure is final.
 */
export class MemoryDisk {
  readonly #synced: Record<Table, Map<string, string>> = { tasks: new Map(), grants: new Map() }
  readonly #sync: () => Promise<void>
  #open: MemoryStore | undefined

  /** @param sync how long the disk takes, or how it fails (by rejecting); one turn of the event loop by default */
  constructor(sync: () => Promise<void> = () => new Promise(resolve => setImmediate(resolve))) {
    this.#sync = sync
  }

  open(): Store {
    this.#open = new MemoryStore(this.#synced, this.#sync)
    return this.#open
  }

  /** The power fails: whatever is not synced is lost, and the open store answers no more. */
  crash(): void {
    this.#open?.crash()
    this.#open = undefined
  }
}

class MemoryStore implements Store {
  readonly #synced: Record<Table, Map<string, string>>
  readonly #sync: () => Promise<void>
  #waiting: Pending[] = []
  #running: Promise<void> | undefined
  #failure: CodedError | undefined
  #crashed = false
  #closing: Promise<void> | undefined
  #commits = 0
  #syncs = 0

  constructor(synced: Record<Table, Map<string, string>>, sync: () => Promise<void>) {
    this.#synced = synced
    this.#sync = sync
  }

  async load(table: Table): Promise<readonly { key: string; value: unknown }[]> {
    return [...this.#synced[table]]
      .map(([key, json]) => ({ key, value: JSON.parse(json) as unknown }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  }

  commit(writes: readonly Write[]): Promise<void> {
    if (this.#crashed) return new Promise(() => {})
    const refusal = this.#closing === undefined ? this.#failure : failed('The store is closed.')
    if (refusal !== undefined) return Promise.reject(refusal)
    const settled = Promise.withResolvers<void>()
    this.#waiting.push({
      writes: writes.map(({ table, key, value }) => ({
        table,
        key,
        json: value === undefined ? undefined : JSON.stringify(value),
      })),
      settled,
    })
    this.#running ??= Promise.resolve().then(() => this.#drain())
    return settled.promise
  }

  metrics(): ReturnType<Store['metrics']> {
    return [
      counter('store_commits_total', 'Commits made durable.', this.#commits),
      counter('store_transactions_total', 'Syncs.', this.#syncs),
    ]
  }

  close(): Promise<void> {
    this.#closing ??= this.#running ?? Promise.resolve()
    return this.#closing
  }

  crash(): void {
    this.#crashed = true
    this.#waiting = []
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#sync()
      } catch (error) {
        this.#fail([...batch, ...this.#waiting], failed(String(error)))
      }
      if (this.#crashed || this.#failure !== undefined) return
      this.#apply(batch)
    }
    this.#running = undefined
  }

  #apply(batch: readonly Pending[]): void {
    for (const { writes } of batch) {
      for (const { table, key, json } of writes) {
        if (json === undefined) this.#synced[table].delete(key)
        else this.#synced[table].set(key, json)
      }
    }
    this.#commits += batch.length
    this.#syncs++
    for (const { settled } of batch) settled.resolve()
  }

  #fail(lost: readonly Pending[], failure: CodedError): void {
    this.#failure = failure
    this.#waiting = []
    for (const { settled } of lost) settled.reject(failure)
  }
}

function failed(detail: string): CodedError {
  return new CodedError('STORE_FAILED', detail)
}

function counter(name: string, help: string, value: number): ReturnType<Store['metrics']>[number] {
  return { name, help, type: 'counter', samples: [{ value }] }
}
