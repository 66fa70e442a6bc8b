/**
 * One link: a connection with its one long-lived framed stream. Requests of all kinds share it, told apart by the ids
 * inside them; a stream for each request was measured 7 to 17 times slower.
 *
 * Frames that are sent in one turn of the event loop leave as one write. What the peer does not read waits here, to a
 * limit; above it the link is cut, because a queue that grows is memory for the one and old news for the other.
 */
import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { LinkId, PeerId } from '../../base/ids.ts'
import type { LinkDownCause, LinkMessage } from '../../node/machine.ts'
import { decodeLinkFrame, encodeLinkFrame } from './codec.ts'
import type { Counters } from './counters.ts'
import { FrameReader } from './frame-reader.ts'
import { CLOSE_MS, LINK_QUEUE_BYTES_MAX, ORPHAN_MS } from './limits.ts'
import type { Wire } from './wire.ts'

export interface LinkInit {
  readonly id: LinkId
  readonly peer: PeerId
  readonly connection: Connection
  readonly stream: Stream
  readonly wire: Wire
  /** The address that was dialled, when this side did. */
  readonly dialled: string | undefined
  readonly counters: Counters
  readonly events: LinkEvents
}

export interface LinkEvents {
  /** @param bytes of the frame, as it came */
  frame(link: Link, message: LinkMessage, bytes: number): void
  invalid(link: Link, detail: string): void
  unsent(link: Link, type: string, detail: string): void
  /** The other end has begun to close it: nothing new should go this way. */
  fading(link: Link): void
  down(link: Link, cause: LinkDownCause): void
}

export class Link {
  readonly id: LinkId
  readonly peer: PeerId
  readonly connection: Connection
  readonly dialled: string | undefined
  readonly #stream: Stream
  readonly #wire: Wire
  readonly #counters: Counters
  readonly #events: LinkEvents
  readonly #reader = new FrameReader()
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #closing: Exclude<LinkDownCause, 'remote'> | undefined
  #down = false
  #orphan: NodeJS.Timeout | undefined
  /** The other end has nothing more to say on this link, so it has read everything before it closed its half. */
  readonly #remoteDone = Promise.withResolvers<void>()
  /** When a frame last came in, or the link came up. On the clock of `performance.now()`. */
  heardAt = performance.now()

  constructor(init: LinkInit) {
    this.id = init.id
    this.peer = init.peer
    this.connection = init.connection
    this.dialled = init.dialled
    this.#stream = init.stream
    this.#wire = init.wire
    this.#counters = init.counters
    this.#events = init.events
    init.wire.linked = true
  }

  get closing(): boolean {
    return this.#closing !== undefined || this.#down
  }

  /** Up, and neither end is closing it. */
  get usable(): boolean {
    return !this.closing && this.#orphan === undefined
  }

  silentMs(): number {
    return performance.now() - this.heardAt
  }

  /** Starts to listen. After the `link-up` was told, because frames may be waiting already. */
  open(): void {
    this.connection.addEventListener('close', () => this.#ended())
    this.#stream.addEventListener('remoteCloseWrite', () => this.#orphaned())
    this.#stream.addEventListener('close', () => this.#orphaned())
    this.#stream.addEventListener('message', event => this.#read(event))
    if (this.connection.status !== 'open') this.#ended()
  }

  send(message: LinkMessage): void {
    if (this.closing) {
      this.#drop('link-closing')
      return
    }
    const encoded = encodeLinkFrame(message)
    if (encoded.ok) this.#queue(encoded.bytes)
    else {
      this.#drop(`link-${encoded.reason}`)
      this.#events.unsent(this, message.type, encoded.detail)
    }
  }

  #queue(bytes: Uint8Array): void {
    if (this.#queuedBytes() + bytes.byteLength > LINK_QUEUE_BYTES_MAX) {
      this.#drop('link-queue-full')
      this.cut('queue-full')
      return
    }
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush())
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.byteLength
    this.#counters.add('transport_frames_total', { direction: 'out' })
    this.#counters.add('transport_bytes_total', { direction: 'out', kind: 'link' }, bytes.byteLength)
  }

  /** From now on nothing more is sent. The close itself is `finish`. */
  beginClose(): void {
    this.#closing ??= 'local'
  }

  /**
   * Flushes, then closes the connection; ends within so many ms, by force when need be.
   *
   * Trap: closing a socket while the other end still talks makes the kernel answer with a reset, which throws away what
   * the other end has not read yet: the very `leave` that was just sent. So first only the link stream is closed, and
   * the other end closes its half when it has read to the end; the connection goes after that.
   */
  async finish(withinMs = CLOSE_MS): Promise<void> {
    this.beginClose()
    this.#flush()
    const signal = AbortSignal.timeout(withinMs)
    const late = new Promise<'late'>(resolve => {
      signal.addEventListener('abort', () => resolve('late'), { once: true })
    })
    try {
      await this.#stream.close({ signal })
      const ended = await Promise.race([this.#remoteDone.promise, late])
      if (ended === 'late') throw new Error(`not closed within ${withinMs} ms`)
      await this.connection.close({ signal })
    } catch (error) {
      // What is unsent cannot be sent in time: the peer does not read, or the network is gone.
      this.connection.abort(error instanceof Error ? error : new Error(String(error)))
    }
    this.#ended()
  }

  /** Ends the link at once, by our own decision, which says nothing of the remote process. */
  cut(reason: string): void {
    if (this.#down) return
    this.#closing ??= 'error'
    this.#counters.add('transport_links_cut_total', { reason })
    this.connection.abort(new Error(`link cut: ${reason}`))
    this.#ended()
  }

  #queuedBytes(): number {
    return this.#pendingBytes + this.#stream.writeBufferLength
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const [only] = this.#pending
    const all = this.#pending.length === 1 && only !== undefined ? only : Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    try {
      this.#stream.send(all)
    } catch {
      this.#drop('link-closing') // the stream ended a moment ago; `link-down` tells
    }
  }

  #read(event: StreamMessageEvent): void {
    const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
    if (!this.#reader.push(chunk, body => this.#frame(body))) {
      this.#drop('frame-too-large')
      this.#events.invalid(this, 'expected a frame of at most 1 MiB, got a larger one; the link was closed')
      this.cut('frame-too-large')
    }
  }

  #frame(body: Uint8Array): void {
    if (this.#down) return
    this.#counters.add('transport_frames_total', { direction: 'in' })
    this.#counters.add('transport_bytes_total', { direction: 'in', kind: 'link' }, body.byteLength)
    this.heardAt = performance.now()
    const decoded = decodeLinkFrame(body)
    if (decoded.ok) this.#events.frame(this, decoded.message, body.byteLength)
    else {
      this.#drop('frame-invalid')
      this.#events.invalid(this, decoded.detail)
    }
  }

  /** The stream ended and the connection has not, yet: the remote is closing it, or something is broken. */
  #orphaned(): void {
    this.#remoteDone.resolve()
    if (this.#down || this.#closing !== undefined || this.#orphan !== undefined) return
    this.#flush()
    this.#stream.close({ signal: AbortSignal.timeout(CLOSE_MS) }).catch(() => undefined) // then `cut` ends it
    this.#orphan = setTimeout(() => this.cut('stream-ended'), ORPHAN_MS)
    this.#events.fading(this)
  }

  #ended(): void {
    if (this.#down) return
    this.#down = true
    clearTimeout(this.#orphan)
    this.#remoteDone.resolve()
    const seen = this.#wire.endedByRemote ? 'remote' : 'error'
    this.#events.down(this, this.#closing ?? seen)
  }

  #drop(reason: string): void {
    this.#counters.add('transport_drops_total', { reason })
  }
}
