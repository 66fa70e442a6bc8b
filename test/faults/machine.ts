/**
 * Is what was measured a time of ours, or of the machine? A shared machine stands still now and then (`machine-watch.ts`),
 * and whatever was under way then took longer by as much. So a trial that is over a limit by no more than the machine stood
 * still in it is played again, and told of with its figures. One that keeps to its limits counts, whatever the machine did;
 * one that never came to its end, or is over by more, fails; and what must never happen is judged elsewhere, in all of them.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { monotonicMs } from './started.ts'

const WATCH = fileURLToPath(new URL('./machine-watch.ts', import.meta.url))

/** So many trials may be played again for so many that are wanted, and some more. */
const AGAIN_MAX = 1
const AGAIN_MORE = 4

/** A pause is seen in steps of some 10 ms, and what waited for it needs a moment to go on. */
const SLACK_MS = 100

export interface Pause {
  /** Its end, on the clock of `monotonicMs`. */
  readonly at: number
  /** How long a core was away, about. */
  readonly ms: number
}

/** By how many ms a trial is over its limits at worst; 0 and less: it keeps to them; infinite: it never came to that. */
export interface Excess {
  readonly ms: number
  /** The same of times that a pause before the trial makes longer too, as whoever takes part remembers it. */
  readonly rememberedMs?: number
}

export interface Trials<Seen> {
  readonly excess: (seen: Seen) => Excess
  /** Is told of each trial that is played again. */
  readonly say: (text: string) => void
  /** What such a trial came to. */
  readonly again?: (seen: Seen) => void
  /** How long a pause is remembered, ms. Default: 0. */
  readonly memoryMs?: number
  /** Before each; a pause in it is none of the trial. */
  readonly prepare?: () => Promise<void>
}

export class Machine {
  readonly #pauses: Pause[] = []
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #asked: PromiseWithResolvers<void>[] = []
  #ended: Error | undefined

  /** @param watch what says when the machine stood still; another one for tests */
  constructor(watch: readonly string[] = [process.execPath, WATCH]) {
    const [program = '', ...args] = watch
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.on('error', error => this.#end(error.message))
    this.#child.on('exit', (code, signal) => this.#end(`it ended with ${signal ?? code}`))
    // That it is gone is told by its end.
    this.#child.stdin.on('error', () => undefined)
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const said = /^pause ([\d.]+) (\d+)$/.exec(line)
      if (said === null) this.#asked.shift()?.resolve()
      else this.#pauses.push({ at: Number(said[1]), ms: Number(said[2]) })
    })
  }

  /** Pauses that ended after `since`, up to now. @throws when nobody watches (any more) */
  async since(since: number): Promise<readonly Pause[]> {
    if (this.#ended !== undefined) throw this.#ended
    const answered = Promise.withResolvers<void>()
    this.#asked.push(answered)
    this.#child.stdin.write('?\n')
    await answered.promise
    return this.#pauses.filter(({ at }) => at >= since)
  }

  /**
   * Plays a trial until so many kept to their limits, or were over them for no reason of the machine's.
   * @throws when too many have to be played again
   */
  async trials<Seen>(
    count: number,
    play: (turn: number) => Promise<Seen>,
    how: Trials<Seen>,
  ): Promise<readonly Seen[]> {
    const good: Seen[] = []
    let bad = 0
    while (good.length < count) {
      const turn = good.length + bad
      await how.prepare?.()
      const since = monotonicMs()
      const seen = await play(turn)
      const why = await this.#excuse(how.excess(seen), since, how.memoryMs ?? 0)
      if (why === undefined) {
        good.push(seen)
        continue
      }
      bad++
      how.again?.(seen)
      how.say(`trial ${turn + 1} is played again: ${why}; it came to ${JSON.stringify(seen)}`)
      if (bad > count * AGAIN_MAX + AGAIN_MORE)
        throw new Error(`${bad} of ${turn + 1} trials failed while this machine stood still`)
    }
    return good
  }

  /** It ends with this process too, since its input does. */
  stop(): void {
    this.#child.stdin.end()
  }

  async #excuse({ ms, rememberedMs = 0 }: Excess, since: number, memoryMs: number) {
    if (ms <= 0 && rememberedMs <= 0) return undefined
    const remembered = await this.since(since - memoryMs)
    const own = remembered.filter(({ at }) => at >= since)
    const covers = (pauses: readonly Pause[], excess: number): boolean =>
      excess <= 0 || (pauses.length > 0 && excess <= lengthOf(pauses) + SLACK_MS)
    if (!covers(own, ms) || !covers(remembered, rememberedMs)) return undefined
    return `this machine stood still for ${lengthOf(own)} ms in it, and ${lengthOf(remembered) - lengthOf(own)} ms before`
  }

  #end(why: string): void {
    this.#ended ??= new Error(`nobody watches the machine: ${why}`)
    for (const { reject } of this.#asked.splice(0)) reject(this.#ended)
  }
}

/** In all, ms. */
export const lengthOf = (pauses: readonly Pause[]): number => pauses.reduce((sum, { ms }) => sum + ms, 0)
