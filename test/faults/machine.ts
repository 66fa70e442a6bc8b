/**
 * Is what was measured a time of ours, or of the machine? A shared machine stands still now and then (`machine-watch.ts`),
 * and whatever was under way then took longer by as much. So a trial that came to more than it may with such a pause in it
 * is played again, and told of; what must never happen is counted in it all the same. One that kept to its limits all the
 * same counts.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { monotonicMs } from './started.ts'

const WATCH = fileURLToPath(new URL('./machine-watch.ts', import.meta.url))

/** A trial may be disturbed so many times for each that is wanted, and a few times more. */
const DISTURBED_MAX = 3
const DISTURBED_MORE = 10

export interface Pause {
  /** Its end, on the clock of `monotonicMs`. */
  readonly at: number
  /** How long a core was away, about. */
  readonly ms: number
}

export interface Trials<Seen> {
  /** Does what was seen keep to its limits? */
  readonly holds: (seen: Seen) => boolean
  /** Is told of each trial that is played again. */
  readonly say: (text: string) => void
  /** What such a trial came to. */
  readonly disturbed?: (seen: Seen) => void
  /** A pause so long before a trial disturbs it too: what takes part remembers it. Default: 0. */
  readonly memoryMs?: number
  /** Before each; what disturbs this disturbs no trial. */
  readonly prepare?: () => Promise<void>
}

export class Machine {
  readonly #pauses: Pause[] = []
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #asked: (() => void)[] = []

  /** @param watch what says when the machine stood still; another one for tests */
  constructor(watch: readonly string[] = [process.execPath, WATCH]) {
    const [program = '', ...args] = watch
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout }).on('line', line => {
      const said = /^pause ([\d.]+) (\d+)$/.exec(line)
      if (said === null) this.#asked.shift()?.()
      else this.#pauses.push({ at: Number(said[1]), ms: Number(said[2]) })
    })
  }

  /** What is known so far. */
  get pauses(): readonly Pause[] {
    return this.#pauses
  }

  /** Pauses that ended after `since`, up to now. @throws when nobody watches (any more) */
  async since(since: number): Promise<readonly Pause[]> {
    const { exitCode, signalCode, stdin } = this.#child
    if (exitCode !== null || signalCode !== null)
      throw new Error(`nobody watches the machine: ${signalCode ?? exitCode}`)
    const answered = new Promise<void>(resolve => this.#asked.push(resolve))
    stdin.write('?\n')
    await answered
    return this.#pauses.filter(({ at }) => at >= since)
  }

  /**
   * Plays a trial until so many held, or failed without a pause.
   * @throws when the machine pauses too often
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
      const pauses = await this.since(since - (how.memoryMs ?? 0))
      if (pauses.length === 0 || how.holds(seen)) {
        good.push(seen)
        continue
      }
      bad++
      how.disturbed?.(seen)
      const longest = Math.max(...pauses.map(({ ms }) => ms))
      const stood = `this machine stood still ${pauses.length} times, for up to ${longest} ms`
      how.say(`trial ${turn + 1} is played again: ${stood}`)
      if (bad > count * DISTURBED_MAX + DISTURBED_MORE)
        throw new Error(
          `this machine stood still in ${bad} of ${turn + 1} trials that failed: nothing can be timed on it`,
        )
    }
    return good
  }

  /** It ends with this process too, since its input does. */
  stop(): void {
    this.#child.stdin.end()
  }
}
