/**
 * Work that keeps coming while nodes are restarted: tasks for a few hundred keys, most short and some long, handed to one
 * node after the other as clients would, and again to the next one with the same id when a node does not take it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../../src/base/errors.ts'
import { Random } from '../../src/base/random.ts'
import { DaemonClient } from '../../src/cli/client.ts'
import type { Attempt, TaskRecord } from '../../src/tasks/task.ts'
import { type Cluster, until } from './cluster.ts'

export interface LoadOptions {
  readonly cluster: Cluster
  readonly keys: readonly string[]
  /** Tasks a second. */
  readonly perSecond: number
  readonly shortMs: number
  readonly longMs: number
  /** Share of long ones, 0 to 1. */
  readonly longShare: number
  readonly seed: number
}

/** What a task came to. */
export interface Settled {
  readonly id: string
  readonly key: string
  readonly state: string
  readonly attempts: readonly Attempt[]
}

/** A request of a client, in ms; then it asks the next node. */
const REQUEST_MS = 10_000
/** Pause of a client before it asks the next node, in ms. */
const RETRY_MS = 50

export class Load {
  readonly #options: LoadOptions
  readonly #random: Random
  readonly #clients: readonly DaemonClient[]
  /** Task -> key, of all that were accepted. */
  readonly accepted = new Map<string, string>()
  readonly acceptMs: number[] = []
  /** Refusals by code: the client asked another node then. */
  readonly refusals: Record<string, number> = {}
  readonly #handing = new Set<Promise<void>>()
  #failure: unknown
  #stopped = false
  #running: Promise<void> | undefined

  constructor(options: LoadOptions) {
    this.#options = options
    this.#random = new Random(options.seed)
    const { cluster } = options
    this.#clients = cluster.names.map(name => new DaemonClient(cluster.url(name), { timeoutMs: REQUEST_MS }))
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Hands in nothing more; resolves when all that was handed in is accepted. @throws what no node should answer */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await Promise.all(this.#handing)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Waits until every accepted task has an end that its owner shows. */
  async settled(): Promise<readonly Settled[]> {
    const found: Settled[] = []
    for (const [id, key] of this.accepted) found.push(await this.#settledOne(id, key))
    return found
  }

  async #settledOne(id: string, key: string): Promise<Settled> {
    return await until(`${id} of ${key} has an end`, async () => {
      const answer = await this.#clients[0]?.request('GET', `/v1/tasks/${encodeURIComponent(id)}`)
      if (answer?.status === 404) return { id, key, state: 'unknown', attempts: [] }
      if (answer?.status !== 200) return undefined
      const { state, attempts } = answer.body as TaskRecord
      return ['succeeded', 'dead', 'cancelled'].includes(state) ? { id, key, state, attempts } : undefined
    })
  }

  async #run(): Promise<void> {
    const { perSecond } = this.#options
    for (let number = 0; !this.#stopped; number++) {
      const handing = this.#handIn(number).catch(error => {
        this.#failure ??= error
      })
      this.#handing.add(handing)
      void handing.then(() => this.#handing.delete(handing))
      await pause(1_000 / perSecond)
    }
  }

  async #handIn(number: number): Promise<void> {
    const { keys, shortMs, longMs, longShare } = this.#options
    const key = this.#random.pick(keys) ?? ''
    const ms = this.#random.between(0, 1) < longShare ? longMs : shortMs
    const task = {
      id: `rolling-${number}`,
      key,
      type: 'exec',
      payload: { command: 'act', args: [String(ms)] },
    }
    const since = Date.now()
    await until(`${task.id} is accepted`, async () => {
      const client = this.#clients[Math.floor(this.#random.between(0, this.#clients.length))]
      try {
        await client?.post('/v1/tasks', task)
        return true
      } catch (error) {
        if (!(error instanceof CodedError) || error.status < 429) throw error
        this.refusals[error.code] = (this.refusals[error.code] ?? 0) + 1
        await pause(RETRY_MS)
        return undefined
      }
    })
    this.acceptMs.push(Date.now() - since)
    this.accepted.set(task.id, key)
  }
}
