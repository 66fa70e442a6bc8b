/** A connection whose every byte is XORed with the key stream of its direction; nothing else changes. */
import type { AbortOptions, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { KeyStream } from './key-stream.ts'

export interface PrivateConnectionInit {
  readonly raw: MultiaddrConnection
  readonly inbound: KeyStream
  readonly outbound: KeyStream
  /** The connection ends because one of its key streams does. */
  readonly onUsedUp: () => void
}

/** What libp2p hands over to be sent, and hands out as received: one piece, or a list of them. */
interface Pieces extends Iterable<Uint8Array> {
  readonly byteLength: number
  subarray(): Uint8Array
}

export class PrivateConnection extends AbstractMultiaddrConnection {
  readonly #init: PrivateConnectionInit

  constructor(init: PrivateConnectionInit) {
    const { raw } = init
    super({ remoteAddr: raw.remoteAddr, direction: raw.direction, log: raw.log.newScope('cluster-key') })
    this.#init = init
    raw.addEventListener('message', ({ data }) => this.#receive(data instanceof Uint8Array ? [data] : data))
    raw.addEventListener('drain', () => this.onMuxerDrain())
    raw.addEventListener('close', ({ error, local }) => {
      if (error === undefined) this.onTransportClosed()
      else if (local === true) this.abort(error)
      else this.onRemoteReset()
    })
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    await this.#init.raw.close(options)
  }

  override sendData(data: Pieces): SendResult {
    const sentBytes = data.byteLength
    const sealed = this.#init.outbound.xor(data.subarray())
    if (sealed !== 'used-up') return { sentBytes, canSendMore: this.#init.raw.send(sealed) }
    // Not thrown: whoever sends need not know that it was this piece that did not fit.
    this.#endUsedUp()
    return { sentBytes, canSendMore: false }
  }

  override sendReset(error: Error): void {
    this.#init.raw.abort(error)
  }

  override sendPause(): void {
    this.#init.raw.pause()
  }

  override sendResume(): void {
    this.#init.raw.resume()
  }

  /** What a listener throws ends the process, and any stranger can make this one run. */
  #receive(pieces: Iterable<Uint8Array>): void {
    try {
      for (const piece of pieces) {
        const plain = this.#init.inbound.xor(piece)
        if (plain === 'used-up') {
          this.#endUsedUp()
          return
        }
        this.onData(plain)
      }
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #endUsedUp(): void {
    if (this.status !== 'open' && this.status !== 'closing') return
    this.#init.onUsedUp()
    this.abort(new Error('a key stream of this connection is used up'))
  }
}
