/**
 * Cuts a stream of bytes into frames, however the network chopped or glued them. Holds at most one unfinished frame,
 * and knows from its first four bytes whether that one is too large, so memory is bounded before it is spent.
 */
import { HEADER_BYTES } from './codec.ts'
import { LINK_FRAME_BYTES_MAX } from './limits.ts'

export class FrameReader {
  #parts: Uint8Array[] = []
  #bytes = 0
  /** Bytes of the frame under way, its length included; unknown while its length is incomplete. */
  #wanted: number | undefined
  #broken = false

  /**
   * Takes a chunk and hands every frame that is now complete to `onFrame`, without its length. Returns false when a
   * frame announces more than the limit: what follows cannot be cut any more, so the stream must be closed.
   */
  push(chunk: Uint8Array, onFrame: (body: Uint8Array) => void): boolean {
    if (this.#broken) return false
    this.#parts.push(chunk)
    this.#bytes += chunk.byteLength
    while (this.#complete()) onFrame(this.#take())
    return !this.#broken
  }

  #complete(): boolean {
    if (this.#broken || this.#bytes < HEADER_BYTES) return false
    this.#wanted ??= this.#announced()
    if (this.#wanted - HEADER_BYTES > LINK_FRAME_BYTES_MAX) {
      this.#broken = true
      this.#parts = []
      return false
    }
    return this.#bytes >= this.#wanted
  }

  #announced(): number {
    const head = this.#joined()
    return HEADER_BYTES + new DataView(head.buffer, head.byteOffset, HEADER_BYTES).getUint32(0)
  }

  #take(): Uint8Array {
    const wanted = this.#wanted ?? 0
    const all = this.#joined()
    const rest = all.subarray(wanted)
    this.#parts = rest.byteLength === 0 ? [] : [rest]
    this.#bytes = rest.byteLength
    this.#wanted = undefined
    return all.subarray(HEADER_BYTES, wanted)
  }

  /** All that is held as one piece. Joined once for the length and once for the body, so at most twice per frame. */
  #joined(): Uint8Array {
    const [only] = this.#parts
    if (only !== undefined && this.#parts.length === 1) return only
    const all = Buffer.concat(this.#parts, this.#bytes)
    this.#parts = [all]
    return all
  }
}
