/**
 * How daemon and runner talk: frames of a 4-byte big-endian length and that many bytes of JSON, over one socket pair.
 *
 * Node's own IPC channel would do this too, but without a limit on a message, and its `disconnect` cannot be told from
 * a runner that hung up on purpose. Both ends are the same version by construction, so the format carries none.
 */

/**
 * Longest frame, in bytes. The longest message holds 1 MiB of output or of standard input, of which JSON may make six
 * bytes per byte (`\u0000`), plus 64 KiB of environment and as much of arguments and standard error, six times too.
 */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024

const LENGTH_BYTES = 4

/** The other end does not keep to the format; nothing that follows can be trusted. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** @throws FrameError when the message is above `FRAME_BYTES_MAX` */
export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message)
  const length = Buffer.byteLength(text)
  if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes is over ${FRAME_BYTES_MAX}`)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + length)
  frame.writeUInt32BE(length)
  frame.write(text, LENGTH_BYTES)
  return frame
}

/** Cuts a stream of bytes into messages. Keeps at most one frame and one chunk. */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0

  /**
   * The messages that are complete with this chunk.
   * @throws FrameError when a frame is too long or is not JSON
   */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const messages: unknown[] = []
    for (let length = this.#length(); length !== undefined; length = this.#length()) {
      messages.push(parse(this.#take(length)))
    }
    return messages
  }

  /** Length of the body of the next frame when all of it is here. */
  #length(): number | undefined {
    if (this.#bytes < LENGTH_BYTES) return undefined
    if ((this.#chunks[0] as Buffer).length < LENGTH_BYTES) this.#chunks = [Buffer.concat(this.#chunks)]
    const length = (this.#chunks[0] as Buffer).readUInt32BE()
    if (length > FRAME_BYTES_MAX)
      throw new FrameError(`a frame of ${length} bytes is over ${FRAME_BYTES_MAX}`)
    return this.#bytes < LENGTH_BYTES + length ? undefined : length
  }

  #take(length: number): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    const rest = all.subarray(LENGTH_BYTES + length)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#bytes = rest.length
    return all.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch (cause) {
    throw new FrameError('a frame is not JSON', { cause })
  }
}
