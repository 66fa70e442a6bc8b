/**
 * What is promised for a key in one run: nothing of what quorum mode promises where its prefix is in available mode, and none of
 * what rests on records once a takeover of it went on without a member that was forgotten with its disk, and said so.
 */
import type { Effect, Input } from '../../src/node/machine.ts'
import type { Node } from '../../src/node/node.ts'
import type { Cluster } from './cluster.ts'
import type { Findings } from './findings.ts'
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'

/** What every judge needs. */
export interface JudgeParts {
  readonly cluster: Cluster
  readonly schedule: Schedule
  readonly findings: Findings
  readonly promised: Promised
}

export class Promised {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #findings: Findings
  /** Those that have said that something may be lost. */
  readonly #losing = new Set<Node>()
  /** Those that an operator asked to forget: what only they had may come back with them, or not. */
  readonly #given = new Set<string>()

  constructor(cluster: Cluster, schedule: Schedule, findings: Findings) {
    this.#cluster = cluster
    this.#schedule = schedule
    this.#findings = findings
  }

  input(input: Input): void {
    if (input.kind === 'control' && input.request.kind === 'forget') this.#given.add(input.request.node)
  }

  /** Only what was lost or given up may be told of so: a member whose disk is as it was, and that nobody asked to forget, is none. */
  effect(process: Process, effect: Effect): void {
    if (effect.kind !== 'log' || effect.event !== 'may-have-lost') return
    const { hosts } = this.#cluster.world
    const forgotten = effect.fields['forgotten'] as readonly string[]
    const isThere = (name: string): boolean =>
      hosts.every(host => host.name !== name || host.disk.wipes === 0)
    const kept = forgotten.filter(name => !this.#given.has(name) && isThere(name))
    if (kept.length > 0) {
      const detail = `says so of ${kept.join(', ')}, whose disk was not, and nobody gave it up`
      this.#findings.fail('what may be lost was lost', hosts[process.host]?.name, detail)
    }
    const node = this.#cluster.nodeIn(process)
    if (node !== undefined) this.#losing.add(node)
  }

  /** At most one node acts for it. */
  isQuorum(key: string): boolean {
    const { mode, modes } = this.#schedule
    return mode === 'quorum' && !modes.some(({ prefix }) => key.startsWith(prefix))
  }

  /** What was told of its tasks stays true. */
  isKept(key: string): boolean {
    if (!this.isQuorum(key)) return false
    for (const { tasks } of this.#losing)
      if ((tasks.takeoverOf(key)?.mayHaveLost.length ?? 0) > 0) return false
    return true
  }
}
