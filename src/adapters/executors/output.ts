/** Keeping what a command prints within a limit, however much it prints and in however small pieces. */
import type { LogTail } from '../../tasks/messages.ts'

/** The first bytes of a stream. */
export class OutputHead {
  readonly #bytesMax: number
  #kept = Buffer.alloc(0)
  #length = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes kept. */
  get length(): number {
    return this.#length
  }

  /** False when the chunk did not fit whole: what fits is kept. */
  append(chunk: Buffer): boolean {
    const taken = Math.min(chunk.length, this.#bytesMax - this.#length)
    this.#grow(this.#length + taken)
    chunk.copy(this.#kept, this.#length, 0, taken)
    this.#length += taken
    return taken === chunk.length
  }

  text(): string {
    return decode(this.#kept.subarray(0, this.#length))
  }

  /** The end of what is kept. */
  end(bytesMax: number): LogTail {
    const from = Math.max(0, this.#length - bytesMax)
    const kept = this.#kept.subarray(from, this.#length)
    const skipped = from > 0 ? splitCharacter(kept) : 0
    return { text: decode(kept.subarray(skipped)), cutBytes: from + skipped }
  }

  /** One growing buffer, not a list of chunks: a million one-byte chunks would cost a hundred times their size. */
  #grow(needed: number): void {
    if (needed <= this.#kept.length) return
    const grown = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(needed, this.#kept.length * 2)))
    this.#kept.copy(grown, 0, 0, this.#length)
    this.#kept = grown
  }
}

/** The last bytes of a stream. */
export class OutputTail {
  readonly #bytesMax: number
  #kept = Buffer.alloc(0)
  #length = 0
  #total = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that came and are no longer kept. */
  get cutBytes(): number {
    return Math.max(0, this.#total - this.#bytesMax)
  }

  append(chunk: Buffer): void {
    if (this.#kept.length === 0) this.#kept = Buffer.allocUnsafe(2 * this.#bytesMax)
    const tail = chunk.subarray(Math.max(0, chunk.length - this.#bytesMax))
    if (this.#length + tail.length > this.#kept.length) this.#slide(this.#bytesMax - tail.length)
    tail.copy(this.#kept, this.#length)
    this.#length += tail.length
    this.#total += chunk.length
  }

  text(): string {
    const from = Math.max(0, this.#length - this.#bytesMax)
    const kept = this.#kept.subarray(from, this.#length)
    return decode(this.cutBytes > 0 ? kept.subarray(splitCharacter(kept)) : kept)
  }

  /** The same as `text`, with what is missing before it. */
  end(): LogTail {
    return { text: this.text(), cutBytes: this.cutBytes }
  }

  /** Makes room: only the last `bytes` stay. */
  #slide(bytes: number): void {
    this.#kept.copyWithin(0, this.#length - bytes, this.#length)
    this.#length = bytes
  }
}

/** How many bytes at the start belong to a character that was cut in two. */
function splitCharacter(bytes: Buffer): number {
  let count = 0
  while (count < 3 && ((bytes[count] ?? 0) & 0xc0) === 0x80) count++
  return count
}

/** Bytes that are not UTF-8 become U+FFFD; a byte order mark stays, as the text is the command's and not ours. */
const decode = (bytes: Buffer): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
