/**
 * yamux that returns credit in larger pieces. It answers every data frame, be it a ping of 30 bytes, with a window update
 * of its own: an encryption and a packet each way for each of our small frames. Here the updates of a stream are held
 * back until they add up to `CREDIT_BYTES`. The other end's window is smaller by at most that, a quarter; the sum is right.
 */
import type { MultiaddrConnection, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { assert } from '../../base/assert.ts'

/** A quarter of the initial window of 256 KiB. */
export const CREDIT_BYTES = 64 * 1024

const WINDOW_UPDATE = 1

/** The header of a yamux frame, as the muxer hands it to `sendFrame`. */
export interface FrameHeader {
  readonly type: number
  /** SYN, ACK, FIN, RST; 0 for a mere update. */
  readonly flag: number
  readonly streamID: number
  readonly length: number
}

export interface FrameSender {
  sendFrame: (header: FrameHeader, data?: unknown) => unknown
}

export function frugalYamux(init: Parameters<typeof yamux>[0]): () => StreamMuxerFactory {
  const factory = yamux(init)()
  return () => ({
    protocol: factory.protocol,
    createStreamMuxer: (connection: MultiaddrConnection) => {
      const muxer = factory.createStreamMuxer(connection)
      holdCredit(muxer as unknown as FrameSender)
      return muxer
    },
  })
}

/** To be called before the muxer has streams: each binds `sendFrame` when it is made. */
export function holdCredit(muxer: FrameSender): void {
  assert(typeof muxer.sendFrame === 'function', 'yamux sends its frames in one place')
  const send = muxer.sendFrame.bind(muxer)
  const held = new Map<number, number>()
  muxer.sendFrame = (header, data) => {
    if (header.type !== WINDOW_UPDATE) return send(header, data)
    const length = (held.get(header.streamID) ?? 0) + header.length
    if (header.flag !== 0) {
      // A stream opens or ends with a flagged update: what was held goes with it, or is of no use any more.
      held.delete(header.streamID)
      return send(header, data)
    }
    if (length < CREDIT_BYTES) {
      held.set(header.streamID, length)
      return true
    }
    held.delete(header.streamID)
    return send({ ...header, length }, data)
  }
}
