import { closeSync, constants, fstatSync, openSync, writeSync, writevSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Lines that wait for a reader who does not read; what comes beyond is dropped and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** With so much the end of the turn is not waited for. */
const TURN_BYTES_MAX = 64 * 1024
/** Handed over in one call. */
const LINES_AT_ONCE_MAX = 1_000
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
 * Writes lines to a file descriptor, those of one turn of the event loop together at its end, or when the process ends if that
 * is sooner, an uncaught error included: only what kills it in the midst of a turn costs the lines of that turn. It never
 * waits for whoever reads them, because a daemon that waits looks dead to its peers.
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
  /** Of the first that waits a part got out. */
  #begun = false
  /** A line got out only in part, and its rest was dropped. */
  #torn = false
  #due = false
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
    if (this.#retry !== undefined) return
    if (this.#waitingBytes >= TURN_BYTES_MAX) this.#drain()
    if (this.#due || this.#waiting.length === 0) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      if (this.#retry === undefined) this.#drain()
    })
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
    while (this.#waiting.length > 0) {
      try {
        if (this.#torn) writeSync(this.#fd, NEWLINE)
        this.#torn = false
        this.#written(writevSync(this.#fd, this.#waiting.slice(0, LINES_AT_ONCE_MAX)))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return false
        this.#dropFirst() // nobody to tell: this is where errors are told
      }
    }
    return true
  }

  /** So much got out, mostly whole lines; the rest of the last one waits in its place. */
  #written(bytes: number): void {
    let left = bytes
    let lines = 0
    for (const { length } of this.#waiting) {
      if (length > left) break
      left -= length
      lines++
    }
    this.#waiting.splice(0, lines)
    this.#waitingBytes -= bytes
    const [first] = this.#waiting
    this.#begun = left > 0 || (lines === 0 && this.#begun)
    if (left > 0 && first !== undefined) this.#waiting[0] = first.subarray(left)
  }

  #dropFirst(): void {
    this.#waitingBytes -= this.#waiting.shift()?.length ?? 0
    this.#dropped++
    this.#torn ||= this.#begun
    this.#begun = false
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
