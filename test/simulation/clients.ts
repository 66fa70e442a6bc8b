/**
 * The applications of a run: they ask what the plan says, ask again elsewhere with the same id until they are told that a
 * task is accepted, as clients do, and wait beside every node for tasks that clients carry out.
 */
import { asRequestId, type NodeId, type RequestId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import type { TaskRequest } from '../../src/tasks/messages.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import type { Cluster } from './cluster.ts'
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'
import type { Tally } from './tally.ts'
import { type Ask, CLAIM_TYPE } from './work.ts'
import type { Host, WorldProbe } from './world.ts'

/** Makes another generator than those of faults and work. */
const CLIENTS = 0xc1_1e
/** Who hears nothing for so long asks again, in ms. */
const SILENCE_MS = 7_000
const TRIES_MAX = 6
/** Clients that wait for tasks ask anew so often, in ms, for so many. */
const OFFER_MS = 500
const PLACES = 3

interface Asked {
  readonly ask: Ask
  readonly host: Host
  readonly tries: number
  readonly at: number
}

export class Clients implements WorldProbe {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #tally: Tally
  readonly #random: Random
  readonly #specs = new Map<number, TaskSpec>()
  readonly #asked = new Map<RequestId, Asked>()
  #requests = 0
  #offers = 0

  constructor(cluster: Cluster, schedule: Schedule, tally: Tally) {
    this.#cluster = cluster
    this.#schedule = schedule
    this.#tally = tally
    this.#random = new Random(schedule.seed + CLIENTS)
  }

  /** Puts all of it into the queue. */
  begin(): void {
    const { queue, hosts } = this.#cluster.world
    const { work, endAt } = this.#schedule
    if (work.specs.length === 0) return
    for (const host of hosts) {
      const again = (): void => {
        this.#offer(host)
        if (queue.now < endAt) queue.in(OFFER_MS, again)
      }
      queue.in(this.#random.between(0, OFFER_MS), again)
    }
  }

  /** False when nothing runs there. */
  ask(host: Host, ask: Ask, tries = 0): boolean {
    const request = this.#requestOf(host, ask)
    const { world } = this.#cluster
    if (host.process === undefined || request === undefined) {
      if (ask.kind === 'submit') this.#askElsewhere({ ask, host, tries, at: world.now })
      return false
    }
    const id = asRequestId(`w${++this.#requests}`)
    this.#asked.set(id, { ask, host, tries, at: world.now })
    world.queue.in(SILENCE_MS, () => this.#silent(id))
    host.process.receive({ kind: 'request', id, request })
    return true
  }

  input(_process: Process, _input: Input): void {}

  effect(_process: Process, effect: Effect): void {
    if (effect.kind !== 'reply') return
    const asked = this.#asked.get(effect.id)
    if (asked === undefined) return
    this.#asked.delete(effect.id)
    const { kind } = asked.ask
    const { reply } = effect
    this.#tally.count(reply.ok ? `${kind} of work answered` : `${kind} of work: ${reply.failure.code}`)
    if (!reply.ok && kind === 'submit' && reply.failure.retryAfterS !== undefined) this.#askElsewhere(asked)
  }

  broken(): void {}

  note(): void {}

  #silent(id: RequestId): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    this.#asked.delete(id)
    if (asked.ask.kind === 'submit') this.#askElsewhere(asked)
  }

  /** Until the faults are over and a little longer: then nobody gives up before the answer. */
  #askElsewhere({ ask, tries }: Asked): void {
    const { queue, hosts } = this.#cluster.world
    if (tries >= TRIES_MAX || queue.now > this.#schedule.quietAt) return
    const host = this.#random.pick(hosts)
    queue.in(this.#random.between(50, 1_500), () => {
      if (host !== undefined) this.ask(host, ask, tries + 1)
    })
  }

  /** Undefined while nobody knows the task. */
  #requestOf(host: Host, ask: Ask): TaskRequest | undefined {
    const spec =
      this.#specs.get(ask.number) ?? (ask.kind === 'submit' ? this.#make(host, ask.number) : undefined)
    if (spec === undefined) return undefined
    const { id: task, key } = spec
    switch (ask.kind) {
      case 'submit':
        return { kind: 'submit', spec }
      case 'get':
        return { kind: 'get', task, ...(ask.waitMs > 0 && { waitMs: ask.waitMs }) }
      case 'retry':
        return { kind: 'retry', task, key }
      case 'cancel': {
        const runsOn = this.#runsOn(host, spec)
        return { kind: 'cancel', task, key, ...(runsOn !== undefined && { runsOn }) }
      }
    }
  }

  /** The face makes the id of a task without a key, so that its owner suits. */
  #make(host: Host, number: number): TaskSpec | undefined {
    const planned = this.#schedule.work.specs[number]
    if (planned === undefined) return undefined
    const { keyless, ...spec } = planned
    const node = this.#cluster.nodeOf(host)
    if (keyless && node === undefined) return undefined
    const { type, placement = 'ring' } = spec
    const id = node?.newTaskId(host.clock.at(this.#cluster.world.now), { type, placement })
    const made = keyless && id !== undefined ? { ...spec, id: id as TaskSpec['id'], key: id } : spec
    this.#specs.set(number, made)
    return made
  }

  /** Who runs it, as far as this node's copy says. */
  #runsOn(host: Host, { id }: TaskSpec): NodeId | undefined {
    return this.#cluster
      .nodeOf(host)
      ?.tasks.get(id)
      ?.attempts.find(({ outcome }) => outcome === undefined)?.node
  }

  #offer(host: Host): void {
    const { process } = host
    if (process === undefined) return
    if (host.offer > 0) process.receive({ kind: 'offer-withdrawn', offer: host.offer })
    host.offer = ++this.#offers
    process.receive({ kind: 'offer', offer: host.offer, types: [CLAIM_TYPE], places: PLACES })
  }
}
