/**
 * Who says that it may act, compared in true time. Leave is asked for every key of every node whenever a node may have
 * gained some, and now and then; what it said stands on its host's own clock, also while it is frozen, until it says
 * otherwise. A machine that was suspended with its clocks is excepted, until its time is over on its own clock too.
 */
import type { Leave } from '../../src/tasks/right.ts'
import { allKeys, type Cluster } from './cluster.ts'
import type { Findings } from './findings.ts'
import type { LeaseWatch } from './lease-watch.ts'
import type { Process } from './process.ts'
import type { JudgeParts } from './promised.ts'
import type { Host } from './world.ts'

/** Steps of a node after which it is asked anew even if it says that nothing has changed. */
const STEPS_MAX = 200

interface Asked {
  version: number
  steps: number
}

export class ActingWatch {
  readonly #cluster: Cluster
  readonly #findings: Findings
  /** Those that only one node may act for. */
  readonly #keys: readonly string[]
  readonly #leases: LeaseWatch
  readonly #asked = new WeakMap<Process, Asked>()
  /** When, in virtual ms, somebody was last seen to act for a key. */
  readonly #actedAt = new Map<string, number>()

  constructor({ cluster, findings, promised }: JudgeParts, leases: LeaseWatch) {
    this.#cluster = cluster
    this.#findings = findings
    this.#keys = allKeys().filter(key => promised.isQuorum(key))
    this.#leases = leases
  }

  stepped(process: Process): void {
    const node = this.#cluster.nodeIn(process)
    if (node === undefined) return
    const asked = this.#asked.get(process) ?? { version: -1, steps: 0 }
    if (asked.version === node.right.version && ++asked.steps < STEPS_MAX) return
    this.#asked.set(process, { version: node.right.version, steps: 0 })
    const host = this.#cluster.world.hosts[process.host]
    if (host !== undefined) this.#look(host, process)
  }

  /** How many nodes may act for a key at this moment. */
  actors(key: string): string[] {
    return this.#cluster.world.hosts
      .filter(host => this.#leaveOf(host, key) !== undefined)
      .map(host => host.name)
  }

  /** Notes who acts; how long, in ms, the worst key has had no actor. */
  longestGap(since: number): number {
    const { now } = this.#cluster.world
    let worst = 0
    for (const key of this.#keys) {
      if (this.actors(key).length > 0) this.#actedAt.set(key, now)
      worst = Math.max(worst, now - Math.max(since, this.#actedAt.get(key) ?? since))
    }
    return worst
  }

  checkEnd(): void {
    for (const key of this.#keys) {
      const actors = this.actors(key)
      if (actors.length === 0) this.#findings.fail('every key has an actor', undefined, `"${key}" has none`)
    }
  }

  #look(host: Host, process: Process): void {
    for (const key of this.#keys) {
      const leave = this.#leaveOf(host, key)
      if (leave === undefined) continue
      this.#checkBound(host, process, key, leave)
      this.#checkToken(host, process, key, leave)
      this.#checkOthers(host, key, leave)
      this.#actedAt.set(key, this.#cluster.world.now)
    }
  }

  #leaveOf(host: Host, key: string): Leave | undefined {
    const node = this.#cluster.nodeOf(host)
    const leave = node?.right.leaveFor(key)
    if (leave === undefined || host.clock.monoAt(this.#cluster.world.now) >= leave.until) return undefined
    return leave
  }

  #checkBound(host: Host, process: Process, key: string, { until }: Leave): void {
    const bound = this.#leases.boundOf(process)
    if (until <= bound + 0.01) return
    const detail = `may act for "${key}" ${Math.round(until - bound)} ms longer than a quorum granted`
    this.#findings.fail('a minority stops', host.name, detail)
  }

  #checkToken(host: Host, process: Process, key: string, { token }: Leave): void {
    this.#cluster.world.collector.sawToken(key, `${host.index}/${process.boot}`, token.value, wrong =>
      this.#findings.fail('tokens rise with each owner', host.name, `"${key}": ${wrong}`),
    )
  }

  #checkOthers(host: Host, key: string, leave: Leave): void {
    if (this.#suspendedLately(host)) return
    const { world } = this.#cluster
    for (const other of world.hosts) {
      if (other === host || this.#suspendedLately(other)) continue
      const theirs = this.#leaveOf(other, key)
      if (theirs === undefined) continue
      const detail = `"${key}": token ${leave.token.value}, and ${other.name} with token ${theirs.token.value}`
      this.#findings.fail('one node may act for a key', host.name, detail)
    }
    for (const run of world.collector.executing(key)) {
      if (run.host === host.index || !run.token.safe || world.hosts[run.host] === undefined) continue
      const where = `n${run.host + 1} executes ${run.task} under token ${run.token.value}`
      this.#findings.fail('one node may act for a key', host.name, `"${key}": ${where}`)
    }
  }

  #suspendedLately(host: Host): boolean {
    return this.#cluster.world.now < host.suspendedUntil + this.#cluster.world.exceptSuspendedMs
  }
}
