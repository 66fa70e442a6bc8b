import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Lines that wait for a reader who does not read; what comes beyond is dropped and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** How often a full pipe is tried again, in ms. */
const RETRY_MS = 20
/** How long the end of the process may wait for a slow reader, in ms. */
const FLUSH_MS_MAX = 500

const NEWLINE = Buffer.from('\n')

/** All that are open; the last thing a process does is to write out what they hold. */
const writers = new Set<LineWriter>()
const flushAll = (): void => {
  for (const writer of writers) writer.flush()
}

/**
 * Writes lines to a file descriptor at once, so that none is lost when the process dies, and yet never waits for
 * whoever reads them, because a daemon that waits looks dead to its peers.
 *
 * A write to a pipe or terminal blocks when its reader has stopped (Ctrl-S, a pager, a stuck log collector), and the
 * setting that prevents it belongs to whoever else holds the descriptor too. So such a one is opened once more, for
 * this process alone, non-blocking. A socket cannot be; Node's parents hand over non-blocking ones.
 *
 * Roads not taken: pino's own destination waits for ever at exit when the reader is gone, and a write on the thread
 * pool may be cancelled there; its worker thread costs 20 MB.
 */
export class LineWriter {
  readonly #fd: number
  readonly #own: boolean
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #dropped = 0
  /** The last line got out only in part. */
  #torn = false
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(fd: number) {
    const own = openAgain(fd)
    this.#fd = own ?? fd
    this.#own = own !== undefined
    if (writers.size === 0) process.on('exit', flushAll)
    writers.add(this)
  }

  /** Lines that nobody will read: the reader was gone, too slow, or its disk full. */
  get dropped(): number {
    return this.#dropped
  }

  /** Takes one line, newline included. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#closed || this.#waitingBytes + bytes.length > WAITING_BYTES_MAX) {
      this.#dropped++
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#retry === undefined) this.#drain()
  }

  /** Writes out what waits, for at most half a second. */
  flush(): void {
    const until = performance.now() + FLUSH_MS_MAX
    while (!this.#tryAll() && performance.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }

  /** Flushes; takes no more lines. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    this.#dropped += this.#waiting.length
    this.#waiting = []
    clearTimeout(this.#retry)
    writers.delete(this)
    if (writers.size === 0) process.off('exit', flushAll)
    if (this.#own) closeSync(this.#fd)
  }

  #drain(): void {
    this.#retry = undefined
    if (this.#tryAll()) return
    this.#retry = setTimeout(() => this.#drain(), RETRY_MS)
    this.#retry.unref() // the exit hook writes the rest
  }

  /** False when the reader is slow and lines wait. */
  #tryAll(): boolean {
    let next = 0
    try {
      for (const line of this.#waiting) {
        if (!this.#tryLine(line, next)) return false
        next++
      }
      return true
    } finally {
      for (const line of this.#waiting.splice(0, next)) this.#waitingBytes -= line.length
    }
  }

  /** False when the line must wait; the part that is left then takes its place. */
  #tryLine(line: Buffer, place: number): boolean {
    let rest = line
    try {
      if (this.#torn) {
        writeSync(this.#fd, NEWLINE)
        this.#torn = false
      }
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest))
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
        this.#waiting[place] = rest
        this.#waitingBytes -= line.length - rest.length
        return false
      }
      this.#torn ||= rest.length < line.length
      this.#dropped++ // nobody to tell: this is where errors are told
      return true
    }
  }
}

/** The same pipe or terminal with a non-blocking descriptor of our own; undefined where there is no such thing. */
function openAgain(fd: number): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return undefined
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return undefined // no /proc, no reader, or another user's pipe: the descriptor as it is must do
  }
}
