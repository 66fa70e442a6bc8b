/**
 * One follower of events, as server-sent events on one response.
 *
 * It has no queue: it reads on in the node's one buffer whenever its socket takes more. A follower that reads so slowly
 * that the buffer has dropped something of a type that it wants, or not at all, is told so in a last event and cut off; it
 * may come back with the id of the last event that it has. Owners of followed keys are compared with what was last said, so
 * however often one changes while the socket is full, only where it stands is sent.
 */
import type { ServerResponse } from 'node:http'
import type { OwnerAnswer } from '../../node/status.ts'
import { EVENT_TYPES, type EventLog, type EventType, type NodeEvent } from '../../runtime/events.ts'
import type { NodeFace } from '../../runtime/ports.ts'
import type { EventId, EventQuery } from './event-query.ts'

export interface EventStreamParts {
  readonly events: EventLog
  readonly node: NodeFace
  readonly query: EventQuery
  /** Its head is sent already. */
  readonly out: Pick<ServerResponse, 'write' | 'end' | 'on' | 'destroy'>
  /** Milliseconds of any monotonic clock. */
  readonly clock: () => number
  /** Called once, with why it ended. */
  readonly ended: (why: 'done' | 'cut-off' | 'closed') => void
  /** Called when events were lost before the first one that it gets. */
  readonly gap: () => void
}

interface Gap {
  readonly reason: 'too-old' | 'other-boot' | 'ahead'
  /** Events that are gone, of whatever type, where that is known. */
  readonly lost?: number
  readonly detail?: string
}

const OTHER_BOOT: Gap = {
  reason: 'other-boot',
  detail: 'The node has started anew since; what it saw before is not kept.',
}

const AHEAD: Gap = {
  reason: 'ahead',
  detail: 'The node has not come to an event of this number yet; what it keeps follows from the start.',
}

/** Clients come back after so many ms. */
const RETRY_MS = 1_000
/** What was said last may take so long, in ms, to leave. */
const LINGER_MS = 5_000

export class EventStream {
  readonly #parts: EventStreamParts
  /** Number of the next event to look at. */
  #cursor: number
  /** Where a follower that does not stay ends. */
  readonly #until: number
  /** Which types it wants, and up to which number they were gone when it came. */
  readonly #wanted: ReadonlyMap<EventType, number>
  readonly #owners = new Map<string, string>()
  #lapses = false
  #stuckSince: number | undefined
  #ended = false

  constructor(parts: EventStreamParts) {
    this.#parts = parts
    const { events, out, query } = parts
    this.#until = query.follow ? Number.POSITIVE_INFINITY : events.next
    this.#cursor = query.after === 'start' ? events.first : events.next
    const types = EVENT_TYPES.filter(type => query.types?.has(type) ?? true)
    this.#wanted = new Map(types.map(type => [type, events.goneTo(type)]))
    out.on('drain', () => {
      this.#stuckSince = undefined
      this.lookAtKeys()
      this.pump()
    })
    out.on('close', () => this.#end('closed'))
  }

  start(): void {
    const { events, query } = this.#parts
    // Whoever brings no place gets one at once: it may have to come back before its first event.
    const place = typeof query.after === 'object' ? '' : `id: ${events.idOf(this.#cursor - 1)}\n`
    this.#write(`${place}retry: ${RETRY_MS}\n\n`)
    if (typeof query.after === 'object') this.#resume(query.after)
    this.lookAtKeys()
    this.pump()
  }

  /** Does it follow keys? */
  get watches(): boolean {
    return this.#parts.query.keys.length > 0 && !this.#ended
  }

  /** May one of its keys change without a new version, because a right runs out? */
  get lapses(): boolean {
    return this.#lapses
  }

  /** Since when its socket takes nothing more. */
  get stuckSince(): number | undefined {
    return this.#stuckSince
  }

  /** Sends what there is, as far as the socket takes it. */
  pump(): void {
    const { events } = this.#parts
    // Nothing can go while this runs.
    const missed = this.#missed
    while (!this.#ended && this.#stuckSince === undefined) {
      if (this.#cursor >= this.#until) this.finish()
      else if (this.#cursor >= events.next) return
      else if (missed) this.cutOff('it reads more slowly than events happen')
      else {
        const event = events.from(this.#cursor)
        this.#cursor = event === undefined ? events.next : event.number + 1
        if (event !== undefined && event.number < this.#until && this.#wanted.has(event.type))
          this.#send(event)
      }
    }
  }

  /** Says where its keys stand, as far as that is new. Only what is said binds the node. */
  lookAtKeys(): void {
    const { query, node } = this.#parts
    this.#lapses = false
    for (const key of query.keys) {
      if (this.#ended || this.#stuckSince !== undefined) return
      const seen = node.lookAtOwner(key)
      if (seen.actingForMs !== undefined) this.#lapses = true
      if (this.#owners.get(key) === standingOf(seen)) continue
      const event = this.#owners.has(key) ? 'owner-changed' : 'owner-is'
      const answer = node.owner(key)
      this.#owners.set(key, standingOf(answer))
      const fields = { ...answer, owner: answer.owner ?? null }
      this.#say('owner', { at: Date.now(), type: 'owner', level: 'info', event, fields })
    }
  }

  /**
   * A comment, so that proxies and the client know that the line stands. Its id is that of the last event looked at, or
   * a client that asks for few types would come back with an id so old that it means nothing any more.
   */
  beat(): void {
    const last = this.#parts.events.idOf(this.#cursor - 1)
    if (!this.#ended && this.#stuckSince === undefined) this.#write(`: beat\nid: ${last}\n\n`)
  }

  /** The last word to a follower that cannot be served on. */
  cutOff(reason: string): void {
    const { events } = this.#parts
    const lost = events.goneBetween(this.#cursor, this.#goneTo)
    this.#say('cut-off', { reason, lost, last: events.idOf(this.#cursor - 1) })
    this.#end('cut-off')
  }

  /** Everything asked for is said, or the node stops. */
  finish(reason?: string): void {
    if (reason !== undefined) this.#say('end', { reason })
    this.#end('done')
  }

  #resume(after: EventId): void {
    const { events, gap } = this.#parts
    const lost = this.#lostSince(after)
    if (lost?.reason === 'other-boot' || lost?.reason === 'ahead') this.#cursor = events.first
    else this.#cursor = events.from(after.number + 1)?.number ?? events.next
    if (lost === undefined) return
    gap()
    this.#say('gap', { after: `${after.life}-${after.number}`, ...lost }, events.idOf(this.#cursor - 1))
  }

  /** Why this follower cannot go on where it was; undefined when it can. */
  #lostSince({ life, number }: EventId): Gap | undefined {
    const { events } = this.#parts
    if (life !== events.life) return OTHER_BOOT
    if (number >= events.next) return AHEAD
    const goneTo = this.#goneTo
    return goneTo > number ? { reason: 'too-old', lost: events.goneBetween(number + 1, goneTo) } : undefined
  }

  /** Number of the last event of a type that it wants that is gone. */
  get #goneTo(): number {
    return Math.max(0, ...[...this.#wanted.keys()].map(type => this.#parts.events.goneTo(type)))
  }

  /** Has something gone that it wants, since it came and before it was read? */
  get #missed(): boolean {
    const { events } = this.#parts
    const read = this.#cursor - 1
    return [...this.#wanted].some(([type, before]) => events.goneTo(type) > Math.max(before, read))
  }

  #send({ number, at, type, level, event, fields }: NodeEvent): void {
    this.#say(type, { at, type, level, event, fields }, this.#parts.events.idOf(number))
  }

  #say(name: string, body: object, id?: string): void {
    const head = id === undefined ? '' : `id: ${id}\n`
    this.#write(`${head}event: ${name}\ndata: ${JSON.stringify(body)}\n\n`)
  }

  #write(text: string): void {
    if (this.#ended) return
    if (!this.#parts.out.write(text)) this.#stuckSince ??= this.#parts.clock()
  }

  #end(why: 'done' | 'cut-off' | 'closed'): void {
    if (this.#ended) return
    this.#ended = true
    const { out, ended } = this.#parts
    ended(why)
    if (why === 'closed') return
    const linger = setTimeout(() => out.destroy(), LINGER_MS)
    linger.unref()
    out.on('close', () => clearTimeout(linger))
    out.end()
  }
}

/** What a change of is worth an event. A token of available mode is new at every look and says nothing. */
const standingOf = ({ owner, acting, token }: OwnerAnswer): string =>
  JSON.stringify([owner, acting, token?.safe === true ? token.value : undefined])
