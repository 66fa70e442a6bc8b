/**
 * An operator who changes the voter list, one voter at a time, whatever the cluster goes through meanwhile: asks any node,
 * asks another one when that one refuses or says nothing, and thinks of the next change when this one is under way.
 */
import { asNodeId, asRequestId, type NodeId, type RequestId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import type { ControlRequest } from '../../src/node/control.ts'
import type { Effect } from '../../src/node/machine.ts'
import type { Cluster } from './cluster.ts'
import { QUIET_MS, type Schedule } from './schedule.ts'
import type { Tally } from './tally.ts'
import type { Host, WorldProbe } from './world.ts'

/** Makes another generator than those of everything else. */
const VOTERS = 0x70_7e
const FIRST_MS = [4_000, 12_000] as const
const PAUSE_MS = [200, 12_000] as const
const AGAIN_MS = [200, 3_000] as const
/** An answer that has not come by then does not come, in ms. */
const SILENCE_MS = 2_000
const TRIES_MAX = 8

type Wish = Extract<ControlRequest, { kind: 'voter-add' | 'voter-remove' }>

export class VoterOperator implements WorldProbe {
  readonly #cluster: Cluster
  readonly #tally: Tally
  readonly #random: Random
  /** No change is asked for later, in virtual ms. */
  readonly #until: number
  /** Voters below which the list is not brought: a quorum of them keeps its disks. */
  readonly #least: number
  readonly #removals = new Set<NodeId>()
  #asked: { readonly id: RequestId; readonly wish: Wish; readonly tries: number } | undefined
  #requests = 0

  constructor(cluster: Cluster, schedule: Schedule, tally: Tally) {
    const { seed, faults, profile, quietAt, endAt, durability } = schedule
    this.#cluster = cluster
    this.#tally = tally
    this.#random = new Random(seed + VOTERS)
    this.#until = profile === 'calm' ? endAt - QUIET_MS : quietAt
    const loses = faults.some(
      fault => fault.kind === 'gone' || (fault.kind === 'start' && fault.disk !== 'kept'),
    )
    this.#least = loses ? 2 * (durability - 1) + 1 : 2
  }

  begin(): void {
    this.#cluster.world.queue.in(this.#random.between(...FIRST_MS), () => this.#think())
  }

  input(): void {}

  effect(_process: unknown, effect: Effect): void {
    if (effect.kind !== 'reply' || effect.id !== this.#asked?.id) return
    const { wish, tries } = this.#asked
    this.#asked = undefined
    this.#tally.count(effect.reply.ok ? `${wish.kind} under way` : `${wish.kind} refused`)
    if (!effect.reply.ok) {
      this.#again(wish, tries)
      return
    }
    if (wish.kind === 'voter-remove') this.#removals.add(wish.node)
    this.#pause()
  }

  broken(): void {}

  note(): void {}

  #pause(): void {
    const { queue } = this.#cluster.world
    const ms = this.#random.between(...PAUSE_MS)
    if (queue.now + ms < this.#until) queue.in(ms, () => this.#think())
  }

  #think(): void {
    const wish = this.#wish()
    if (wish === undefined) this.#pause()
    else this.#ask(wish, 0)
  }

  /** The newest list on any disk says what may be wished for. */
  #wish(): Wish | undefined {
    const list = this.#newest()
    if (list === undefined) return undefined
    const hosts = this.#cluster.world.hosts
    const others = hosts.filter(({ name }) => !list.names.includes(asNodeId(name)))
    for (const node of this.#removals) if (!list.names.includes(node)) this.#removals.delete(node)
    const removable = list.names.length - this.#removals.size > this.#least
    const remove = removable && (others.length === 0 || this.#random.chance(0.5))
    const down = hosts.filter(host => host.process === undefined).map(({ name }) => name)
    const fallen = list.names.filter(name => down.includes(name))
    const of = fallen.length > 0 && this.#random.chance(0.5) ? fallen : list.names
    if (!remove && others.length === 0) return undefined
    const name = remove ? this.#random.pick(of) : this.#random.pick(others)?.name
    if (name === undefined) return undefined
    return { kind: remove ? 'voter-remove' : 'voter-add', node: asNodeId(name) }
  }

  #newest(): VoterList | undefined {
    const lists = this.#cluster.world.hosts.flatMap(({ disk }) => {
      const list = disk.rows('grants').get('voters') as VoterList | undefined
      return list === undefined || list.version === 0 ? [] : [list]
    })
    return lists.sort((a, b) => b.version - a.version)[0]
  }

  #ask(wish: Wish, tries: number): void {
    const { queue, hosts } = this.#cluster.world
    if (queue.now >= this.#until) return
    const host: Host | undefined = this.#random.pick(hosts)
    if (host?.process === undefined) {
      this.#again(wish, tries)
      return
    }
    const id = asRequestId(`v${++this.#requests}`)
    this.#asked = { id, wish, tries }
    this.#cluster.world.note(`${host.name}: ${wish.kind} ${wish.node}`)
    host.process.receive({ kind: 'control', id, request: wish })
    queue.in(SILENCE_MS, () => {
      if (this.#asked?.id !== id) return
      this.#asked = undefined
      this.#again(wish, tries)
    })
  }

  #again(wish: Wish, tries: number): void {
    const ms = this.#random.between(...AGAIN_MS)
    if (tries >= TRIES_MAX) this.#pause()
    else this.#cluster.world.queue.in(ms, () => this.#ask(wish, tries + 1))
  }
}
