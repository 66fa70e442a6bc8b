/**
 * Looks at every daemon again and again while a condition is awaited. One look is one sample: what each node said of
 * itself at about the same time. A node that does not answer has no status in it, and that is no error here: it may have
 * been killed on purpose, and a daemon that died by accident is reported by the fleet.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CodedError } from '../../base/errors.ts'
import type { NodeStatus, RingView } from '../../node/status.ts'
import type { TaskState } from '../../tasks/task.ts'
import type { NodePlan } from './daemon-process.ts'
import type { Fleet } from './fleet.ts'

/** Time between two samples, in ms: quick enough for the eye, a few percent of one core for eight nodes. */
const SAMPLE_MS = 150

export interface Sample {
  readonly elapsedMs: number
  readonly nodes: readonly NodeSample[]
}

export interface NodeSample {
  readonly plan: NodePlan
  readonly status: NodeStatus | undefined
  /** Share of the keys, 0 to 1, when known. */
  readonly share: number | undefined
}

export class Watch {
  readonly #fleet: Fleet
  readonly #signal: AbortSignal
  readonly #started = performance.now()
  readonly #deadlineMs: number
  readonly #onSample: (sample: Sample) => void
  #shares: ReadonlyMap<string, number> = new Map()
  #sharesOf = ''

  constructor(
    fleet: Fleet,
    options: {
      readonly signal: AbortSignal
      readonly deadlineMs: number
      readonly onSample: (sample: Sample) => void
    },
  ) {
    this.#fleet = fleet
    this.#signal = options.signal
    this.#deadlineMs = options.deadlineMs
    this.#onSample = options.onSample
  }

  get elapsedMs(): number {
    return performance.now() - this.#started
  }

  /**
   * Samples until the condition holds, and gives the sample in which it did.
   * @throws CodedError `DEADLINE`, `CLUSTER_NODE_FAILED`
   */
  async until(
    what: string,
    holds: (sample: Sample) => boolean,
    everyMs: number = SAMPLE_MS,
  ): Promise<Sample> {
    for (;;) {
      const sample = await Promise.race([this.#sample(), this.#fleet.lost])
      this.#onSample(sample)
      if (holds(sample)) return sample
      if (this.elapsedMs > this.#deadlineMs) throw tooLate(what, this.#deadlineMs, sample)
      await pause(everyMs, undefined, { signal: this.#signal })
    }
  }

  async #sample(): Promise<Sample> {
    const statuses = await Promise.all(this.#fleet.plans.map(plan => this.#statusOf(plan)))
    await this.#learnShares(statuses)
    return {
      elapsedMs: this.elapsedMs,
      nodes: this.#fleet.plans.map((plan, index) => ({
        plan,
        status: statuses[index],
        share: statuses[index] === undefined ? undefined : this.#shares.get(plan.name),
      })),
    }
  }

  async #statusOf(plan: NodePlan): Promise<NodeStatus | undefined> {
    return await unlessUnreachable(this.#fleet.client(plan).get<NodeStatus>('/v1/status'))
  }

  /** Asks for the ring when the one that most nodes name is a new one. */
  async #learnShares(statuses: readonly (NodeStatus | undefined)[]): Promise<void> {
    const index = statuses.findIndex(
      status => status !== undefined && status.ring.checksum !== this.#sharesOf,
    )
    const plan = this.#fleet.plans[index]
    if (plan === undefined) return
    const ring = await unlessUnreachable(this.#fleet.client(plan).get<RingView>('/v1/ring'))
    if (ring === undefined) return
    this.#sharesOf = ring.checksum
    this.#shares = new Map(ring.members.map(({ id, share }) => [id, share]))
  }
}

/** The answer, or `undefined` when nobody answered. */
export async function unlessUnreachable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof CodedError && error.code === 'DAEMON_UNREACHABLE') return undefined
    throw error
  }
}

const SETTLED: readonly TaskState[] = ['succeeded', 'dead', 'cancelled']

/** Tasks that a node owns, all or by state. */
export function ownedBy({ status }: NodeSample, states?: readonly TaskState[]): number {
  if (status === undefined) return 0
  const counts = Object.entries(status.tasks.owned) as [TaskState, number][]
  return counts.reduce((sum, [state, count]) => sum + (states?.includes(state) === false ? 0 : count), 0)
}

export const settledBy = (node: NodeSample): number => ownedBy(node, SETTLED)

export const sumOf = (sample: Sample, of: (node: NodeSample) => number): number =>
  sample.nodes.reduce((sum, node) => sum + of(node), 0)

/** Do all nodes answer, see each other, take work, and compute the same owners? */
export function inAgreement({ nodes }: Sample): boolean {
  const checksum = nodes[0]?.status?.ring.checksum
  return nodes.every(
    ({ status }) =>
      status?.ready.ready === true &&
      status.members.alive === nodes.length &&
      status.ring.checksum === checksum &&
      status.ring.members === nodes.length,
  )
}

/** All agree, nothing is on its way from one to another, and every task has come to its end. */
export function isFinished(sample: Sample, tasks: number): boolean {
  const moving = sample.nodes.some(({ status }) => status?.tasks.takingOver === true)
  return inAgreement(sample) && !moving && sumOf(sample, settledBy) >= tasks
}

function tooLate(what: string, deadlineMs: number, sample: Sample): CodedError {
  const nodes = sample.nodes.map(({ plan, status }) => {
    if (status === undefined) return `${plan.name} does not answer`
    const reasons = status.ready.reasons.map(({ detail }) => detail).join(', ')
    return `${plan.name}: ${status.phase}, ${status.members.alive} alive, ${JSON.stringify(status.tasks.owned)} ${reasons}`
  })
  const detail = `${what} took longer than ${deadlineMs / 1_000} s.${nodes.map(line => `\n  ${line.trim()}`).join('')}\n`
  return new CodedError('DEADLINE', detail)
}
