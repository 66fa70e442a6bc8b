/**
 * The desks of all attempts that run here, and of those that have ended lately: what `look` answers from.
 *
 * All of it is memory and bounded: by the attempts that run, and for those that have ended by number and by bytes, the
 * oldest first. It says how far a thing is and what it printed last, and nothing depends on it.
 */
import type { TaskId } from '../../base/ids.ts'
import type { Metric } from '../../node/status.ts'
import type { AttemptLook, LogTail } from '../../tasks/messages.ts'
import type { ProgressReport } from '../../tasks/progress.ts'
import { AttemptDesk } from './attempt-desk.ts'

/** Attempts that have ended and can be looked at still. */
export const ENDED_KEPT = 1_000
/** Bytes of what they printed, all together; about 250 attempts that printed as much as is kept of one. */
export const ENDED_LOG_BYTES_MAX = 4 * 1024 * 1024

/** Path of the API under which attempts are reported on from outside. */
export const REPORT_PATH = '/v1/progress/'

export class Desks {
  /** By name; newest last. */
  readonly #running = new Map<string, AttemptDesk>()
  readonly #ended = new Map<string, AttemptDesk>()
  readonly #addresses = new Map<string, AttemptDesk>()
  #endedBytes = 0
  #url: string | undefined
  #reports = 0
  #dropped = 0

  servedAt(url: string): void {
    this.#url = url
  }

  open(task: TaskId, attempt: number): AttemptDesk {
    const desk = new AttemptDesk(task, attempt, address => this.#publish(address, desk))
    this.#running.set(nameOf(task, attempt), desk)
    return desk
  }

  /** Its attempt has ended. */
  close(desk: AttemptDesk): void {
    const name = nameOf(desk.task, desk.attempt)
    if (this.#running.get(name) === desk) this.#running.delete(name)
    if (desk.address !== undefined) this.#addresses.delete(desk.address)
    if (desk.progress === undefined && desk.logBytes === 0) return
    this.#forget(name)
    this.#ended.set(name, desk)
    this.#endedBytes += desk.logBytes
    while (this.#ended.size > ENDED_KEPT || this.#endedBytes > ENDED_LOG_BYTES_MAX) {
      this.#forget(this.#ended.keys().next().value ?? '')
      this.#dropped++
    }
  }

  report(address: string, report: ProgressReport): boolean {
    const desk = this.#addresses.get(address)
    desk?.report(report)
    if (desk !== undefined) this.#reports++
    return desk !== undefined
  }

  async look(task: TaskId, attempt: number, logBytes: number): Promise<AttemptLook | undefined> {
    const name = nameOf(task, attempt)
    const desk = this.#running.get(name) ?? this.#ended.get(name)
    if (desk === undefined) return undefined
    const log = logBytes > 0 ? await desk.log() : undefined
    return {
      running: this.#running.get(name) === desk,
      ...(desk.progress && { progress: desk.progress }),
      ...(log && { stdout: endOf(log.stdout, logBytes), stderr: endOf(log.stderr, logBytes) }),
    }
  }

  metrics(): readonly Metric[] {
    const gauge = { type: 'gauge' } as const
    return [
      {
        ...gauge,
        name: 'attempt_logs_kept',
        help: 'Ended attempts that can be looked at.',
        samples: [{ value: this.#ended.size }],
      },
      {
        ...gauge,
        name: 'attempt_logs_bytes',
        help: 'What these printed, as far as it is kept.',
        samples: [{ value: this.#endedBytes }],
      },
      {
        type: 'counter',
        name: 'attempt_logs_dropped_total',
        help: 'Of these, dropped for newer ones.',
        samples: [{ value: this.#dropped }],
      },
      {
        type: 'counter',
        name: 'progress_reports_total',
        help: 'Reports of progress that came over the API.',
        samples: [{ value: this.#reports }],
      },
    ]
  }

  #publish(address: string, desk: AttemptDesk): string | undefined {
    if (this.#url === undefined) return undefined
    this.#addresses.set(address, desk)
    return `${this.#url}${REPORT_PATH}${address}`
  }

  #forget(name: string): void {
    this.#endedBytes -= this.#ended.get(name)?.logBytes ?? 0
    this.#ended.delete(name)
  }
}

const nameOf = (task: TaskId, attempt: number): string => `${attempt} ${task}`

/** The last bytes of a tail, not beginning inside a character. */
export function endOf(tail: LogTail, bytesMax: number): LogTail {
  const bytes = Buffer.from(tail.text)
  if (bytes.length <= bytesMax) return tail
  let from = bytes.length - bytesMax
  while (from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from++
  return { text: bytes.subarray(from).toString(), cutBytes: tail.cutBytes + from }
}
