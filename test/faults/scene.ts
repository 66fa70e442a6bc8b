/**
 * Eight hosts, a daemon on each, and everybody who acts: an application beside each daemon that obeys `actingUntilMs`,
 * and commands that the daemons run as tasks. A collector outside of it all hears of every start and stop.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Collector, REGISTER } from './collector.ts'
import { Fleet } from './fleet.ts'
import type { History } from './history.ts'
import { Hosts } from './hosts.ts'
import { Machine } from './machine.ts'
import type { Report } from './report.ts'
import { endAll, monotonicMs, type Started, start, until } from './started.ts'

const ROUNDTABLE = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const APPLICATION = fileURLToPath(new URL('./application.ts', import.meta.url))

/** Longer than any run: an attempt ends because it has to, not because it is done. */
const FOR_EVER_MS = 3_600_000

/** How often a command says that it acts. */
const BEAT_MS = 50

/**
 * A detector that bears no longer silence has seen no fault lately. It remembers slow round trips for a minute: it is
 * waited for at most so long, and what disturbed it before may disturb the trial after it. Asked so often. In ms.
 */
const CALM_LIMIT_MS = 1_800
const CALM_MS = 60_000
const CALM_ASKED_MS = 1_000

/** A daemon is asked so often what it hears of another one, ms. */
const LINK_ASKED_MS = 250

/** Every key has to have found somebody who acts for it in this time. */
const ACTING_MS = 60_000

export interface SceneOptions {
  readonly hosts: number
  /** Keys that applications act for. */
  readonly keys: number
  /** Keys that commands act for. */
  readonly commands: number
  /** How often an application asks about each key, in ms. Default: 400. */
  readonly askMs?: number
}

interface Sight {
  readonly id: string
  readonly self: boolean
  readonly silenceLimitMs: number
  readonly linkFault: boolean
}

/** One for all places of this process. */
let machine: Machine | undefined

/** Below which all files of this process lie. */
let scratch: string | undefined
const scenes = new Set<Hosts>()

/**
 * Removes everything that this process made, whatever state it is in. To be called at its end too.
 * @param keep leaves the logs and the ledger, and returns where they are
 */
export function removeAll(keep = false): string | undefined {
  endAll()
  machine?.stop()
  machine = undefined
  for (const hosts of scenes) hosts.down()
  scenes.clear()
  if (keep) return scratch
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
  scratch = undefined
  return undefined
}

export function watched(): Machine {
  machine ??= new Machine()
  return machine
}

function newDirectory(): string {
  scratch ??= mkdtempSync(join(tmpdir(), 'roundtable-faults-'))
  return mkdtempSync(join(scratch, 'scene-'))
}

export class Scene {
  readonly hosts: Hosts
  readonly fleet: Fleet
  readonly collector: Collector
  readonly directory: string
  readonly keys: readonly string[]
  readonly commandKeys: readonly string[]
  readonly machine = watched()
  #applications: readonly Started[] = []

  private constructor(
    hosts: Hosts,
    fleet: Fleet,
    collector: Collector,
    directory: string,
    options: SceneOptions,
  ) {
    this.hosts = hosts
    this.fleet = fleet
    this.collector = collector
    this.directory = directory
    this.keys = keysOf('app', options.keys)
    this.commandKeys = keysOf('exec', options.commands)
  }

  /** Everybody agrees and every key is acted for when this settles. */
  static async open(options: SceneOptions): Promise<Scene> {
    const directory = newDirectory()
    const hosts = newHosts(options.hosts)
    const collector = new Collector(directory)
    await collector.start(directory)
    const config = configure(directory, collector, options)
    const fleet = await Fleet.start('roundtable', hosts, directory, { quorum: true, config })
    const scene = new Scene(hosts, fleet, collector, directory, options)
    scene.#applications = fleet.members.map(({ host, name }) =>
      scene.#application(host, name, options.askMs ?? 400),
    )
    await scene.ready()
    return scene
  }

  /** Waits until all agree and every key is acted for. @throws when that does not happen */
  async ready(): Promise<void> {
    await this.fleet.whole()
    const all = [...this.keys, ...this.commandKeys]
    if ((await until(() => this.collector.acted(all, this.names()), ACTING_MS)) !== null) return
    const idle = all.filter(key => !this.collector.acted([key], this.names()))
    throw new Error(`nobody acts for ${idle.join(', ')} after ${ACTING_MS} ms`)
  }

  /**
   * Waits until a daemon's detector waits no longer than on a quiet network: it remembers slow round trips, as of the
   * start of all daemons on one machine, and for a minute the last cut.
   */
  async calm(): Promise<number> {
    const args = ['members', '--json', '--url=http://127.0.0.1:7373']
    const line = this.hosts.on(this.fleet.members.length, ROUNDTABLE, args)
    const end = monotonicMs() + CALM_MS
    for (;;) {
      const { stdout } = await promisify(execFile)(...line)
      const { members } = JSON.parse(stdout) as { members: readonly Sight[] }
      const longest = Math.max(...members.filter(({ self }) => !self).map(each => each.silenceLimitMs))
      if (longest <= CALM_LIMIT_MS || monotonicMs() > end) return longest
      await pause(CALM_ASKED_MS)
    }
  }

  /** Each trial begins with all well and calm, and the report says which are played again. */
  trials(report: Report) {
    const prepare = async (): Promise<void> => {
      await this.ready()
      const limitMs = await this.calm()
      if (limitMs > CALM_LIMIT_MS) report.say(`a silence of ${limitMs.toFixed(0)} ms is borne still`)
    }
    return { say: (text: string) => report.again(text), prepare, memoryMs: CALM_MS }
  }

  names(hosts: readonly number[] = this.fleet.members.map(({ host }) => host)): readonly string[] {
    return this.fleet.on(hosts).map(({ name }) => name)
  }

  /** When somebody of those hosts acts for each key of an application, in ms since then; null: not within `ms`. */
  async allActedFor(hosts: readonly number[], since: number, ms: number): Promise<number | null> {
    return await until(() => this.collector.acted(this.keys, this.names(hosts)), ms, since)
  }

  /** When the last of those hosts that acted at all stopped to, in ms after `since`. */
  lastSign(hosts: readonly number[], since: number): number {
    const names = this.names(hosts)
    const signs = this.collector.between(since).filter(({ node }) => names.includes(node))
    return signs.reduce((last, { at }) => Math.max(last, at - since), 0)
  }

  /** Heals the network; how long it takes until all agree, and until somebody acts for every key again, in ms. */
  async heal(): Promise<{
    readonly since: number
    readonly agree: number | null
    readonly act: number | null
  }> {
    const { since, done } = this.hosts.heal()
    const [agree] = await Promise.all([until(() => this.fleet.agree(), ACTING_MS, since), done])
    const everybody = this.fleet.members.map(({ host }) => host)
    return { since, agree, act: await this.allActedFor(everybody, since, ACTING_MS) }
  }

  /** Mends the network, and tells what was recorded of the fault. @param afterMs listens so much longer */
  async mended(since: number, afterMs = 0): Promise<History> {
    const healed = await this.heal()
    await pause(afterMs)
    return { ...this.fleet.history(since, healed.since), signs: this.collector.signs, keys: this.keys }
  }

  /** When a daemon first said that only its own link to another one is silent, in ms after `since`; null: not within `ms`. */
  async linkFault(host: number, other: number, since: number, ms: number): Promise<number | null> {
    const line = this.hosts.on(host, ROUNDTABLE, ['members', '--json', '--url=http://127.0.0.1:7373'])
    for (;;) {
      const { stdout } = await promisify(execFile)(...line)
      const at = monotonicMs() - since
      const { members } = JSON.parse(stdout) as { members: readonly Sight[] }
      if (members.some(({ id, linkFault }) => id === `n${other}` && linkFault)) return at
      if (at > ms) return null
      await pause(LINK_ASKED_MS)
    }
  }

  async close(): Promise<void> {
    for (const { child } of this.#applications) child.kill('SIGTERM')
    await Promise.all(this.#applications.map(({ ended }) => ended))
    await this.fleet.stop()
    await this.collector.stop()
    this.hosts.down()
  }

  #application(host: number, node: string, askMs: number): Started {
    const args = [
      APPLICATION,
      '--url=http://127.0.0.1:7373',
      `--socket=${this.collector.socket}`,
      `--node=${node}`,
      `--keys=${this.keys.length}`,
      `--every=${askMs}`,
    ]
    const line = this.hosts.on(host, process.execPath, args)
    return start(...line, { log: join(this.directory, `application-${node}.log`) })
  }
}

export interface FleetAlone {
  readonly fleet: Fleet
  readonly hosts: Hosts
  readonly directory: string
  readonly machine: Machine
  readonly close: () => Promise<void>
}

/**
 * Daemons alone, of ours or of another kind, for what needs nobody who acts.
 * @param options `inspect`: with an inspector in each daemon, through which it can be made to block
 */
export async function openFleet(
  kind: 'roundtable' | 'serf',
  count: number,
  options: { readonly inspect?: boolean } = {},
): Promise<FleetAlone> {
  const directory = newDirectory()
  const hosts = newHosts(count)
  const env = options.inspect === true ? { NODE_OPTIONS: '--inspect=127.0.0.1:0' } : {}
  const fleet = await Fleet.start(kind, hosts, directory, { quorum: true }, env)
  const close = async (): Promise<void> => {
    await fleet.stop()
    hosts.down()
  }
  return { fleet, hosts, directory, machine: watched(), close }
}

function newHosts(count: number): Hosts {
  const hosts = new Hosts(count)
  scenes.add(hosts)
  hosts.up()
  return hosts
}

const keysOf = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${kind}/${i}`)

/** One list of tasks for all, of which each runs what it owns. */
function configure(directory: string, { socket }: Collector, { commands }: SceneOptions): string {
  const list = join(directory, 'tasks.ndjson')
  const tasks = keysOf('exec', commands).map(key => ({
    id: key,
    key,
    type: 'exec',
    timeoutMs: FOR_EVER_MS,
    backoffMs: 100,
    maxAttempts: 100,
    payload: { command: 'act' },
  }))
  writeFileSync(list, tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
  const args = [REGISTER, 'act', `--socket=${socket}`, `--ms=${FOR_EVER_MS}`, `--beat=${BEAT_MS}`, '--deaf']
  const config = join(directory, 'roundtable.json')
  writeFileSync(
    config,
    JSON.stringify({
      taskLists: commands > 0 ? [list] : [],
      tasks: { concurrency: Math.max(2, commands) },
      executors: { exec: { commands: { act: { path: process.execPath, args } } } },
    }),
  )
  return config
}
