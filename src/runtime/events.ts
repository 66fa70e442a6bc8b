/**
 * What happened on this node lately, for whoever follows it: the core's own log lines, kept for a while and numbered.
 *
 * A line is an event with a name and fields already, so the stream says exactly what the log says, and nothing can be
 * forgotten in one of the two. One bounded buffer serves every follower: each reads on from its own place, so a slow one
 * costs nothing, and one that falls out of the buffer can be told so. Debug lines are left out.
 *
 * The buffer has two shares, since a busy node has thousands of task events a second, and a member that died a minute ago
 * matters more than they: one share for these, one for all the rest. All are numbered in one row, so an old number may be
 * kept while a newer one is gone, and what a follower has missed depends on the types that it wants.
 *
 * Not taken: a queue for every follower. It multiplies the memory by those who read slowest. And a share for each type:
 * the rest is rare enough together.
 */
import type { WallMs } from '../base/time.ts'
import type { LogFields, LogLevel } from '../node/machine.ts'
import type { Metric } from '../node/status.ts'
import { EventShare } from './event-share.ts'
import type { Clock, Logger } from './ports.ts'

/** What an event is about. `node`: this daemon itself. `owner` is made for followers of keys and is not kept. */
export const EVENT_TYPES = ['member', 'ring', 'owner', 'task', 'grant', 'node'] as const
export type EventType = (typeof EVENT_TYPES)[number]

export interface NodeEvent {
  /** Counts from 1 at each boot. */
  readonly number: number
  readonly at: WallMs
  readonly type: EventType
  readonly level: LogLevel
  readonly event: string
  readonly fields: LogFields
}

/** Each holds for the events of tasks, and once more for all others. */
export interface EventLimits {
  /** Events kept; the oldest go first. About a second of a node that runs 5,000 tasks a second, and hours of all else. */
  readonly eventsMax: number
  /** Memory of these together, estimated. */
  readonly bytesMax: number
  /** The fields of a larger one are left out. */
  readonly eventBytesMax: number
}

export const EVENT_LIMITS: EventLimits = {
  eventsMax: 4_096,
  bytesMax: 4 * 1_024 * 1_024,
  eventBytesMax: 16 * 1_024,
}

export class EventLog {
  /** Names the life of this process, and no other: part of every id. */
  readonly life: string
  readonly #limits: EventLimits
  readonly #listeners = new Set<() => void>()
  readonly #tasks: EventShare
  readonly #others: EventShare
  #next = 1
  #cut = 0

  constructor(life: string, limits: Partial<EventLimits> = {}) {
    this.life = life
    this.#limits = { ...EVENT_LIMITS, ...limits }
    this.#tasks = new EventShare(this.#limits)
    this.#others = new EventShare(this.#limits)
  }

  add(level: LogLevel, event: string, fields: LogFields, at: WallMs): void {
    if (level === 'debug') return
    const bytes = bytesOf(fields)
    const tooLarge = bytes > this.#limits.eventBytesMax
    if (tooLarge) this.#cut++
    const kept = tooLarge ? { fieldsLeftOut: true, bytes } : fields
    const size = EVENT_BYTES + 2 * event.length + (tooLarge ? 0 : bytes)
    const type = typeOf(event)
    const share = type === 'task' ? this.#tasks : this.#others
    share.add({ number: this.#next++, at, type, level, event, fields: kept, bytes: size })
    for (const listener of this.#listeners) listener()
  }

  /** Number of the oldest event kept; `next` when there is none. Of those between the two some may be gone. */
  get first(): number {
    return this.from(1)?.number ?? this.#next
  }

  /** Number that the next event will get. */
  get next(): number {
    return this.#next
  }

  /** The event of this number, while it is kept. */
  at(number: number): NodeEvent | undefined {
    const found = this.from(number)
    return found?.number === number ? found : undefined
  }

  /** The oldest event kept that has this number or a higher one. */
  from(number: number): NodeEvent | undefined {
    const [task, other] = [this.#tasks.from(number), this.#others.from(number)]
    if (task === undefined || other === undefined) return task ?? other
    return task.number < other.number ? task : other
  }

  /** Number of the last event of this type that is gone; 0 when none is. */
  goneTo(type: EventType): number {
    return (type === 'task' ? this.#tasks : this.#others).goneTo(type)
  }

  /** How many events of any type are gone, of those from the first of these numbers to the second. */
  goneBetween(first: number, last: number): number {
    const kept = this.#tasks.countBetween(first, last) + this.#others.countBetween(first, last)
    return Math.max(0, last - first + 1 - kept)
  }

  idOf(number: number): string {
    return `${this.life}-${number}`
  }

  /** Is called after each event; returns what ends that. */
  onEvent(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  metrics(): Metric[] {
    const metric = (name: string, help: string, type: Metric['type'], value: number): Metric => ({
      name,
      help,
      type,
      samples: [{ value }],
    })
    const [tasks, others] = [this.#tasks, this.#others]
    return [
      metric('events_total', 'Events since start.', 'counter', this.#next - 1),
      metric('events_kept', 'Events that a follower can still read.', 'gauge', tasks.size + others.size),
      metric('events_kept_bytes', 'Estimated memory of these.', 'gauge', tasks.bytes + others.bytes),
      {
        name: 'events_gone_total',
        help: 'Events that no follower can read any more, by the share of the buffer that they were in.',
        type: 'counter',
        samples: [
          { labels: { share: 'tasks' }, value: tasks.gone },
          { labels: { share: 'others' }, value: others.gone },
        ],
      },
      metric('events_cut_total', 'Events whose fields were too large and left out.', 'counter', this.#cut),
    ]
  }
}

/** A logger that also keeps what it is given as events. */
export function teeLogger(logger: Logger, events: EventLog, clock: Clock): Logger {
  return {
    log(level, event, fields = {}) {
      logger.log(level, event, fields)
      events.add(level, event, fields, clock.now().wall)
    },
  }
}

/** First fitting prefix of an event's name -> what it is about. */
const TYPES: readonly (readonly [prefix: RegExp, type: EventType])[] = [
  [/^(?:task|attempt|takeover|result|schedules?|slot|dead-letters|executor|progress)-/, 'task'],
  [/^(?:ended-copy-dropped|copies-refused|may-have-lost)$/, 'task'],
  [/^(?:ring)-/, 'ring'],
  [/^(?:grant|lease|term|token|voter|promise|fence|acting|right|top|quorum)/, 'grant'],
  [
    /^(?:member|claim|verdict|refuted|seed|peer|join|link|island|node-id|roster|leaving|left|synced|mass)/,
    'member',
  ],
]

export const typeOf = (event: string): EventType =>
  TYPES.find(([prefix]) => prefix.test(event))?.[1] ?? 'node'

/** An event without its texts, roughly. */
const EVENT_BYTES = 200

/** What the fields take in memory, roughly: two bytes a character, as V8 may store them. */
function bytesOf(fields: LogFields): number {
  let bytes = 0
  for (const [name, value] of Object.entries(fields)) {
    bytes += 2 * name.length + 16
    if (typeof value === 'string') bytes += 2 * value.length
    else if (typeof value === 'object' && value !== null) bytes += 2 * JSON.stringify(value).length
  }
  return bytes
}
