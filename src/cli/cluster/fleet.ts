/** All daemons of the cluster: started together, stopped together, one restarted in between. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../../base/errors.ts'
import { DaemonClient } from '../client.ts'
import { DaemonProcess, type NodePlan } from './daemon-process.ts'
import { freePorts } from './ports.ts'

/** A status that takes longer than this is asked for again, in ms. */
const STATUS_MS = 3_000

/** Longest start of a daemon, in ms: about ten times what eight take together on two cores. */
const START_MS = 90_000

export interface FleetPlan {
  readonly nodes: number
  /** Existing directory that gets one subdirectory a node. */
  readonly directory: string
  /** What all daemons have in common. */
  readonly configFile: string
}

export class Fleet {
  readonly plans: readonly NodePlan[]
  readonly #processes = new Map<string, DaemonProcess>()
  /** Nodes whose end is wanted at the moment. */
  readonly #expected = new Set<string>()
  readonly #signal: AbortSignal
  #onLoss: (process: DaemonProcess) => void = () => undefined
  /** Rejects when a daemon ends that should not. */
  readonly lost: Promise<never>

  private constructor(plans: readonly NodePlan[], signal: AbortSignal) {
    this.plans = plans
    this.#signal = signal
    this.lost = new Promise((_, reject) => {
      this.#onLoss = process => reject(process.failure())
    })
    this.lost.catch(() => undefined)
  }

  /** Chooses names and ports; starts nothing. @param signal aborts what the fleet's clients ask */
  static async plan({ nodes, directory, configFile }: FleetPlan, signal: AbortSignal): Promise<Fleet> {
    const ports = await freePorts(nodes * 2)
    const plans = Array.from({ length: nodes }, (_, index): NodePlan => {
      const name = `node-${index + 1}`
      return {
        name,
        configFile,
        dataDir: join(directory, name),
        logFile: join(directory, `${name}.log`),
        gossip: `127.0.0.1:${ports[index]}`,
        http: `127.0.0.1:${ports[nodes + index]}`,
      }
    })
    return new Fleet(plans, signal)
  }

  get processes(): readonly DaemonProcess[] {
    return this.plans.flatMap(({ name }) => this.#processes.get(name) ?? [])
  }

  /** Those that run at the moment. */
  get running(): readonly DaemonProcess[] {
    return this.processes.filter(process => process.running)
  }

  /**
   * Starts them all at once; the first two are everybody's seeds. Resolves when all listen.
   * @throws CodedError what a daemon says is wrong, or `DEADLINE`
   */
  async start(): Promise<void> {
    const seeds = this.plans.slice(0, 2).map(({ gossip }) => gossip)
    for (const plan of this.plans) {
      await mkdir(plan.dataDir, { recursive: true, mode: 0o700 })
      this.#spawn(
        plan,
        seeds.filter(seed => seed !== plan.gossip),
      )
    }
    await this.#listening(this.processes)
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(process: DaemonProcess): Promise<void> {
    this.#expected.add(process.plan.name)
    process.kill()
    await process.exited
  }

  /** Starts a killed node again: the same name, directory and ports, and all the others as seeds. */
  async restart(plan: NodePlan): Promise<DaemonProcess> {
    this.#expected.delete(plan.name)
    const others = this.plans.filter(other => other !== plan).map(({ gossip }) => gossip)
    const process = this.#spawn(plan, others)
    await this.#listening([process])
    return process
  }

  /** @param timeoutMs of each request */
  client(plan: NodePlan, timeoutMs: number = STATUS_MS): DaemonClient {
    return new DaemonClient(`http://${plan.http}`, { signal: this.#signal, timeoutMs })
  }

  /** From now on a daemon may end without that being a failure; each end is reported. */
  release(onEnd: (process: DaemonProcess) => void): void {
    this.#onLoss = onEnd
  }

  /** Ends all of them; `hurry` kills them. */
  async stop(hurry?: AbortSignal): Promise<void> {
    for (const { name } of this.plans) this.#expected.add(name)
    await Promise.all(this.processes.map(process => process.stop(hurry)))
  }

  /** Waits for all of them, at most until the fleet's signal or the limit of a start. */
  async #listening(processes: readonly DaemonProcess[]): Promise<void> {
    const ended = Promise.withResolvers<never>()
    const interrupt = () => ended.reject(this.#signal.reason)
    const timer = setTimeout(() => {
      const slow = processes.filter(process => !process.listens)
      const words = slow.map(
        ({ plan, lastWords }) => `${plan.name} did not listen. Its last words:${lastWords}`,
      )
      ended.reject(new CodedError('DEADLINE', `After ${START_MS / 1_000} s ${words.join('\n')}\n `))
    }, START_MS)
    this.#signal.addEventListener('abort', interrupt, { once: true })
    try {
      if (this.#signal.aborted) interrupt()
      await Promise.race([ended.promise, Promise.all(processes.map(process => process.listening))])
    } finally {
      clearTimeout(timer)
      this.#signal.removeEventListener('abort', interrupt)
    }
  }

  #spawn(plan: NodePlan, seeds: readonly string[]): DaemonProcess {
    const process = new DaemonProcess(plan, seeds)
    this.#processes.set(plan.name, process)
    void process.exited.then(() => {
      if (!this.#expected.has(plan.name)) this.#onLoss(process)
    })
    return process
  }
}
