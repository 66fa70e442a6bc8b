/** The outside collector: the register, its ledger while it grows, and who acts for what at the moment. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Overlap, overlaps, type Sign } from '../e2e/act-ledger.ts'
import { type Started, start, until } from './started.ts'

export const REGISTER = fileURLToPath(new URL('../testbed/register.mjs', import.meta.url))

const START_MS = 10_000
const REGISTER_NICENESS = -10

export class Collector {
  readonly socket: string
  readonly #out: string
  readonly #signs: Sign[] = []
  /** Key -> actor -> its node, of those that act. */
  readonly #acting = new Map<string, Map<number, string>>()
  #file = -1
  #read = 0
  #rest = ''
  #register: Started | undefined

  constructor(directory: string) {
    this.socket = join(directory, 'register')
    this.#out = join(directory, 'ledger')
  }

  async start(directory: string): Promise<void> {
    let listening = false
    const args = [REGISTER, 'serve', `--socket=${this.socket}`, `--out=${this.#out}`]
    const onLine = (line: string): void => {
      listening ||= line === 'listening'
    }
    this.#register = start(process.execPath, args, { log: join(directory, 'register.log'), onLine })
    if ((await until(() => listening, START_MS)) === null) throw new Error('the register did not start')
    // Root may: what it hears while all cores are busy is stamped when it comes, not when its own turn comes.
    if (process.getuid?.() === 0) setPriority(this.#register.pid, REGISTER_NICENESS)
    this.#file = openSync(this.#out, 'r')
  }

  /** Everything heard so far. */
  get signs(): readonly Sign[] {
    this.#readOn()
    return this.#signs
  }

  /** What was heard in that time, in the order of arrival. */
  between(from: number, to = Number.POSITIVE_INFINITY): readonly Sign[] {
    return this.signs.filter(({ at }) => at >= from && at <= to)
  }

  /** Does somebody of those act for every key? */
  acted(keys: readonly string[], nodes: readonly string[]): boolean {
    this.#readOn()
    return keys.every(key => [...(this.#acting.get(key)?.values() ?? [])].some(node => nodes.includes(node)))
  }

  /** Keys that somebody acts for now, of one node. */
  keysOf(node: string): readonly string[] {
    this.#readOn()
    return [...this.#acting].filter(([, actors]) => [...actors.values()].includes(node)).map(([key]) => key)
  }

  /**
   * Every two who acted for one key in one moment. Between two signs an actor is held to act, however long it said
   * nothing: to be used where nobody is frozen.
   */
  overlaps(silenceMs = Number.POSITIVE_INFINITY): readonly Overlap[] {
    return overlaps(this.signs, silenceMs)
  }

  async stop(): Promise<void> {
    this.#register?.child.kill('SIGTERM')
    await this.#register?.ended
    this.#readOn()
    closeSync(this.#file)
    this.#file = -1
  }

  #readOn(): void {
    if (this.#file === -1) return // Stopped: all has been read.
    const size = fstatSync(this.#file).size
    if (size === this.#read) return
    const chunk = Buffer.alloc(size - this.#read)
    const bytes = readSync(this.#file, chunk, 0, chunk.length, this.#read)
    this.#read += bytes
    const lines = (this.#rest + chunk.toString('utf8', 0, bytes)).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#heard(JSON.parse(line) as Sign)
  }

  #heard(sign: Sign): void {
    this.#signs.push(sign)
    const actors = this.#acting.get(sign.key) ?? new Map<number, string>()
    this.#acting.set(sign.key, actors)
    if (sign.event === 'stop' || sign.event === 'gone') actors.delete(sign.actor)
    else actors.set(sign.actor, sign.node)
  }
}
