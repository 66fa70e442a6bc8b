/**
 * The store of one process, as the real one works (`adapters/storage/commit-queue.ts`): one transaction at a time, and
 * whatever comes meanwhile shares the next one; what is urgent goes first and keeps its order, what is not keeps its own.
 * A transaction is on the disk whole or not at all. On a full or read-only disk it is held, nothing of it is written, and
 * it is tried again with one commit first. A process that dies loses what waited; of what was under way nobody can say.
 */
import type { Effect, StoreCondition, Write } from '../../src/node/machine.ts'
import type { Disk } from './disk.ts'
import type { EventQueue } from './queue.ts'

/** A transaction that was held is tried again after this, in ms. */
const RETRY_MS = 250

interface Commit {
  readonly writes: readonly Write[]
  readonly waiting: readonly Effect[]
  readonly urgent: boolean
}

export interface StoreParts {
  readonly disk: Disk
  readonly queue: EventQueue
  /** Carries it out: now, or when the process goes on. */
  readonly whenAwake: (run: () => void) => void
  /** What waited for a commit. False when the process is gone. */
  readonly perform: (effects: readonly Effect[]) => boolean
  /** The disk refused for good. */
  readonly failed: () => void
  /** The process is to know what its disk takes. */
  readonly tell: (condition: StoreCondition) => void
}

export class Store {
  readonly #parts: StoreParts
  #urgent: Commit[] = []
  #waiting: Commit[] = []
  #running: readonly Commit[] = []
  #scheduled = false
  #held = false
  #open = true

  constructor(parts: StoreParts) {
    this.#parts = parts
  }

  commit(writes: readonly Write[], waiting: readonly Effect[], urgent: boolean): void {
    const lane = urgent ? this.#urgent : this.#waiting
    lane.push({ writes, waiting, urgent })
    this.#schedule()
  }

  /** Is this row among what is not on the disk yet? */
  isUnderWay(table: Write['table'], key: string): boolean {
    return [...this.#running, ...this.#urgent, ...this.#waiting].some(({ writes }) =>
      writes.some(write => write.table === table && write.key === key),
    )
  }

  /** The process died. */
  crash(): void {
    this.#open = false
    if (this.#running.length > 0) this.#parts.disk.crashed(this.#running.map(({ writes }) => writes))
  }

  /** The process ends in good order: what it has asked for is written, as far as the disk takes it. */
  close(): void {
    this.#open = false
    for (const { writes } of [...this.#running, ...this.#urgent, ...this.#waiting]) {
      if (this.#parts.disk.failing || this.#parts.disk.refuses(writes.length) !== undefined) return
      this.#parts.disk.apply(writes)
    }
  }

  /** Commits made at one instant share a transaction. */
  #schedule(): void {
    if (this.#scheduled || this.#running.length > 0 || this.#held) return
    this.#scheduled = true
    this.#parts.queue.in(0, () => {
      this.#scheduled = false
      if (this.#open && this.#running.length === 0 && !this.#held) this.#start(false)
    })
  }

  #start(oneOnly: boolean): void {
    const all = [...this.#urgent, ...this.#waiting]
    this.#running = oneOnly ? all.slice(0, 1) : all
    this.#urgent = all.slice(this.#running.length).filter(({ urgent }) => urgent)
    this.#waiting = all.slice(this.#running.length).filter(({ urgent }) => !urgent)
    if (this.#running.length === 0) return
    const { disk, queue, whenAwake } = this.#parts
    queue.in(disk.commitMs(), () => {
      if (this.#open) whenAwake(() => this.#end())
    })
  }

  #end(): void {
    if (!this.#open) return
    const { disk, perform, failed, tell } = this.#parts
    const running = this.#running
    const rows = running.reduce((sum, { writes }) => sum + writes.length, 0)
    if (rows > 0 && disk.failing) {
      failed()
      return
    }
    const refusal = disk.refuses(rows)
    if (refusal !== undefined) {
      this.#hold()
      tell(refusal)
      return
    }
    for (const { writes } of running) disk.apply(writes)
    this.#running = []
    // What follows is carried out before anything else is written: it is on the disk, whatever becomes of the process.
    for (const { waiting } of running) if (!perform(waiting)) return
    if (this.#urgent.length + this.#waiting.length > 0) this.#schedule()
  }

  #hold(): void {
    this.#urgent = [...this.#running.filter(({ urgent }) => urgent), ...this.#urgent]
    this.#waiting = [...this.#running.filter(({ urgent }) => !urgent), ...this.#waiting]
    this.#running = []
    this.#held = true
    const { queue, whenAwake } = this.#parts
    queue.in(RETRY_MS, () => {
      if (this.#open)
        whenAwake(() => {
          if (!this.#open) return
          this.#held = false
          this.#start(true)
        })
    })
  }
}
