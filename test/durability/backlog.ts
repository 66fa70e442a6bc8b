/** Eight daemons whose places are all occupied, so that what is handed in stays in the queue until it is let go. */
import type { NodeStatus } from '../../src/node/status.ts'
import { Gate } from '../bench/gate.ts'
import { keysOf } from '../bench/keys.ts'
import { Submitter, spread, type TaskBody } from '../bench/submitter.ts'
import { Cluster, until } from '../operations/cluster.ts'
import { type Owned, ownedOf, wholeOf } from './owned-judge.ts'

/** Tasks in one request, and requests at one time. */
const BATCH = 500
const BATCHES_UNDER_WAY = 4
const SINGLES_UNDER_WAY = 50

const HELD_MS = 3_600_000

export interface BacklogOptions {
  /** Attempts at one time on each node. */
  readonly concurrency: number
  /** Tasks that a node may own. */
  readonly queueMax: number
}

export class Backlog {
  readonly cluster: Cluster
  readonly submitter: Submitter
  readonly #gate: Gate
  readonly #concurrency: number
  #holds = 0

  private constructor(cluster: Cluster, gate: Gate, concurrency: number) {
    this.cluster = cluster
    this.submitter = new Submitter(cluster)
    this.#gate = gate
    this.#concurrency = concurrency
  }

  static async open({ concurrency, queueMax }: BacklogOptions): Promise<Backlog> {
    const gate = await Gate.start()
    const tasks = { concurrency, queueMax, settledMax: queueMax }
    const cluster = await Cluster.start({ config: { tasks, executors: { http: { allow: [gate.url] } } } })
    return new Backlog(cluster, gate, concurrency)
  }

  /** Occupies every place of these nodes. What occupies them is older than all that comes later, and goes first. */
  async hold(nodes: readonly string[] = this.cluster.names): Promise<void> {
    this.#gate.shut()
    const before = this.#gate.held
    const prefix = `hold/${this.#holds++}`
    const keys = nodes.flatMap(node => keysOf(node, this.cluster.names, this.#concurrency, prefix))
    await spread(keys.length, 16, async i => {
      const key = keys[i] ?? ''
      const payload = { url: this.#gate.url }
      await this.submitter.add({
        id: key,
        key,
        type: 'http',
        priority: 0,
        maxAttempts: 100,
        timeoutMs: HELD_MS,
        payload,
      })
    })
    await until('every place is occupied', () => this.#gate.held >= before + keys.length || undefined)
  }

  letGo(): void {
    this.#gate.open()
  }

  /** Many at once where this build can do that, one by one otherwise. */
  async add(count: number, task: (number: number) => TaskBody): Promise<void> {
    if (!(await this.submitter.takesLists()))
      return await spread(count, SINGLES_UNDER_WAY, i => this.submitter.add(task(i)))
    await spread(Math.ceil(count / BATCH), BATCHES_UNDER_WAY, async i => {
      const some = Array.from({ length: Math.min(BATCH, count - i * BATCH) }, (_, k) => task(i * BATCH + k))
      await this.submitter.addMany(some)
    })
  }

  /** What these nodes own together. Undefined: one is silent. */
  async owned(nodes: readonly string[]): Promise<Owned | undefined> {
    return ownedOf(await Promise.all(nodes.map(node => this.#status(node))))
  }

  /** What all of them own while they are well. @throws when one stays silent, or when it is less than was handed in */
  async whole(handedIn: number): Promise<number> {
    const owned = await until('every node tells what it owns', () => this.owned(this.cluster.names))
    return wholeOf(owned, handedIn)
  }

  async #status(node: string): Promise<NodeStatus | undefined> {
    // Nobody answers while it starts.
    const answer = await fetch(`${this.cluster.url(node)}/v1/status`).catch(() => undefined)
    return answer?.status === 200 ? ((await answer.json()) as NodeStatus) : undefined
  }

  async close(): Promise<void> {
    this.submitter.close()
    this.#gate.close()
    await this.cluster.stop()
  }
}
