/** The daemons of a run: begun, broken and begun again, and what was done to each of them when. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { monotonicMs, type Started, signalTree, start, treeOf, until } from '../faults/started.ts'
import type { Fault, FaultKind } from './history.ts'
import type { Place, Places } from './places.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))

/** A leave ends within its deadline of 15 s, and everything is ended by then. */
const STOP_MS = 30_000

/** Words of a daemon's log that explain what it did not finish. */
const TELLING = /"event":"(?:stood-still|lease-lost|task-fenced)"/

interface Node {
  readonly place: Place
  readonly directory: string
  readonly lastLines: string[]
  started: Started | undefined
  /** Why it is not running, while that is so by intent. */
  down: boolean
}

export class Nodes {
  /** Everything that was done to them, and what their logs told. */
  readonly faults: Fault[] = []
  readonly #nodes: ReadonlyMap<string, Node>
  readonly #places: Places
  readonly #directory: string
  readonly #configFile: string

  /** @param config beside what this file sets: any part of a configuration, the same for all */
  constructor(places: Places, directory: string, config: object) {
    this.#places = places
    this.#directory = directory
    this.#configFile = join(directory, 'roundtable.json')
    const common = { cluster: `ledger-${process.pid}`, expectedNodes: places.all.length, ...config }
    writeFileSync(this.#configFile, JSON.stringify(common), { mode: 0o600 })
    this.#nodes = new Map(
      places.all.map(place => {
        const node: Node = {
          place,
          directory: join(directory, place.name),
          lastLines: [],
          started: undefined,
          down: false,
        }
        return [place.name, node]
      }),
    )
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()]
  }

  /** Those that ended and should not have, with their last words. */
  get ended(): readonly string[] {
    return [...this.#nodes.values()]
      .filter(({ started, down }) => started?.running === false && !down)
      .map(({ place, lastLines }) => `${place.name}: ${lastLines.join('\n')}`)
  }

  /** Starts one, on the disk it had or on a new one. */
  start(name: string): void {
    const node = this.#node(name)
    const { place, directory } = node
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const seeds = this.#places.all.slice(0, 3).filter(seed => seed.name !== name)
    const args = ['agent', '--json', '--config', this.#configFile, '--node-id', name]
    const own = ['--data-dir', directory, '--listen', place.gossip, '--http', `127.0.0.1:${place.http}`]
    const line = place.on(PROGRAM, [...args, ...own, ...seeds.flatMap(({ gossip }) => ['--seed', gossip])])
    const onLine = (said: string, at: number): void => {
      node.lastLines.push(said)
      if (node.lastLines.length > 10) node.lastLines.shift()
      if (TELLING.test(said)) this.#told(name, said, at)
    }
    node.down = false
    node.started = start(...line, { log: join(this.#directory, `${name}.log`), onLine })
  }

  async kill(name: string): Promise<void> {
    const node = this.#running(name)
    node.down = true
    node.started.child.kill('SIGKILL')
    await node.started.ended
  }

  /** SIGTERM, as an orchestrator does it. */
  async stop(name: string): Promise<void> {
    const node = this.#running(name)
    node.down = true
    node.started.child.kill('SIGTERM')
    if ((await until(() => !node.started.running, STOP_MS)) === null)
      throw new Error(`${name} did not end within ${STOP_MS / 1_000} s of SIGTERM`)
    await node.started.ended
  }

  /** Takes everything that it wrote. It must not run. */
  loseDisk(name: string): void {
    // Its runner may be about to end.
    rmSync(this.#node(name).directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }

  /** The daemon and all below it, at once: what runs beside it goes on. */
  freeze(name: string): void {
    for (const pid of treeOf(this.#running(name).started.pid)) process.kill(pid, 'SIGSTOP')
  }

  thaw(name: string): void {
    const { started } = this.#node(name)
    if (started?.running) signalTree(started.pid, 'SIGCONT')
  }

  /** Nothing passes between those and the others, until `heal`. */
  cutOff(names: readonly string[]): void {
    const { hosts, all } = this.#places
    const list = (inside: boolean): string =>
      all
        .filter(({ name }) => names.includes(name) === inside)
        .map(({ host }) => host)
        .join()
    hosts?.fault('partition', list(true), list(false))
  }

  async heal(): Promise<void> {
    await this.#places.hosts?.heal().done
  }

  /** Writes down what was done to a node. */
  record(kind: FaultKind, node: string, from: number, to = monotonicMs()): void {
    this.faults.push({ kind, node, from, to })
  }

  /** Ends all of them, however they are. */
  async end(): Promise<void> {
    for (const node of this.#nodes.values()) {
      node.down = true
      if (node.started?.running) signalTree(node.started.pid, 'SIGCONT')
      node.started?.child.kill('SIGKILL')
    }
    await Promise.all([...this.#nodes.values()].map(({ started }) => started?.ended))
  }

  #told(node: string, line: string, at: number): void {
    const { event, lateMs = 0, task } = JSON.parse(line) as { event: string; lateMs?: number; task?: string }
    if (event === 'stood-still') this.record('pause', node, at - lateMs, at)
    else this.faults.push({ kind: 'fence', node, from: at, to: at, ...(task !== undefined && { task }) })
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`no node is called ${name}`)
    return node
  }

  #running(name: string): Node & { readonly started: Started } {
    const node = this.#node(name)
    if (node.started?.running !== true) throw new Error(`${name} does not run: ${node.lastLines.join('\n')}`)
    return node as Node & { readonly started: Started }
  }
}
