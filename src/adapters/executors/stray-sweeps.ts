/**
 * Sweeps for the strays of many commands at once: when a hundred commands are stopped in one moment, the processes of
 * the machine are read once or twice for all of them, and not a hundred times.
 */
import { killStrays, type Stray } from './stray-processes.ts'

/** After SIGKILL only the kernel can keep a process (a hung disk). A sweep goes on without it after this, in ms. */
const SWEEP_MS = 5_000

export class StraySweeps {
  #waiting = new Map<string, PromiseWithResolvers<readonly Stray[]>>()
  #sweeping = false

  /** Kills what bears this mark, and resolves with what it killed once all of it is gone. */
  sweep(mark: string): Promise<readonly Stray[]> {
    const waiting = this.#waiting.get(mark) ?? Promise.withResolvers<readonly Stray[]>()
    this.#waiting.set(mark, waiting)
    if (!this.#sweeping) void this.#run()
    return waiting.promise
  }

  /** One sweep at a time; what is asked for meanwhile waits for the next, as the present one may have passed it. */
  async #run(): Promise<void> {
    this.#sweeping = true
    await undefined // All that are asked for in this turn of the loop go together.
    while (this.#waiting.size > 0) {
      const batch = this.#waiting
      this.#waiting = new Map()
      const { killed } = await killStrays([...batch.keys()], SWEEP_MS)
      for (const [mark, { resolve }] of batch) resolve(killed.filter(stray => stray.mark === mark))
    }
    this.#sweeping = false
  }
}
