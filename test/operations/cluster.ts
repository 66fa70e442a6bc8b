/**
 * A cluster of real daemons on loopback, in quorum mode, for measurements: started through `bin/roundtable` as a user
 * would, with everything that each says of itself kept as it comes.
 *
 * What is measured is read from the daemons' own log lines, which carry the wall clock of this one machine: an instant is
 * known to a millisecond, however late this process comes to read it. Only the order of waiting depends on reading.
 *
 * Not taken: asking every daemon for its status again and again. It measures how often one asks, and loads two cores.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { NodeId } from '../../src/base/ids.ts'
import { type DaemonEvent, DaemonProcess, type NodePlan } from '../../src/cli/cluster/daemon-process.ts'
import { freePorts } from '../../src/cli/cluster/ports.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

export const NODES = 8

/** Nothing that is waited for takes longer on a machine that works, in ms. */
const WAIT_MS_MAX = 60_000

/** A line of a daemon's log. */
export interface Line {
  /** Wall clock of this machine, in ms. */
  readonly at: number
  readonly node: string
  readonly event: string
  /** Whom it is about, for events of members. */
  readonly member: string | undefined
  readonly fields: DaemonEvent
}

export interface ClusterOptions {
  /** Beside what this file sets: any part of a configuration. */
  readonly config?: Readonly<Record<string, unknown>>
}

export class Cluster {
  readonly directory: string
  /** The eight, in the order of their names. */
  readonly names: readonly string[]
  readonly lines: Line[] = []
  readonly #plans = new Map<string, NodePlan>()
  readonly #processes = new Map<string, DaemonProcess>()
  readonly #configFile: string
  /** Latest that a line was read after it was written, in ms. */
  readLateMs = 0

  private constructor(directory: string, names: readonly string[]) {
    this.directory = directory
    this.names = names
    this.#configFile = join(directory, 'cluster.json')
  }

  /** Starts eight at once and waits until all are ready, in one ring. */
  static async start({ config = {} }: ClusterOptions = {}): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-operations-'))
    const names = Array.from({ length: NODES }, (_, i) => `node-${i + 1}`)
    const cluster = new Cluster(directory, names)
    const common = { cluster: `operations-${process.pid}`, expectedNodes: NODES, ...config }
    await writeFile(cluster.#configFile, JSON.stringify(common), { mode: 0o600 })
    for (const name of names) await cluster.#place(name)
    for (const name of names) cluster.launch(name)
    await cluster.whole()
    return cluster
  }

  /** Ends every daemon and removes what they wrote. */
  async stop(): Promise<void> {
    for (const process of this.#processes.values()) if (process.running) process.kill()
    await Promise.all([...this.#processes.values()].map(process => process.exited))
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Gives a node that never ran here a directory and ports. */
  async #place(name: string): Promise<NodePlan> {
    const [gossip, http] = await freePorts(2)
    const taken = [...this.#plans.values()].flatMap(plan => [plan.gossip, plan.http])
    if ([gossip, http].some(port => taken.includes(`127.0.0.1:${port}`))) return await this.#place(name)
    const dataDir = join(this.directory, name)
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const logFile = join(this.directory, `${name}.log`)
    const where = { gossip: `127.0.0.1:${gossip}`, http: `127.0.0.1:${http}` }
    const plan = { name, dataDir, logFile, configFile: this.#configFile, ...where }
    this.#plans.set(name, plan)
    return plan
  }

  /** Starts a node with a new name, disk and ports. */
  async guest(name: string): Promise<DaemonProcess> {
    await this.#place(name)
    return this.launch(name)
  }

  /** Starts a node, for the first time or again: same name, directory and ports. The first three are the seeds. */
  launch(name: string): DaemonProcess {
    const seeds = this.names.slice(0, 3).filter(seed => seed !== name)
    const process = new DaemonProcess(
      this.plan(name),
      seeds.map(seed => this.plan(seed).gossip),
    )
    this.#processes.set(name, process)
    process.onEvent(fields => {
      const at = Date.parse(String(fields['time']))
      this.readLateMs = Math.max(this.readLateMs, Date.now() - at)
      const member = fields['member']
      const about = typeof member === 'string' ? member : undefined
      this.lines.push({ at, node: name, event: fields.event, member: about, fields })
    })
    return process
  }

  plan(name: string): NodePlan {
    const plan = this.#plans.get(name)
    if (plan === undefined) throw new Error(`no node is called ${name}`)
    return plan
  }

  process(name: string): DaemonProcess {
    const process = this.#processes.get(name)
    if (process === undefined) throw new Error(`${name} was never started`)
    return process
  }

  url(name: string): string {
    return `http://${this.plan(name).http}`
  }

  signal(name: string, signal: NodeJS.Signals): void {
    const { pid } = this.process(name)
    if (pid === undefined) throw new Error(`${name} could not be started`)
    process.kill(pid, signal)
  }

  others(name: string): readonly string[] {
    return this.names.filter(other => other !== name)
  }

  /** The first line of this node about this member (or itself) with one of these events, from this instant on. */
  first(node: string, events: readonly string[], since: number, member?: string): Line | undefined {
    return this.lines.find(
      line =>
        line.at >= since &&
        line.node === node &&
        events.includes(line.event) &&
        (member === undefined || line.member === member),
    )
  }

  /** Like `first`, of every node named; waits until all have said it. Latest of them. */
  async everyFirst(nodes: readonly string[], events: readonly string[], since: number, member?: string) {
    const what = `${nodes.length} nodes say ${events.join(' or ')} of ${member ?? 'themselves'}`
    return await until(what, () => {
      const found = nodes.map(node => this.first(node, events, since, member))
      return found.every(line => line !== undefined) ? Math.max(...found.map(line => line.at)) : undefined
    })
  }

  /** When a node's ring became what it is, and what that is; undefined before it has one. */
  ringOf(node: string): { readonly at: number; readonly checksum: string } | undefined {
    const line = this.lines.findLast(each => each.node === node && each.event === 'ring-changed')
    return line && { at: line.at, checksum: String(line.fields['ring']) }
  }

  /** Waits until these nodes have the ring of these members; when the last of them came to it. */
  async agreed(nodes: readonly string[], members: readonly string[]): Promise<number> {
    const { checksum } = ringOf(members)
    return await until(`${nodes.length} nodes have the ring of ${members.length} members`, () => {
      const rings = nodes.map(node => this.ringOf(node))
      return rings.every(ring => ring?.checksum === checksum)
        ? Math.max(...rings.map(ring => ring?.at ?? 0))
        : undefined
    })
  }

  /** All eight are up, in one ring, and ready: each acts and each grants. */
  async whole(): Promise<void> {
    await this.agreed(this.names, this.names)
    for (const name of this.names) await this.ready(name)
  }

  /** Waits until `/readyz` says yes; when it was asked. @throws with its reasons when it does not */
  async ready(name: string): Promise<number> {
    let said = 'it did not answer'
    try {
      return await until(`${name} is ready`, async () => {
        const at = Date.now()
        const answer = await fetch(`${this.url(name)}/readyz`).catch(() => undefined)
        if (answer !== undefined) said = await answer.text()
        return answer?.status === 200 ? at : undefined
      })
    } catch (cause) {
      throw new Error(`${name} is not ready: ${said}${this.process(name).lastWords}`, { cause })
    }
  }

  /** Drops what was read so far, but for each node's newest ring. */
  forgetLines(): void {
    const rings = [...this.#processes.keys()].flatMap(
      node => this.lines.findLast(line => line.node === node && line.event === 'ring-changed') ?? [],
    )
    this.lines.splice(0, this.lines.length, ...rings)
  }

  /** Lines that call somebody dead who was not killed. */
  falseDeaths(since: number, killed: readonly string[]): readonly Line[] {
    return this.lines.filter(
      ({ at, event, member = '' }) => at >= since && event === 'member-dead' && !killed.includes(member),
    )
  }
}

export const ringOf = (members: readonly string[]): Ring =>
  buildRing(
    members.map(id => ({ id: id as NodeId, weight: 1 })),
    ringDefaults(),
  )

/** Waits for a value that other processes bring about. @throws when it does not come within a minute */
export async function until<T>(
  claim: string,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + WAIT_MS_MAX
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline)
      throw new Error(`waited ${WAIT_MS_MAX / 1_000} s in vain until ${claim}`)
    await pause(10)
  }
}
