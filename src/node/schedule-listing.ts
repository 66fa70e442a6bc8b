/**
 * Lists the schedules of the whole cluster: asks every living member for those that it owns, and puts the answers together.
 * Who does not answer in time, or is still taking keys over, is named on the page, so that nobody takes it for complete.
 * So is whoever sees another ring: while news of one is under way, the node that loses a schedule may list it no more and the
 * one that gains it not yet, and neither is taking over.
 */
import { assert } from '../base/assert.ts'
import type { NodeId, RequestId } from '../base/ids.ts'
import { after, type Instant, type Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'
import { clockAheadMs } from '../tasks/schedules/clocks.ts'
import type { HeldSchedules } from '../tasks/schedules/held.ts'
import type {
  ScheduleLinkMessage,
  SchedulePage,
  ScheduleQuery,
  SchedulesAsk,
  SchedulesTell,
} from '../tasks/schedules/messages.ts'
import type { Effect } from './machine.ts'

/** Lists that wait for answers; the requests of the faces are bounded too. */
const LISTS_MAX = 256
/** Between two comparisons of clocks while there are no schedules, in ms: a heartbeat's interval. */
const COMPARE_MS = 1_000

/** To a member; see the `send` of the rooms. */
export type ListingEffect =
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: ScheduleLinkMessage }
  | Extract<Effect, { kind: 'reply' }>

type Told = Omit<SchedulesTell, 'type' | 'id'>

interface Asked {
  readonly request: RequestId
  readonly limit: number
  readonly until: Instant
  readonly waiting: Set<NodeId>
  /** What this node has itself comes first. */
  readonly told: Map<NodeId, Told>
}

export class ScheduleListing {
  readonly #membership: Membership
  readonly #schedules: HeldSchedules
  readonly #patienceMs: number
  readonly #asked = new Map<number, Asked>()
  #numbers: number
  #compareAt: Instant = 0 as Instant

  /**
   * @param schedules those that this node holds
   * @param patienceMs how long others may take to answer, in ms
   * @param first a random number, so that answers to an earlier life match nothing
   */
  constructor(membership: Membership, schedules: HeldSchedules, patienceMs: number, first: number) {
    this.#membership = membership
    this.#schedules = schedules
    this.#patienceMs = patienceMs
    this.#numbers = first
  }

  /**
   * Tells the schedules how far this node's wall clock is off; nobody else asks. At each tick while there are some, before they look for
   * slots. While there are none the first may come at any moment, and is judged by it; then as often as clocks are heard of is enough.
   */
  compareClocks(now: Now): void {
    if (!this.#schedules.any && now.mono < this.#compareAt) return
    this.#compareAt = after(now.mono, COMPARE_MS)
    this.#schedules.clockIs(clockAheadMs(this.#membership.heartbeats.clocksAhead(now)))
  }

  /** Answered by one `reply`. */
  list(request: RequestId, query: ScheduleQuery, now: Now): ListingEffect[] {
    if (this.#asked.size >= LISTS_MAX) {
      const detail = `${LISTS_MAX} lists of schedules of this node wait for other nodes`
      const failure = { code: 'OVERLOADED', detail, retryAfterS: 1 } as const
      return [{ kind: 'reply', id: request, reply: { ok: false, failure } }]
    }
    const self = this.#membership.self.id
    const others = [...this.#living()].filter(member => member !== self)
    this.#numbers = (this.#numbers + 1) >>> 0
    const id = this.#numbers
    const told = new Map([[self, this.#schedules.list(query, now)]])
    const until = after(now.mono, this.#patienceMs)
    this.#asked.set(id, { request, limit: query.limit, until, waiting: new Set(others), told })
    const message: SchedulesAsk = { type: 'schedules-ask', id, ...query }
    const sends = others.map((to): ListingEffect => ({ kind: 'send', to, message }))
    return others.length === 0 ? this.#conclude(id) : sends
  }

  hear(from: NodeId, message: ScheduleLinkMessage, now: Now): ListingEffect[] {
    if (message.type === 'schedules-ask') {
      const { id, after: above, limit } = message
      const told = this.#schedules.list({ after: above, limit }, now)
      return [{ kind: 'send', to: from, message: { type: 'schedules-tell', id, ...told } }]
    }
    const { type: _, id, ...told } = message
    const asked = this.#asked.get(id)
    if (asked?.waiting.delete(from) !== true) return []
    asked.told.set(from, told)
    return asked.waiting.size === 0 ? this.#conclude(id) : []
  }

  /** Who is late, or gone, is not waited for. */
  tick(now: Now): ListingEffect[] {
    if (this.#asked.size === 0) return []
    const living = this.#living()
    const over = [...this.#asked].filter(
      ([, { until, waiting }]) => until <= now.mono || ![...waiting].some(member => living.has(member)),
    )
    return over.flatMap(([id]) => this.#conclude(id))
  }

  #living(): ReadonlySet<NodeId> {
    return new Set(this.#membership.roster.living().map(({ record }) => record.id))
  }

  #conclude(id: number): ListingEffect[] {
    const asked = this.#asked.get(id)
    assert(asked, 'a list that is concluded was asked for', { id })
    this.#asked.delete(id)
    return [{ kind: 'reply', id: asked.request, reply: { ok: true, page: pageOf(asked) } }]
  }
}

/**
 * Who told of as many as were asked for may have more, all of them above what it told: the first `limit` of all are certain.
 * @param asked the first who told is the node asked: its ring is the one that counts
 */
export function pageOf(asked: {
  readonly limit: number
  readonly waiting: Iterable<NodeId>
  readonly told: ReadonlyMap<NodeId, Told>
}): SchedulePage {
  const { limit, waiting, told } = asked
  const [own] = told.values()
  const all = [...told].flatMap(([owner, { schedules }]) => schedules.map(each => ({ ...each, owner })))
  const distinct = distinctOf(all)
  const schedules = distinct.slice(0, limit)
  const more = distinct.length > limit || [...told.values()].some(each => each.more)
  const last = schedules.at(-1)
  const isSure = ({ settled, ring }: Told): boolean => settled && ring !== undefined && ring === own?.ring
  const unsettled = [...told].filter(([, each]) => !isSure(each)).map(([member]) => member)
  const unsure = [...waiting, ...unsettled].sort()
  return { schedules, unsure, ...(more && last !== undefined && { next: last.name }) }
}

type Line = SchedulePage['schedules'][number]

/** By name, one of each. Two nodes with two rings may both think that they own it: the one that got further is right. */
export function distinctOf(all: readonly Line[]): readonly Line[] {
  const sorted = [...all].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : further(a, b)))
  return sorted.filter((each, i) => each.name !== sorted[i - 1]?.name)
}

const further = (a: Line, b: Line): number => b.decidedTo - a.decidedTo || (a.owner < b.owner ? -1 : 1)
