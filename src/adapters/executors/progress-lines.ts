/**
 * What a command says of its progress on the file descriptor that `ROUNDTABLE_TASK_PROGRESS_FD` names, one line each:
 *
 *     echo 0.5 >&3                    half of it
 *     echo '3/10 layers' >&3          three of ten, and a note
 *     echo '{"done":3,"total":10,"note":"layers"}' >&3
 *
 * A descriptor of its own, so that neither the result (standard output) nor the log has to be searched for it.
 */
import { type ProgressReport, progressFault, readProgress } from '../../tasks/progress.ts'

/** Number of the descriptor in the command. */
export const PROGRESS_FD = 3

/** Bytes of one line; a longer one is refused. */
const LINE_BYTES_MAX = 2 * 1024

const TOO_LONG = `a line: expected at most ${LINE_BYTES_MAX} bytes, got more`

const PLAIN = /^(?<first>\d+(?:\.\d+)?)(?:\/(?<total>\d+(?:\.\d+)?))?(?:\s+(?<note>.*))?$/s

/** The report that a line holds, or what is wrong with it. */
export function readProgressLine(line: string): ProgressReport | string {
  const read = readProgress(line.startsWith('{') ? parsed(line) : plain(line))
  return read.ok ? read.report : progressFault(read.problems)
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return line
  }
}

function plain(line: string): unknown {
  const { first, total, note } = PLAIN.exec(line)?.groups ?? {}
  if (first === undefined) return line
  const said = note === undefined ? {} : { note }
  return total === undefined
    ? { fraction: Number(first), ...said }
    : { done: Number(first), total: Number(total), ...said }
}

/** Cuts a stream into lines and reads them. Keeps at most one line, however it comes. */
export class ProgressLines {
  readonly #tell: (report: ProgressReport) => void
  readonly #refuse: (fault: string) => void
  #rest = ''
  #skipping = false

  /** @param refuse is told what is wrong with a line */
  constructor(tell: (report: ProgressReport) => void, refuse: (fault: string) => void) {
    this.#tell = tell
    this.#refuse = refuse
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('utf8')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#take(line)
    if (this.#rest.length <= LINE_BYTES_MAX) return
    if (!this.#skipping) this.#refuse(TOO_LONG)
    this.#skipping = true
    this.#rest = ''
  }

  /** A line that was too long has been refused already; this is the end of it. */
  #take(line: string): void {
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    const text = line.trim()
    if (text === '') return
    if (text.length > LINE_BYTES_MAX) {
      this.#refuse(TOO_LONG)
      return
    }
    const read = readProgressLine(text)
    if (typeof read === 'string') this.#refuse(read)
    else this.#tell(read)
  }
}
