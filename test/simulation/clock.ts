/**
 * The two clocks of one host. Real hosts disagree: quartz drifts (here up to 10 %, what the design bears), wall clocks
 * are set by people and NTP, and the monotonic clock of each machine starts somewhere else. While a machine is
 * suspended its monotonic clock stands still (`CLOCK_MONOTONIC` does); its wall clock is right again when it wakes.
 */
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import type { EventQueue } from './queue.ts'

/** What every wall clock is near to at the beginning of a world: 2026-01-01 UTC. */
export const WALL_START_MS = 1_767_225_600_000

/** What converting there and back may lose, in ms. */
const ROUNDING_MS = 1e-6

export interface ClockOptions {
  /** Where the monotonic clock stands at the beginning, in ms. */
  readonly offsetMs: number
  /** Local milliseconds per true millisecond, 0.9 to 1.1. */
  readonly rate: number
  /** How far the wall clock is wrong at the beginning, in ms. */
  readonly wallOffsetMs: number
}

export const TRUE_CLOCK: ClockOptions = { offsetMs: 0, rate: 1, wallOffsetMs: 0 }

export class HostClock {
  readonly #offsetMs: number
  readonly #rate: number
  #wallOffsetMs: number
  #suspendedAt: number | undefined
  #suspendedMs = 0
  /** What waits for a suspended clock to go on. */
  readonly #waiting: (() => void)[] = []

  constructor(options: ClockOptions) {
    this.#offsetMs = options.offsetMs
    this.#rate = options.rate
    this.#wallOffsetMs = options.wallOffsetMs
  }

  /** What both clocks show at a virtual time. */
  at(virtualMs: number): Now {
    return {
      mono: instantOf(this.monoAt(virtualMs)),
      wall: wallOf(Math.floor(WALL_START_MS + this.#wallOffsetMs + virtualMs * this.#rate)),
    }
  }

  monoAt(virtualMs: number): number {
    return (
      this.#offsetMs + (Math.min(virtualMs, this.#suspendedAt ?? virtualMs) - this.#suspendedMs) * this.#rate
    )
  }

  /** The virtual time at which the monotonic clock shows `mono`, if it goes on as it does now. */
  virtualAt(mono: number): number {
    return (mono - this.#offsetMs) / this.#rate + this.#suspendedMs
  }

  /** The machine is suspended: the monotonic clock stands still from this virtual time on. */
  suspend(virtualMs: number): void {
    this.#suspendedAt ??= virtualMs
  }

  get suspended(): boolean {
    return this.#suspendedAt !== undefined
  }

  resume(virtualMs: number): void {
    if (this.#suspendedAt === undefined) return
    this.#suspendedMs += virtualMs - this.#suspendedAt
    this.#suspendedAt = undefined
    for (const run of this.#waiting.splice(0)) run()
  }

  /** A timer on this clock: it waits for one that is suspended. */
  whenShown(mono: number, queue: EventQueue, run: () => void): void {
    const look = (): void => {
      if (this.monoAt(queue.now) >= mono - ROUNDING_MS) run()
      else this.whenShown(mono, queue, run)
    }
    queue.at(this.virtualAt(mono), () => {
      if (this.#suspendedAt === undefined) look()
      else this.#waiting.push(look)
    })
  }

  /** What a true span is on this host's clock. */
  localMs(virtualMs: number): number {
    return virtualMs * this.#rate
  }

  /** Somebody sets the wall clock; the monotonic one does not notice. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }
}
