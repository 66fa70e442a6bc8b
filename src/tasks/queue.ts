import { assert } from '../base/assert.ts'
import { Heap, type Slotted } from './heap.ts'
import { type Demand, FREE, type Limits, NO_LIMITS } from './limits.ts'
import type { Priority } from './task.ts'

/** Waiting this long is worth one class of priority. */
export const AGING_MS = 60_000

/** What the queue orders. */
export interface Queued extends Slotted {
  readonly key: string
  /** Lower runs first; see `rankOf`. */
  readonly rank: number
  /** Breaks ties: lower came first. */
  readonly order: number
  /** What it takes up beside its key while it runs. Must not change while it waits or runs. */
  readonly demand?: Demand
}

/** How many wait and how many run, of one type or group. */
export interface Load {
  queued: number
  running: number
}

/** Why something that waits is not the next to run. `slot`: it only waits for its turn. */
export type Obstacle = 'leave' | 'key-order' | 'key-busy' | 'executor' | 'type-limit' | 'group-limit' | 'slot'

/** What stands in a line is ordered by the best it has to offer. */
interface Stander<T> extends Slotted {
  head: T | undefined
}

/** All of one key. */
interface Lane<T extends Queued> extends Stander<T> {
  readonly key: string
  readonly items: Heap<T>
  /** Things of this key that run now, here or elsewhere. */
  busy: number
  /** Of these, how many bear nothing beside them. */
  alone: number
  /** The key may not be acted for. */
  withheld: boolean
  /** Where it stands. */
  line: Line<T> | undefined
}

/** Lanes whose heads are of one type and one group. */
interface Line<T extends Queued> extends Stander<T> {
  readonly board: Board<T>
  readonly group: Group<T>
  readonly lanes: Heap<Lane<T>>
}

/** All of one type. */
interface Board<T extends Queued> extends Stander<T>, Load {
  readonly type: string
  readonly lines: Heap<Line<T>>
}

/** All of one group; '' is what is in none. */
interface Group<T extends Queued> extends Load {
  readonly name: string
  /** By type. */
  readonly lines: Map<string, Line<T>>
}

/**
 * A task's rank never changes while it waits, although it ages: everybody ages at the same pace, so only the
 * difference counts. Priority 3 accepted three intervals before a task of priority 0 ties with it.
 */
export const rankOf = (sinceMs: number, priority: Priority): number => sinceMs + priority * AGING_MS

const before = (a: Queued, b: Queued): boolean => a.rank < b.rank || (a.rank === b.rank && a.order < b.order)

const sooner = <T extends Queued>(a: Stander<T>, b: Stander<T>): boolean => before(a.head as T, b.head as T)

const demandOf = ({ demand }: Queued): Demand => demand ?? FREE

/**
 * What is ready to run, best first: one at a time per key, and never more of a type or group than its limit.
 *
 * Picture a lane per key, each sorted. The heads of the free lanes stand in lines, one for each type and group; the lines
 * whose group is below its limit stand before a board, one for each type; and the boards whose type is below its limit
 * stand at the start. At each place the best head is known, so that taking, adding, removing and freeing cost O(log n),
 * even when 100,000 tasks share one key or wait for one full type: with a single heap every take would have to step over
 * all that may not run. What is full is out of the way as a whole, and so is a lane whose key may not be acted for: it is
 * not looked at again before it is released. What stands in one line goes in order: while the first of a group waits for a
 * limit of its own, the others of its type and group wait behind it, or they could keep it waiting for ever.
 */
export class Queue<T extends Queued> {
  readonly #limits: Limits
  readonly #lanes = new Map<string, Lane<T>>()
  readonly #boards = new Map<string, Board<T>>()
  readonly #groups = new Map<string, Group<T>>()
  readonly #start = new Heap<Board<T>>(sooner)
  #withheld = new Set<Lane<T>>()
  #releasing = new Set<Lane<T>>()
  #size = 0

  constructor(limits: Limits = NO_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  /** Keys of which something waits or runs. */
  get keys(): number {
    return this.#lanes.size
  }

  /** What waits and what runs here, by type. */
  get types(): ReadonlyMap<string, Readonly<Load>> {
    return this.#boards
  }

  /** What waits, and what runs here or elsewhere, by group; '' is what is in none. */
  get groups(): ReadonlyMap<string, Readonly<Load>> {
    return this.#groups
  }

  /** Of these, how many wait in lanes that are withheld. Costs a walk over those. */
  get withheld(): number {
    let size = 0
    for (const lanes of [this.#withheld, this.#releasing]) for (const { items } of lanes) size += items.size
    return size
  }

  add(item: T): void {
    const lane = this.#lane(item.key)
    lane.items.add(item)
    this.#count(item, 1)
    this.#align(lane)
  }

  remove(item: T): void {
    const lane = this.#lane(item.key)
    assert(item.slot >= 0, 'an item that is removed is queued', { key: item.key })
    lane.items.remove(item)
    this.#count(item, -1)
    this.#align(lane)
    this.#tidy(demandOf(item))
  }

  /**
   * The best task that may run; it stays.
   *
   * @param open of a type: may it be taken now, by whoever asks? All when absent
   */
  first(open?: (type: string) => boolean): T | undefined {
    if (open === undefined) return this.#start.first()?.head
    let best: Board<T> | undefined
    for (const board of this.#start.items()) {
      if ((best === undefined || sooner(board, best)) && open(board.type)) best = board
    }
    return best?.head
  }

  /** Keys of which something of this type may run, its limits aside. Costs a walk over the groups of the type. */
  standing(type: string): number {
    let lanes = 0
    for (const line of this.#boards.get(type)?.lines.items() ?? []) lanes += line.lanes.size
    return lanes
  }

  /** Nothing of this key is offered until it is released. */
  withhold(key: string): void {
    const lane = this.#lane(key)
    lane.withheld = true
    this.#withheld.add(lane)
    this.#align(lane)
  }

  /** What is withheld now is to be released by `release`. */
  recall(): void {
    if (this.#releasing.size === 0) [this.#releasing, this.#withheld] = [this.#withheld, this.#releasing]
    for (const lane of this.#withheld) this.#releasing.add(lane)
    this.#withheld.clear()
  }

  /** Offers again what was recalled, `max` keys at most. True when there is more. */
  release(max: number): boolean {
    let released = 0
    for (const lane of this.#releasing) {
      if (released++ === max) return true
      this.#releasing.delete(lane)
      lane.withheld = false
      this.#align(lane)
    }
    return false
  }

  /** The best task that may run. The caller makes its key busy when it runs it. */
  take(): T | undefined {
    const item = this.first()
    if (item !== undefined) this.remove(item)
    return item
  }

  /** One more thing of this key runs: here, or on another node, where it takes up nothing of its type here. */
  block(key: string, demand: Demand = FREE, here = true): void {
    this.#use(this.#lane(key), demand, here, 1)
  }

  /** One thing of this key has ended. Told with the same `demand` and `here` as its beginning. */
  unblock(key: string, demand: Demand = FREE, here = true): void {
    const lane = this.#lane(key)
    assert(lane.busy > 0, 'a key that is freed was busy', { key })
    this.#use(lane, demand, here, -1)
    this.#tidy(demand)
  }

  /** Why this one, which waits here, is not taken at this moment. */
  obstacle(item: T): Obstacle {
    const lane = this.#lane(item.key)
    const { type } = demandOf(item)
    const max = this.#limits.ofType(type)
    if (max === 0) return 'executor'
    if (lane.withheld) return 'leave'
    if (lane.items.first() !== item) return 'key-order'
    if (!mayRun(lane, item)) return 'key-busy'
    const line = this.#line(item)
    if (!this.#admits(line, item)) return 'group-limit'
    return line.board.running >= max ? 'type-limit' : 'slot'
  }

  #lane(key: string): Lane<T> {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      const items = new Heap<T>(before)
      const none = { head: undefined, line: undefined, slot: -1 }
      lane = { key, items, busy: 0, alone: 0, withheld: false, ...none }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #board(type: string): Board<T> {
    let board = this.#boards.get(type)
    if (board === undefined) {
      const lines = new Heap<Line<T>>(sooner)
      board = { type, lines, queued: 0, running: 0, head: undefined, slot: -1 }
      this.#boards.set(type, board)
    }
    return board
  }

  #group(name: string): Group<T> {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { name, lines: new Map(), queued: 0, running: 0 }
      this.#groups.set(name, group)
    }
    return group
  }

  #line(item: T): Line<T> {
    const { type, group: name = '' } = demandOf(item)
    const group = this.#group(name)
    let line = group.lines.get(type)
    if (line === undefined) {
      line = { board: this.#board(type), group, lanes: new Heap<Lane<T>>(sooner), head: undefined, slot: -1 }
      group.lines.set(type, line)
    }
    return line
  }

  #count(item: T, by: 1 | -1): void {
    const { type, group = '' } = demandOf(item)
    this.#size += by
    this.#board(type).queued += by
    this.#group(group).queued += by
  }

  #use(lane: Lane<T>, demand: Demand, here: boolean, by: 1 | -1): void {
    lane.busy += by
    if (demand.concurrent !== true) lane.alone += by
    const board = this.#board(demand.type)
    if (here) board.running += by
    const group = this.#group(demand.group ?? '')
    group.running += by
    this.#align(lane)
    if (group.name !== '') for (const line of group.lines.values()) this.#alignLine(line)
    this.#alignBoard(board)
  }

  /** Puts the lane where it belongs: into the line of its head, off it, or away when it is empty and free. */
  #align(lane: Lane<T>): void {
    const first = lane.withheld ? undefined : lane.items.first()
    const head = first !== undefined && mayRun(lane, first) ? first : undefined
    const line = head === undefined ? undefined : this.#line(head)
    const left = lane.line
    if (left !== undefined && left !== line) {
      stand(left.lanes, lane, undefined)
      this.#alignLine(left)
    }
    lane.line = line
    if (line !== undefined) {
      stand(line.lanes, lane, head)
      this.#alignLine(line)
    }
    if (lane.busy > 0 || lane.items.size > 0) return
    this.#lanes.delete(lane.key)
    this.#withheld.delete(lane)
    this.#releasing.delete(lane)
  }

  #alignLine(line: Line<T>): void {
    const head = line.lanes.first()?.head
    stand(line.board.lines, line, head !== undefined && this.#admits(line, head) ? head : undefined)
    this.#alignBoard(line.board)
  }

  #alignBoard(board: Board<T>): void {
    const isOpen = board.running < this.#limits.ofType(board.type)
    stand(this.#start, board, isOpen ? board.lines.first()?.head : undefined)
  }

  /** Is the group of the line below its limit, as its node and this task set it? */
  #admits({ group }: Line<T>, item: T): boolean {
    if (group.name === '') return true
    const max = Math.min(
      this.#limits.ofGroup(group.name),
      demandOf(item).groupLimit ?? Number.POSITIVE_INFINITY,
    )
    return group.running < max
  }

  /** What nothing waits in or runs in is forgotten. */
  #tidy({ type, group: name = '' }: Demand): void {
    const group = this.#groups.get(name)
    const line = group?.lines.get(type)
    if (line !== undefined && line.lanes.size === 0) group?.lines.delete(type)
    if (group !== undefined && group.queued === 0 && group.running === 0) this.#groups.delete(name)
    const board = this.#boards.get(type)
    if (board !== undefined && board.queued === 0 && board.running === 0) this.#boards.delete(type)
  }
}

/** Does the key bear this one now? One that bears others beside it waits only for those that do not. */
const mayRun = <T extends Queued>(lane: Lane<T>, item: T): boolean =>
  demandOf(item).concurrent === true ? lane.alone === 0 : lane.busy === 0

/** Puts `one` where its head belongs among the others; out of the line when it has none to offer. */
function stand<S extends Stander<unknown>>(line: Heap<S>, one: S, head: S['head']): void {
  const stands = one.slot >= 0
  if (head === undefined) {
    if (stands) line.remove(one)
    one.head = undefined
    return
  }
  one.head = head
  if (stands) line.moved(one)
  else line.add(one)
}
