/** Daemons as processes on loopback, as `roundtable cluster` starts them; a few at a time, since a start takes a core. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DaemonClient } from '../../src/cli/client.ts'
import { type DaemonEvent, DaemonProcess } from '../../src/cli/cluster/daemon-process.ts'
import { freePorts } from '../../src/cli/cluster/ports.ts'
import { unlessUnreachable } from '../../src/cli/cluster/watch.ts'
import type { NodeStatus } from '../../src/node/status.ts'

/** Daemons that start at one time: two a core. */
const STARTING_MAX = 4
const SEEDS = 2
const STATUS_MS = 10_000
const SAMPLE_MS = 100

/** A daemon, and whom it believes to be dead, since when (ms on this process's clock). */
export interface Daemon {
  readonly process: DaemonProcess
  readonly client: DaemonClient
  readonly dead: Map<string, number>
}

export class RealCluster {
  readonly daemons: readonly Daemon[]
  readonly #directory: string
  readonly #killed = new Set<string>()

  private constructor(daemons: readonly Daemon[], directory: string) {
    this.daemons = daemons
    this.#directory = directory
  }

  /** Starts them; resolves when the last one listens. What was started is stopped when that fails. */
  static async start(size: number, signal: AbortSignal): Promise<RealCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-scale-'))
    const configFile = join(directory, 'cluster.json')
    const config = { cluster: `scale-${randomBytes(4).toString('hex')}`, expectedNodes: size }
    await writeFile(configFile, JSON.stringify(config), { mode: 0o600 })
    const daemons: Daemon[] = []
    const cluster = new RealCluster(daemons, directory)
    try {
      const ports = await freePorts(2 * size)
      const seeds = ports.slice(0, SEEDS).map(port => `127.0.0.1:${port}`)
      const starting = new Set<Promise<void>>()
      for (let index = 0; index < size; index++) {
        signal.throwIfAborted()
        const name = `node-${String(index + 1).padStart(3, '0')}`
        const plan = {
          ...{ name, configFile, dataDir: join(directory, name), logFile: join(directory, `${name}.log`) },
          ...{ gossip: `127.0.0.1:${ports[index]}`, http: `127.0.0.1:${ports[size + index]}` },
        }
        await mkdir(plan.dataDir, { mode: 0o700 })
        const daemon = daemonOf(
          new DaemonProcess(
            plan,
            seeds.filter(seed => seed !== plan.gossip),
          ),
        )
        daemons.push(daemon)
        const listening = daemon.process.listening.finally(() => starting.delete(listening))
        // Whoever waits for it hears of a failure; the others' fail with the stop that follows.
        listening.catch(() => undefined)
        starting.add(listening)
        if (starting.size >= STARTING_MAX) await Promise.race(starting)
      }
      await Promise.all(starting)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get running(): readonly Daemon[] {
    return this.daemons.filter(({ process }) => process.running)
  }

  /** Deaths that a daemon believed in, of members that nobody had killed. */
  get falseDeaths(): readonly string[] {
    return this.daemons.flatMap(({ process: { plan }, dead }) =>
      [...dead.keys()].filter(name => !this.#killed.has(name)).map(name => `${plan.name} of ${name}`),
    )
  }

  /**
   * Until the condition was seen of each, and then still holds for all.
   * @returns ms after the call at which each was seen first; undefined: not within the limit
   */
  async until(
    holds: (status: NodeStatus, first: NodeStatus) => boolean,
    limitMs: number,
  ): Promise<number[] | undefined> {
    const begun = performance.now()
    const seen = new Map<Daemon, number>()
    for (;;) {
      // Asking costs them time too: once seen of all, all are asked again.
      const whole = seen.size === this.running.length
      const good = await this.#holding(whole ? [] : [...seen.keys()], holds)
      if (whole && good.size === seen.size) return [...seen.values()]
      if (whole) for (const daemon of seen.keys()) if (!good.has(daemon)) seen.delete(daemon)
      for (const daemon of good) if (!seen.has(daemon)) seen.set(daemon, performance.now() - begun)
      if (performance.now() - begun > limitMs) return undefined
      if (!whole) await pause(SAMPLE_MS)
    }
  }

  /** Of those not in `but`, the ones whose status and the first one's fulfil the condition. */
  async #holding(
    but: readonly Daemon[],
    holds: (status: NodeStatus, first: NodeStatus) => boolean,
  ): Promise<ReadonlySet<Daemon>> {
    const good = new Set<Daemon>()
    const [lead] = this.running
    const first = lead && (await statusOf(lead))
    if (first === undefined) return good
    for (const daemon of this.running.filter(one => !but.includes(one))) {
      const status = daemon === lead ? first : await statusOf(daemon)
      if (status !== undefined && holds(status, first)) good.add(daemon)
    }
    return good
  }

  /** kill -9 of the last one; ms until each survivor has said that it is dead, undefined for those who did not. */
  async kill(limitMs: number): Promise<readonly (number | undefined)[]> {
    const victim = this.running.at(-1)
    if (victim === undefined) return []
    const { name } = victim.process.plan
    this.#killed.add(name)
    const at = performance.now()
    victim.process.kill()
    await victim.process.exited
    const survivors = this.running
    while (survivors.some(({ dead }) => !dead.has(name)) && performance.now() - at < limitMs) await pause(10)
    return survivors.map(({ dead }) => {
      const known = dead.get(name)
      return known === undefined ? undefined : known - at
    })
  }

  /** Kills what still runs and removes what it wrote. */
  async stop(): Promise<void> {
    for (const { process } of this.daemons) if (process.running) process.kill()
    await Promise.all(this.daemons.map(({ process }) => process.exited))
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

function daemonOf(process: DaemonProcess): Daemon {
  const dead = new Map<string, number>()
  process.onEvent((event: DaemonEvent) => {
    const member = event['member']
    if (typeof member !== 'string') return
    if (event.event === 'member-dead') dead.set(member, performance.now())
  })
  const client = new DaemonClient(process.url, { timeoutMs: STATUS_MS })
  return { process, client, dead }
}

/** Undefined: it does not answer in time, which is itself a finding when it lasts. */
const statusOf = ({ client }: Daemon): Promise<NodeStatus | undefined> =>
  unlessUnreachable(client.get<NodeStatus>('/v1/status'))
