/**
 * Sweeps for the strays of many commands at once: when a hundred commands are stopped in one moment, the processes of
 * the machine are read once or twice for all of them, and not a hundred times.
 *
 * Whoever asks joins with the next round, and has a time of its own: one process that the kernel keeps holds up nobody
 * else's sweep.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { KILL_WAIT_MS } from './end-times.ts'
import { killRound, ROUND_MS, type Stray } from './stray-processes.ts'

interface Sweep {
  readonly ended: PromiseWithResolvers<readonly Stray[]>
  /** It goes on without what is alive then. */
  readonly until: number
  /** Asked for since the present round began, which may have passed it. */
  fresh: boolean
}

export class StraySweeps {
  readonly #sweeps = new Map<string, Sweep>()
  /** By pid; of those who still wait. */
  readonly #killed = new Map<number, Stray>()
  #sweeping = false

  /** Kills what bears this mark, and resolves with what it killed: once all of it is gone, or after `KILL_WAIT_MS`. */
  sweep(mark: string): Promise<readonly Stray[]> {
    const until = performance.now() + KILL_WAIT_MS
    const sweep = this.#sweeps.get(mark) ?? { ended: Promise.withResolvers(), until, fresh: true }
    sweep.fresh = true
    this.#sweeps.set(mark, sweep)
    if (!this.#sweeping) void this.#run()
    return sweep.ended.promise
  }

  async #run(): Promise<void> {
    this.#sweeping = true
    await undefined // All that are asked for in this turn of the loop go together.
    while (this.#sweeps.size > 0) {
      for (const sweep of this.#sweeps.values()) sweep.fresh = false
      const found = await killRound([...this.#sweeps.keys()], this.#killed)
      this.#conclude(new Set(found.map(({ mark }) => mark)))
      if (this.#sweeps.size > 0) await pause(ROUND_MS)
    }
    this.#sweeping = false
  }

  #conclude(alive: ReadonlySet<string>): void {
    const now = performance.now()
    for (const [mark, { ended, until, fresh }] of this.#sweeps) {
      if (fresh || (now < until && alive.has(mark))) continue
      this.#sweeps.delete(mark)
      const killed = [...this.#killed.values()].filter(stray => stray.mark === mark)
      for (const { pid } of killed) this.#killed.delete(pid)
      ended.resolve(killed)
    }
  }
}
