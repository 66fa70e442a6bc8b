/** Eight daemons in quorum mode, as a user would start them, each task durable on two disks before it is acknowledged. */
import type { NodeStatus } from '../../../src/node/status.ts'
import { Cluster } from '../../operations/cluster.ts'
import { Gate } from '../gate.ts'
import { keysOf } from '../keys.ts'
import { loopDelayP99Ms, scrapedWithDelay } from '../loop-delay.ts'
import { Submitter, spread } from '../submitter.ts'
import { cpuSecondsOf, monotonicMs, type Subject, type SubjectOptions, until } from './subject.ts'

/** Without a key, as the jobs of the others are; it stays on the node that it is handed to. */
export const NOOP = { type: 'echo', payload: {}, placement: 'local' }

/** A task that holds a place may do so for as long as a backlog takes to add, ms. */
const HELD_MS = 3_600_000

export async function ours({ concurrency }: SubjectOptions): Promise<Subject> {
  const gate = await Gate.start()
  const config = {
    tasks: { concurrency, queueMax: 1_000_000, settledMax: 1_000_000 },
    executors: { http: { allow: [gate.url] } },
  }
  const cluster = await Cluster.start({ config })
  return new OursSubject(cluster, gate, new Submitter(cluster), concurrency)
}

class OursSubject implements Subject {
  readonly name = 'Roundtable, 8 daemons'
  readonly #cluster: Cluster
  readonly #gate: Gate
  readonly #submitter: Submitter
  readonly #concurrency: number
  readonly #life = monotonicMs().toFixed(0)
  #tasks = 0
  /** Tasks that are no jobs: they held places. */
  #others = 0
  #takesLists: boolean | undefined

  constructor(cluster: Cluster, gate: Gate, submitter: Submitter, concurrency: number) {
    this.#cluster = cluster
    this.#gate = gate
    this.#submitter = submitter
    this.#concurrency = concurrency
  }

  async add(): Promise<void> {
    await this.#submitter.add(this.#noop())
  }

  async addBulk(count: number): Promise<void> {
    this.#takesLists ??= await this.#submitter.takesLists()
    if (!this.#takesLists) throw new Error('this build takes no lists of tasks')
    await this.#submitter.addMany(Array.from({ length: count }, () => this.#noop()))
  }

  /** Occupies every place of every node. */
  async hold(): Promise<void> {
    this.#gate.shut()
    const { names } = this.#cluster
    const keys = names.flatMap(name => keysOf(name, names, this.#concurrency, `hold/${this.#tasks}`))
    await spread(keys.length, 32, async i => {
      const key = keys[i] ?? ''
      await this.#submitter.add(this.#asking(key, HELD_MS))
      this.#others++
    })
    await until('every place is occupied', () => this.#gate.held >= keys.length)
  }

  async release(): Promise<void> {
    this.#gate.open()
  }

  async done(): Promise<number> {
    const all = (await this.#submitter.getAll('/v1/status')).map(body => JSON.parse(body) as NodeStatus)
    return all.reduce((sum, { tasks }) => sum + tasks.owned.succeeded, 0) - this.#others
  }

  /** To the moment in which the request of an `http` task reaches the application, over a new connection. */
  async addToStart(): Promise<number> {
    const task = this.#asking(`start/${this.#tasks}`, 10_000)
    const from = monotonicMs()
    await this.#submitter.add(task)
    this.#others++
    await until(`${task.id} has begun`, () => this.#gate.arrived.has(task.id), 10_000, 1)
    return (this.#gate.arrived.get(task.id) ?? Number.NaN) - from
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.#cluster.names.flatMap(name => this.#cluster.process(name).pid ?? []))
  }

  async loopDelayP99Ms(): Promise<number> {
    const all = await this.#submitter.eachMetrics(scrapedWithDelay)
    return Math.max(...all.map(loopDelayP99Ms))
  }

  copiesTold(): number {
    return this.#submitter.copies / this.#submitter.accepted
  }

  async close(): Promise<void> {
    this.#submitter.close()
    this.#gate.close()
    await this.#cluster.stop()
  }

  #noop() {
    this.#tasks++
    return NOOP
  }

  #asking(key: string, timeoutMs: number) {
    const id = `ask-${this.#life}-${this.#tasks++}`
    return { id, key, type: 'http', timeoutMs, payload: { url: this.#gate.url } }
  }
}
