/** All followers of events: how many there may be, and what moves them on. */
import type { ServerResponse } from 'node:http'
import type { Metric } from '../../node/status.ts'
import type { EventLog } from '../../runtime/events.ts'
import type { NodeFace } from '../../runtime/ports.ts'
import type { EventQuery } from './event-query.ts'
import { EventStream } from './event-stream.ts'
import type { HttpLimits } from './limits.ts'

/** So many of the largest events are a quarter of the buffer. */
const BURST_MAX = 64

const STOPS = 'the node stops'

export class EventStreams {
  readonly #events: EventLog
  readonly #node: NodeFace
  readonly #limits: HttpLimits
  readonly #streams = new Set<EventStream>()
  readonly #unlisten: () => void
  /** Events since the followers were served last. */
  #unpumped = 0
  #stopped = false
  #beat: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #version = ''
  #refused = 0
  #cutOff = 0
  #gaps = 0

  constructor(events: EventLog, node: NodeFace, limits: HttpLimits) {
    this.#events = events
    this.#node = node
    this.#limits = limits
    this.#unlisten = events.onEvent(() => this.#pumpSoon())
  }

  /** May one more follow? Counts the refusal. */
  admits(): boolean {
    if (this.#streams.size < this.#limits.eventStreamsMax) return true
    this.#refused++
    return false
  }

  /** @param out its head is sent already */
  open(query: EventQuery, out: ServerResponse): void {
    const stream: EventStream = new EventStream({
      events: this.#events,
      node: this.#node,
      query,
      out,
      clock: () => performance.now(),
      gap: () => this.#gaps++,
      ended: why => {
        if (why === 'cut-off') this.#cutOff++
        this.#streams.delete(stream)
        this.#setTimers()
      },
    })
    this.#streams.add(stream)
    this.#setTimers()
    stream.start()
    if (this.#stopped) stream.finish(STOPS)
  }

  /** Ends all of them, and any that is opened later. Idempotent. */
  stop(): void {
    this.#stopped = true
    this.#unlisten()
    for (const stream of [...this.#streams]) {
      stream.pump()
      stream.finish(STOPS)
    }
    this.#setTimers()
  }

  metrics(): readonly Metric[] {
    const metric = (name: string, help: string, type: Metric['type'], value: number): Metric => ({
      name,
      help,
      type,
      samples: [{ value }],
    })
    return [
      metric('event_streams', 'Followers of events now.', 'gauge', this.#streams.size),
      metric(
        'event_streams_refused_total',
        'Followers refused because there were too many.',
        'counter',
        this.#refused,
      ),
      metric('event_streams_cut_off_total', 'Followers that read too slowly.', 'counter', this.#cutOff),
      metric('event_gaps_total', 'Followers that came back too late for some events.', 'counter', this.#gaps),
      ...this.#events.metrics(),
    ]
  }

  /** Events come in bursts: followers are served once for many, but before the buffer could move on past them. */
  #pumpSoon(): void {
    if (this.#streams.size === 0) return
    if (this.#unpumped++ === 0) setImmediate(() => this.#pump())
    else if (this.#unpumped >= BURST_MAX) this.#pump()
  }

  #pump(): void {
    this.#unpumped = 0
    for (const stream of [...this.#streams]) stream.pump()
  }

  /** Timers run only while there is somebody to run for, and keep no process alive. */
  #setTimers(): void {
    const any = this.#streams.size > 0
    const watching = [...this.#streams].some(stream => stream.watches)
    if (any) this.#beat ??= setInterval(() => this.#beatAll(), this.#limits.eventHeartbeatMs).unref()
    else {
      clearInterval(this.#beat)
      this.#beat = undefined
    }
    if (watching) this.#watch ??= setInterval(() => this.#lookAtKeys(), this.#limits.eventWatchMs).unref()
    else {
      clearInterval(this.#watch)
      this.#watch = undefined
    }
  }

  #beatAll(): void {
    const now = performance.now()
    for (const stream of [...this.#streams]) {
      const stuckMs = stream.stuckSince === undefined ? 0 : now - stream.stuckSince
      if (stuckMs >= this.#limits.eventStallMs)
        stream.cutOff(`it has read nothing for ${Math.round(stuckMs)} ms`)
      else stream.beat()
    }
  }

  /** A follower of keys is looked at when the view or the grants changed, or while a right of its may run out. */
  #lookAtKeys(): void {
    const version = this.#node.ownersVersion()
    const changed = version !== this.#version
    this.#version = version
    for (const stream of [...this.#streams]) if (changed || stream.lapses) stream.lookAtKeys()
  }
}
