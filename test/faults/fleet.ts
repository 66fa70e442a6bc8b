/** Daemons of one kind, ours or another, one on each host, and what each of them believes by its own log. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { History } from './history.ts'
import type { Hosts } from './hosts.ts'
import { monotonicMs, type Started, start, until } from './started.ts'

/** What one daemon said, and when. */
export interface Said {
  readonly type: string
  readonly node?: string
  readonly at: number
}

export interface Member {
  readonly host: number
  readonly name: string
  readonly started: Started
  readonly said: Said[]
  readonly view: Map<string, string>
  /** Where its inspector listens, once it said so. */
  inspector: string | undefined
  /** The end of what it said. */
  readonly lastLines: string[]
}

/** A module of `../testbed/drivers`; its README tells the words. */
interface Driver {
  readonly name: string
  command(place: object): {
    readonly cmd: string
    readonly args: readonly string[]
    readonly env?: Readonly<Record<string, string>>
  }
  parse(line: string): { readonly type: string; readonly node?: string } | undefined
}

/** All of them have to have found one another in this time. */
const START_MS = 60_000

const LINES_KEPT = 20

export class Fleet {
  readonly members: Member[] = []
  readonly #hosts: Hosts
  readonly #directory: string
  readonly #driver: Driver

  private constructor(hosts: Hosts, directory: string, driver: Driver) {
    this.#hosts = hosts
    this.#directory = directory
    this.#driver = driver
  }

  /**
   * Starts one daemon on each host and waits until all agree.
   * @param directory a new one: logs and state of the daemons
   * @param options what its driver takes
   */
  static async start(
    kind: 'roundtable' | 'serf',
    hosts: Hosts,
    directory: string,
    options: object = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<Fleet> {
    const url = new URL(`../testbed/drivers/${kind}.mjs`, import.meta.url)
    const { default: make } = (await import(url.href)) as { default: (options: object) => Driver }
    const fleet = new Fleet(hosts, directory, make(options))
    for (let host = 1; host <= hosts.count; host++) fleet.#boot(host, env)
    await fleet.whole()
    return fleet
  }

  get name(): string {
    return this.#driver.name
  }

  /** Waits until each believes that all are alive. @throws when that does not happen, or when one has ended */
  async whole(): Promise<void> {
    const gone = (): Member | undefined => this.members.find(({ started }) => !started.running)
    await until(() => gone() !== undefined || this.agree(), START_MS)
    const dead = gone()
    if (dead !== undefined) throw new Error(`${dead.name} ended: ${dead.lastLines.join('\n')}`)
    if (this.agree()) return
    const views = this.members.map(
      ({ name, view }) => `${name}: ${[...view].map(pair => pair.join(' ')).join(', ')}`,
    )
    throw new Error(`not all are members everywhere after ${START_MS} ms: ${views.join('; ')}`)
  }

  agree(): boolean {
    return this.members.every(member => this.sees(member, this.members))
  }

  /** Does it believe that exactly these are alive? */
  sees({ view }: Member, those: readonly Member[]): boolean {
    const alive = [...view].filter(([, status]) => status === 'alive').map(([name]) => name)
    return alive.length === those.length && those.every(({ name }) => alive.includes(name))
  }

  member(host: number): Member {
    const found = this.members[host - 1]
    if (found === undefined) throw new Error(`no host ${host}`)
    return found
  }

  on(hosts: readonly number[]): readonly Member[] {
    return hosts.map(host => this.member(host))
  }

  /** How often one of them took another one for dead, which none is. */
  deaths(since: number, until = Number.POSITIVE_INFINITY): number {
    return this.count('failed', since, until)
  }

  count(type: string, since: number, until = Number.POSITIVE_INFINITY): number {
    const fits = ({ type: what, at }: Said): boolean => what === type && at >= since && at <= until
    return this.members.reduce((sum, { said }) => sum + said.filter(fits).length, 0)
  }

  /** Of each of those: how long after `since` it first said so of `about`, in ms; null where it has not. */
  firsts(those: readonly Member[], type: string, since: number, about?: string): readonly (number | null)[] {
    return those.map(({ name, said }) => {
      const found = said.find(each => each.type === type && each.at >= since && each.node === (about ?? name))
      return found === undefined ? null : found.at - since
    })
  }

  /** The same, once all have said so or `ms` have passed: the slowest, or null when one never did. */
  async last(
    those: readonly Member[],
    type: string,
    since: number,
    ms: number,
    about?: string,
  ): Promise<number | null> {
    await until(() => !this.firsts(those, type, since, about).includes(null), ms)
    const all = this.firsts(those, type, since, about)
    return all.reduce<number | null>(
      (most, one) => (most === null || one === null ? null : Math.max(most, one)),
      0,
    )
  }

  /** What they said up to now; of those who act others know. */
  history(since: number, mended: number): History {
    const words = this.members.flatMap(({ name, said }) => said.map(word => ({ ...word, by: name })))
    const members = this.members.map(({ name }) => name)
    return { members, since, mended, until: monotonicMs(), words, signs: [], keys: [] }
  }

  /** Ends all of them at once. */
  async stop(): Promise<void> {
    for (const { started } of this.members) {
      started.child.kill('SIGCONT')
      started.child.kill('SIGKILL')
    }
    await Promise.all(this.members.map(({ started }) => started.ended))
  }

  #boot(host: number, env: Readonly<Record<string, string>>): void {
    const place = (each: number): object => ({
      i: each,
      n: this.#hosts.count,
      name: `n${each}`,
      ip: this.#hosts.address(each),
      port: 7946,
      rpcPort: 7373,
    })
    const home = join(this.#directory, `n${host}`)
    mkdirSync(home, { recursive: true, mode: 0o700 })
    const command = this.#driver.command({
      ...place(host),
      dir: this.#directory,
      home,
      seeds: host === 1 ? [] : [place(1)],
    })
    const said: Said[] = []
    const view = new Map<string, string>()
    const onLine = (line: string, at: number): void => {
      member.lastLines.push(line)
      if (member.lastLines.length > LINES_KEPT) member.lastLines.shift()
      const inspector = /^Debugger listening on (ws:\S+)/.exec(line)
      if (inspector !== null) member.inspector ??= inspector[1]
      const event = this.#driver.parse(line)
      if (event === undefined) return
      said.push({ ...event, at })
      if (event.node !== undefined && ['alive', 'failed', 'left'].includes(event.type))
        view.set(event.node, event.type)
    }
    const log = join(this.#directory, `n${host}.log`)
    const line = this.#hosts.on(host, command.cmd, command.args)
    const started = start(...line, { env: { ...command.env, ...env }, log, onLine })
    const member: Member = {
      host,
      name: `n${host}`,
      started,
      said,
      view,
      inspector: undefined,
      lastLines: [],
    }
    this.members.push(member)
  }
}
