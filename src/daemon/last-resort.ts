/**
 * The end of a process in which something hangs.
 *
 * What the kernel was asked for cannot be called off: a look at a file on a disk that does not answer, the address of a name
 * while no name server does. Node.js waits for it in two ways: an open request keeps the event loop, and the thread that waits
 * is joined at the end of the process, whatever the way. So a daemon that was told to end, had left and closed everything
 * would stay for as long as the disk does not answer, and nobody would start it anew. Therefore the process ends itself
 * (`endNow`), for which it needs no thread's consent, once its time is over, and says what it waits for. Nothing is lost by
 * that: what is not on the disk was told to nobody.
 *
 * Not taken: to look at files from a thread of our own. One that hangs keeps the process just as well; and if it were that
 * of the store (`adapters/storage/last-sign.ts`), a configuration on another disk could hold up all writes.
 */
import { endNow } from '../adapters/storage/end-now.ts'
import type { DaemonLogger } from '../adapters/system/logger.ts'

/** What has waited for so long when the process exits would hold it, in ms; what has not is let end in its own way. */
const HANGS_MS = 1_000

interface Wait {
  readonly what: string
  readonly since: number
}

/** Of this process, not of one daemon: that is what they would hold. */
const waits = new Set<Wait>()

/** `call`, which nothing can call off, is named by these words where this process cannot end for it. */
export async function during<T>(what: string, call: Promise<T>): Promise<T> {
  const wait = { what, since: performance.now() }
  waits.add(wait)
  try {
    return await call
  } finally {
    waits.delete(wait)
  }
}

export class LastResort {
  readonly #lines: DaemonLogger
  readonly #ownProcess: boolean
  #timer: NodeJS.Timeout | undefined

  /** @param ownProcess the process is there for this daemon alone, so it may end with it */
  constructor(lines: DaemonLogger, ownProcess: boolean) {
    this.#lines = lines
    this.#ownProcess = ownProcess
    // To be looked at when the process exits, be it long after the daemon is over. A process of others ends in its own way.
    if (ownProcess) process.on('exit', () => this.#atExit())
  }

  /** In so many ms from now the process is gone; what was said before counts no more. Nothing in a process of others. */
  endWithin(ms: number): void {
    if (!this.#ownProcess) return
    clearTimeout(this.#timer)
    // What holds the process holds the event loop as well, and so this timer needs not.
    this.#timer = setTimeout(() => this.#end([...waits], process.getActiveResourcesInfo()), ms).unref()
  }

  /** The event loop is over, or `process.exit` was called: what waits now is joined next. */
  #atExit(): void {
    const hanging = [...waits].filter(({ since }) => performance.now() - since >= HANGS_MS)
    if (hanging.length > 0) this.#end(hanging, [])
  }

  /** @param resources what Node.js says that the event loop is open for */
  #end(hanging: readonly Wait[], resources: readonly string[]): void {
    const why =
      hanging.length > 0
        ? 'what it waits for cannot be called off'
        : 'nothing that it knows of hangs, so it may have had too little of the processor'
    const detail = `this process was to end in time and did not: ${why}. It kills itself; what was acknowledged is on the disk`
    const waitsFor = hanging.map(
      ({ what, since }) => `${what}, for ${Math.round(performance.now() - since)} ms`,
    )
    this.#lines.log('error', 'process-stuck', { waitsFor, resources: [...new Set(resources)], detail })
    this.#lines.flush()
    endNow()
  }
}
