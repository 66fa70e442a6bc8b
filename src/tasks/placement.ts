/**
 * Which node gets a task that has neither key nor id.
 *
 * Intuition: the ring decides owners from keys, and the key of a task without one is its id; so whoever makes the id
 * chooses the owner. Rule: choose a node, then make ids until one is the node's own: as many tries as there are nodes, on
 * the average. The task is found by its id like any other, its owner dies like any other, and nobody has to remember
 * where it was put. The choice holds for the ring of that moment: when the ring changes the task goes where its id says.
 * Nodes that say that they have no executor for the type are passed over. When no node says that it has one, nobody is:
 * the owner refuses the task, or has just learned to run it.
 * Not taken: a table of who was given what, which would be a second ring that needs takeovers of its own; and a key beside
 * the id, since the same id sent again to another node would then be another task.
 */
import type { NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Metric } from './counts.ts'
import type { Wish } from './spec.ts'
import type { Placement } from './task.ts'

/** No node is given more than so many times the mean of what all have to do, by weight. */
export const BOUND = 1.25
/** Ids made for one task at most: enough for 250 nodes in 99.97 of 100 cases, and 10 ms at worst. */
export const TRIES_MAX = 2_048

/** A node that may own keys, and what it last said of itself. */
export interface Candidate {
  readonly id: NodeId
  /** Its share of the ring relative to the others. */
  readonly weight: number
  /** Attempts that it executes, and tasks that wait there; 0 when it has said nothing. */
  readonly running: number
  readonly queued: number
  /** Attempts that may run there at one time; undefined: it has not said. */
  readonly slots: number | undefined
  /** Shares of CPU time and memory in use there, 0 to 1; undefined: it has not said. */
  readonly cpu: number | undefined
  readonly memory: number | undefined
  /** Executors that it has; undefined: it has not said. */
  readonly types: readonly string[] | undefined
  /** Another value whenever it has spoken: what was given to it before is then in what it says. */
  readonly saidAt: number
}

interface Given {
  saidAt: number
  count: number
}

export interface PlacerParts {
  readonly self: NodeId
  readonly random: Random
  /** All that may own keys, in the order of their names. */
  readonly candidates: () => readonly Candidate[]
  readonly owner: (key: string) => NodeId | undefined
  readonly newId: () => string
}

const PASSED_OVER_HELP =
  'Nodes that were passed over, once for each task placed, because they have no executor for its type.'

export class Placer {
  readonly #parts: PlacerParts
  /** What this node gave to others since they last spoke. */
  readonly #given = new Map<NodeId, Given>()
  /** Who had the last turn, by type. */
  readonly #turns = new Map<string, NodeId>()
  readonly #placed = new Map<Placement, number>()
  #passedOver = 0
  #missed = 0

  constructor(parts: PlacerParts) {
    this.#parts = parts
  }

  /** An id whose owner suits the wish. */
  idFor({ type, placement }: Wish): string {
    const { candidates, newId, owner } = this.#parts
    const all = candidates()
    const able = ableOf(all, type)
    this.#placed.set(placement, (this.#placed.get(placement) ?? 0) + 1)
    this.#passedOver += all.length - able.length
    if (able.length === 0 || (placement === 'ring' && able.length === all.length)) return newId()
    const wanted =
      placement === 'ring' ? new Set(able.map(({ id }) => id)) : this.#choose(able, type, placement)
    for (let tries = 1; ; tries++) {
      const id = newId()
      const found = owner(id)
      const fits = found !== undefined && wanted.has(found)
      if (!fits && tries < TRIES_MAX) continue
      if (!fits) this.#missed++
      if (found !== undefined) this.#give(found, all)
      return id
    }
  }

  metrics(): Metric[] {
    const samples = [...this.#placed].map(([by, value]) => ({ labels: { by }, value }))
    const counter = (name: string, help: string, of: Metric['samples']): Metric => ({
      name,
      help,
      type: 'counter',
      samples: of,
    })
    return [
      counter('placements_total', 'Tasks without key and id that this node placed, by rule.', samples),
      counter('placements_passed_over_total', PASSED_OVER_HELP, [{ value: this.#passedOver }]),
      counter(
        'placements_missed_total',
        `Of these tasks, those for whose node no id was found in ${TRIES_MAX} tries.`,
        [{ value: this.#missed }],
      ),
    ]
  }

  #choose(
    able: readonly Candidate[],
    type: string,
    placement: Exclude<Placement, 'ring'>,
  ): ReadonlySet<NodeId> {
    const chosen = {
      random: () => this.#any(able),
      weighted: () => this.#byWeight(able),
      round_robin: () => this.#next(able, type),
      least_load: () => this.#lessLoaded(able),
      local: () => this.#here(able) ?? this.#lessLoaded(able),
    }[placement]()
    return new Set([chosen.id])
  }

  #any(able: readonly Candidate[]): Candidate {
    return this.#parts.random.pick(able) as Candidate
  }

  #byWeight(able: readonly Candidate[]): Candidate {
    let left = this.#parts.random.between(
      0,
      sumOf(able, ({ weight }) => weight),
    )
    for (const candidate of able) {
      left -= candidate.weight
      if (left < 0) return candidate
    }
    return able.at(-1) as Candidate
  }

  /** The one whose name follows; names may come and go between two turns. */
  #next(able: readonly Candidate[], type: string): Candidate {
    const last = this.#turns.get(type)
    const next = able.find(({ id }) => last === undefined || id > last) ?? (able[0] as Candidate)
    if (last !== undefined || this.#turns.size < TURNS_MAX) this.#turns.set(type, next.id)
    return next
  }

  /** This node, unless it has no executor for it or too much to do. */
  #here(able: readonly Candidate[]): Candidate | undefined {
    const self = able.find(({ id }) => id === this.#parts.self)
    if (self === undefined) return undefined
    const isFree = self.slots !== undefined && this.#work(self) < self.slots
    return isFree || this.#isBelow(able)(self) ? self : undefined
  }

  /** Would it be within the bound with one more? */
  #isBelow(able: readonly Candidate[]): (candidate: Candidate) => boolean {
    const total = sumOf(able, candidate => this.#work(candidate)) + 1
    const weights = sumOf(able, ({ weight }) => weight)
    return candidate => this.#work(candidate) + 1 <= Math.ceil((BOUND * total * candidate.weight) / weights)
  }

  /**
   * Of two drawn from those below the bound, the less loaded one. What nodes say is a second old, and each node that
   * submits looks at the same: if all chose the very least loaded, they would bury it until it spoke again.
   */
  #lessLoaded(able: readonly Candidate[]): Candidate {
    const below = able.filter(this.#isBelow(able))
    const free = below.length > 0 ? below : able
    const one = this.#any(free)
    const rest = free.filter(candidate => candidate !== one)
    if (rest.length === 0) return one
    const other = this.#any(rest)
    return this.#pressure(other) < this.#pressure(one) ? other : one
  }

  /** Tasks that it has, with those that it was given since it spoke. */
  #work({ id, running, queued, saidAt }: Candidate): number {
    const given = this.#given.get(id)
    return running + queued + (given !== undefined && given.saidAt === saidAt ? given.count : 0)
  }

  /** Work for each slot (for each weight where it has not said how many), and the shares of CPU and memory in use. */
  #pressure(candidate: Candidate): number {
    const { slots, weight, cpu = 0, memory = 0 } = candidate
    return this.#work(candidate) / (slots ?? weight) + cpu + memory
  }

  #give(node: NodeId, all: readonly Candidate[]): void {
    const saidAt = all.find(({ id }) => id === node)?.saidAt
    if (saidAt === undefined) return
    const given = this.#given.get(node)
    if (given === undefined || given.saidAt !== saidAt) this.#given.set(node, { saidAt, count: 1 })
    else given.count++
    if (this.#given.size > 2 * all.length) this.#forgetGone(all)
  }

  #forgetGone(all: readonly Candidate[]): void {
    const ids = new Set(all.map(({ id }) => id))
    for (const id of this.#given.keys()) if (!ids.has(id)) this.#given.delete(id)
  }
}

/** Types whose turns are remembered; of any further one the first node always gets the task. */
const TURNS_MAX = 1_000

/** Those who say that they have an executor for it; where none does, those who have said nothing. */
function ableOf(all: readonly Candidate[], type: string): readonly Candidate[] {
  const saying = all.filter(({ types }) => types?.includes(type))
  return saying.length > 0 ? saying : all.filter(({ types }) => types === undefined)
}

const sumOf = (all: readonly Candidate[], of: (candidate: Candidate) => number): number =>
  all.reduce((sum, candidate) => sum + of(candidate), 0)
