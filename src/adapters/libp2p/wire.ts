/**
 * One TCP connection, seen at the socket: who ended it, and was it ever spoken to in our language?
 *
 * libp2p tells that a connection closed but not who did it: a FIN from the remote process, our own close and a close by
 * libp2p itself look the same. "The remote end closed it" is evidence of death here, so it is taken from the socket and
 * from nothing else: a FIN that came before ours, or a reset. ETIMEDOUT, EHOSTUNREACH and our own timeouts say nothing of
 * the remote process.
 *
 * The wire sits in libp2p's connection protector, the only place that sees every raw connection before its handshake.
 * There it also turns strangers away: every peer starts with the same bytes, so HTTP requests and random bytes are cut off
 * at their first packet, not after the timeout of the handshake.
 */
import { Socket } from 'node:net'
import type { ConnectionProtector, MessageStream } from '@libp2p/interface'
import { formatHostPort } from './addresses.ts'
import { corkPerTurn } from './corked-socket.ts'
import type { Strangers } from './strangers.ts'

/**
 * The start of every negotiation, from both ends: each time a length, then the name of its protocol, then that of the one
 * encryption there is. All of it, since whoever has not shown a key yet could go on with names, or with a length that does
 * not end, for as long as a handshake may take, and libp2p reads on in one turn of the event loop for as much as has come.
 */
const GREETING = Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n')

const RESET_CODES = new Set(['ECONNRESET', 'EPIPE'])

export class Wire {
  readonly #socket: Socket
  #ending: 'remote' | 'other' | undefined
  /** Both ends, `address:port`. Taken now: a closed socket does not know them any more. */
  readonly remote: string
  readonly local: string
  /** Became a link; until then an inbound one is a stranger. */
  linked = false
  /** It did not greet: no roundtable daemon, or one with a cluster key where this one has none. */
  foreign = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.remote = placeOf(socket.remoteAddress, socket.remotePort)
    this.local = placeOf(socket.localAddress, socket.localPort)
    corkPerTurn(socket)
    // Before libp2p's own listeners, which tell the rest of the program about the close.
    socket.prependOnceListener('end', () => {
      this.#ending ??= socket.writableEnded || socket.destroyed ? 'other' : 'remote'
    })
    socket.prependOnceListener('error', (error: NodeJS.ErrnoException) => {
      this.#ending ??= RESET_CODES.has(error.code ?? '') ? 'remote' : 'other'
    })
  }

  /** True when the remote end closed or reset the connection, and this end had not begun to. */
  get endedByRemote(): boolean {
    return this.#ending === 'remote'
  }

  /** Bytes that came from the other end. */
  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  /** Cuts the connection when its first bytes are not the greeting. */
  expectGreeting(cut: (error: Error) => void): void {
    let seen = 0
    const check = (chunk: Buffer) => {
      const part = chunk.subarray(0, GREETING.byteLength - seen)
      const fits = part.equals(GREETING.subarray(seen, seen + part.byteLength))
      seen += part.byteLength
      if (fits && seen < GREETING.byteLength) return
      this.#socket.off('data', check)
      if (fits) return
      this.foreign = true
      cut(new Error('the other end does not speak libp2p, or has a cluster key'))
    }
    // Before libp2p sees them: 60 kB of 0xff keep its decoder busy for a third of a second.
    this.#socket.prependListener('data', check)
  }

  onClose(tell: () => void): void {
    this.#socket.once('close', tell)
  }
}

/** An IPv4 address as such, though a socket that listens on `::` writes it as one of IPv6. */
function placeOf(address = '', port = 0): string {
  return formatHostPort(address.replace(/^::ffff:(?=\d+\.)/, ''), port)
}

/** Options that a dial carries down to the protector, to get hold of its wire. */
export interface WireOptions {
  readonly onWire?: (wire: Wire) => void
}

/** Finds the wire of a libp2p connection. Both share the object that holds the times of their life, and nothing else. */
export class Wires {
  readonly #byTimeline = new WeakMap<object, Wire>()
  readonly #strangers: Strangers

  constructor(strangers: Strangers) {
    this.#strangers = strangers
  }

  of(connection: { readonly timeline: object }): Wire | undefined {
    return this.#byTimeline.get(connection.timeline)
  }

  /** @param inner encrypts with the cluster key, when there is one */
  protector(inner: ConnectionProtector | undefined): ConnectionProtector {
    return {
      protect: async (raw, options) => {
        const wire = this.#wireOf(raw)
        if (wire !== undefined)
          this.#watch(wire, raw, inner === undefined, options as WireOptions | undefined)
        return inner === undefined ? raw : await inner.protect(raw, options)
      },
    }
  }

  #wireOf(raw: MessageStream): Wire | undefined {
    if (!('socket' in raw) || !(raw.socket instanceof Socket)) return undefined
    const wire = new Wire(raw.socket)
    this.#byTimeline.set(raw.timeline, wire)
    return wire
  }

  #watch(wire: Wire, raw: MessageStream, greets: boolean, options: WireOptions | undefined): void {
    if (greets) wire.expectGreeting(error => raw.abort(error))
    options?.onWire?.(wire)
    if (raw.direction === 'inbound') this.#strangers.came(wire)
    else this.#strangers.dialled(wire)
  }
}
