/**
 * What this node says to one peer as gossip, over whichever of that peer's connections works. The pipe lives as long as
 * the peer is linked; the stream beneath it may be replaced at any moment, and what is pushed meanwhile waits.
 */
import { RPC } from '@chainsafe/libp2p-gossipsub/message'
import type { Stream } from '@libp2p/interface'
import type { Counters } from './counters.ts'
import { GOSSIP_PROTOCOL, type OutboundPipe } from './gossip-router.ts'
import { CLOSE_MS, GOSSIP_QUEUE_BYTES_MAX, NEGOTIATION_MS, REOPEN_MS } from './limits.ts'
import type { Link } from './link.ts'

export class GossipPipe implements OutboundPipe {
  readonly protocol = GOSSIP_PROTOCOL
  readonly #subscription: Uint8Array
  readonly #counters: Counters
  /** Told when the stream in use ended without this side wanting it. */
  readonly #onLost: () => void
  #stream: Stream | undefined
  #link: Link | undefined
  #opening: Link | undefined
  #held = false
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #closed = false

  constructor(topic: string, counters: Counters, onLost: () => void) {
    this.#subscription = prefixed(RPC.encode({ subscriptions: [{ subscribe: true, topic }], messages: [] }))
    this.#counters = counters
    this.#onLost = onLost
  }

  /** The link whose connection carries the gossip, or is about to. */
  get link(): Link | undefined {
    return this.#opening ?? this.#link
  }

  /** Is there a stream, or one being opened? */
  get carries(): boolean {
    return this.#stream !== undefined || this.#opening !== undefined
  }

  get closed(): boolean {
    return this.#closed
  }

  push(bytes: Uint8Array): void {
    this.pushPrefixed(prefixed(bytes))
  }

  /** Never throws: a peer that does not read loses gossip, which is counted, and nobody else does. */
  pushPrefixed(bytes: Uint8Array): void {
    const stream = this.#stream
    if (stream === undefined || this.#held) this.#wait(bytes)
    else if (stream.writeBufferLength + bytes.byteLength > GOSSIP_QUEUE_BYTES_MAX) {
      this.#drop('gossip-queue-full')
    } else this.#write(stream, bytes)
  }

  /**
   * Opens a stream on this link's connection and then lets go of the old one, in that order, so nothing is lost when both
   * connections work. Resolves false when the link does not take it.
   */
  async use(link: Link): Promise<boolean> {
    if (this.#closed || this.#opening !== undefined) return false
    this.#opening = link
    // What goes out on a connection that the other end is closing may never be read there: it waits for the new one.
    this.#held = this.#link?.usable === false
    try {
      const stream = await link.connection.newStream(GOSSIP_PROTOCOL, {
        signal: AbortSignal.timeout(NEGOTIATION_MS),
      })
      this.#opening = undefined
      this.#held = false
      if (this.#closed) {
        release(stream)
        return false
      }
      this.#switchTo(stream, link)
      return true
    } catch {
      return false // the link is going down or frozen; the next look at this peer tries another
    } finally {
      this.#opening = undefined
      this.#held = false
    }
  }

  close(): Promise<void> {
    this.#closed = true
    this.#waiting = []
    const stream = this.#stream
    this.#stream = undefined
    if (stream !== undefined) release(stream)
    return Promise.resolve()
  }

  #switchTo(stream: Stream, link: Link): void {
    const old = this.#stream
    const openedAt = performance.now()
    this.#stream = stream
    this.#link = link
    // Trap: the other side drops an inbound stream by closing its half and never says so in gossip. Without this the
    // stream looks open for ever and everything sent on it is lost.
    const lost = () => {
      if (this.#stream !== stream) return
      this.#stream = undefined
      release(stream)
      // One that is dropped as soon as it is there waits for the next look instead of spinning.
      if (!this.#closed && performance.now() - openedAt > REOPEN_MS) this.#onLost()
    }
    stream.addEventListener('remoteCloseWrite', lost)
    stream.addEventListener('close', lost)
    this.pushPrefixed(this.#subscription)
    const waiting = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    for (const bytes of waiting) this.pushPrefixed(bytes)
    if (old !== undefined) release(old)
  }

  #write(stream: Stream, bytes: Uint8Array): void {
    try {
      stream.send(bytes)
    } catch {
      this.#drop('gossip-stream-closed') // `onLost` follows and opens another one
    }
  }

  #wait(bytes: Uint8Array): void {
    if (this.#closed) this.#drop('gossip-stream-closed')
    else if (this.#waitingBytes + bytes.byteLength > GOSSIP_QUEUE_BYTES_MAX) this.#drop('gossip-queue-full')
    else {
      this.#waiting.push(bytes)
      this.#waitingBytes += bytes.byteLength
    }
  }

  #drop(reason: string): void {
    this.#counters.add('transport_drops_total', { reason })
  }
}

/** Closes gently. On a dead connection that cannot finish; then the end of the connection finishes it. */
function release(stream: Stream): void {
  stream.close({ signal: AbortSignal.timeout(CLOSE_MS) }).catch(() => undefined) // nothing is lost: it was replaced
}

/** Puts the length in front, as a varint. */
function prefixed(bytes: Uint8Array): Uint8Array {
  const head: number[] = []
  let rest = bytes.byteLength
  while (rest >= 0x80) {
    head.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  head.push(rest)
  return Buffer.concat([Buffer.from(head), bytes])
}
