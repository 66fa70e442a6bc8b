/**
 * The end of a process whose disk does not answer.
 *
 * Node.js waits for all of its threads before a process ends, whatever the way: its own end, `process.exit`, an error that
 * nobody caught. The thread of a store may wait in the kernel for a disk that hangs, where nothing in the process can call it
 * back; so the process would stay for ever, after it had left and closed everything. Therefore each thread is asked for a
 * sign of life at the very end, and where none comes the process ends itself, which needs no thread's consent (`endNow`).
 * Nothing is lost by that: what is not on the disk was told to nobody.
 */
import { endNow } from './end-now.ts'

/** How long a thread may take, in ms: a write to a bad disk may be under way. */
const SIGN_MS = 1_000

const DETAIL =
  `the thread that writes to the disk gave no sign for ${SIGN_MS} ms when this process was to end: the disk does not answer. ` +
  'The process kills itself; what was acknowledged is on the disk'

export interface LastSignParts {
  /** 0 until the thread gives its sign. */
  readonly sign: Int32Array<SharedArrayBuffer>
  /** Asks the thread for it. */
  readonly ask: () => void
  /** Told at the end of the process, while log lines are still written out. */
  readonly missing: (detail: string) => void
}

const watched = new Set<LastSignParts>()
let stuck = false

function look(): void {
  for (const { sign, ask, missing } of watched) {
    ask()
    if (Atomics.wait(sign, 0, 0, SIGN_MS) !== 'timed-out') continue
    stuck = true
    missing(DETAIL)
  }
}

const end = (): void => {
  if (stuck) endNow()
}

/**
 * From now on the process ends whether or not this thread does.
 * @returns to be called when the thread has ended; idempotent
 */
export function watchLastSign(parts: LastSignParts): () => void {
  if (watched.size === 0) {
    process.prependListener('exit', look) // before the log writes out what it holds
    process.on('exit', end)
  }
  watched.add(parts)
  return () => {
    if (!watched.delete(parts) || watched.size > 0) return
    process.off('exit', look)
    process.off('exit', end)
  }
}

/** The thread's answer. */
export function giveSign(sign: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(sign, 0, 1)
  Atomics.notify(sign, 0)
}
