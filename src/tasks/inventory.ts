import type { NodeId, TaskId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { Step } from './effects.ts'
import type { Fences } from './fences.ts'
import { jsonBytes } from './json.ts'
import type { Inventory } from './messages.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from './replication.ts'
import type { Epochs } from './right.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Once an answer has sent this many bytes it pauses, in ms: 50 MB/s, and never a link's queue full. */
const STEP_BYTES_MAX = 1024 * 1024
const PAUSE_MS = 20

interface Answer {
  readonly id: number
  readonly epoch: number
  readonly entries: MapIterator<Entry>
  /** What ran when it was asked, as far as it is still to be told. */
  readonly running: TaskId[]
  /** What the asker owned under all of these is not told. */
  readonly since: readonly Ring[]
  /** The entry that did not fit into the page before. */
  next: Entry | undefined
  dueAt: Instant
}

/** Answers the takeover questions of others, page by page. One answer per asker, so they are bounded by the members. */
export class Inventories {
  readonly #view: View
  readonly #table: Table
  readonly #schedule: Schedule
  readonly #answers = new Map<NodeId, Answer>()
  readonly #counted: { readonly epochs: Epochs; readonly fences: Fences } | undefined

  /** @param counted where copies are counted in quorum mode */
  constructor(
    view: View,
    table: Table,
    schedule: Schedule,
    counted?: { readonly epochs: Epochs; readonly fences: Fences },
  ) {
    this.#counted = counted
    this.#view = view
    this.#table = table
    this.#schedule = schedule
  }

  /** @param settled whether this node knows the owner of each of its records under the current ring */
  asked(from: NodeId, question: Inventory, settled: boolean, step: Step): void {
    const { id, ringChecksum, term, under = [ringChecksum], without = [] } = question
    if (!settled || this.#view.ring?.checksum !== ringChecksum) {
      this.#answers.delete(from)
      disagree(from, id, step)
      return
    }
    const { epoch } = this.#view
    // Behind this on the disk, and so after it, goes the first page.
    if (term !== undefined) this.#counted?.fences.note({ rings: under, owner: from, term, without }, step)
    const begun = this.#answers.get(from)
    if (begun?.id === id && begun.epoch === epoch) return
    const running: TaskId[] = []
    for (const [task, { entry }] of this.#schedule.here) if (entry.owner === from) running.push(task)
    const entries = this.#table.entries()
    const since = this.#ringsOf(question.since ?? [])
    this.#answers.set(from, { id, epoch, entries, running, since, next: undefined, dueAt: step.now.mono })
  }

  /** None when one of them is unknown here: then everything is told. */
  #ringsOf(checksums: readonly string[]): readonly Ring[] {
    const rings = checksums.map(checksum => this.#counted?.epochs.ring(checksum))
    return rings.every(ring => ring !== undefined) ? rings : []
  }

  /** Sends the pages that are due. */
  flush(step: Step): void {
    for (const [from, answer] of this.#answers) {
      if (!this.#view.live.has(from)) this.#answers.delete(from)
      else if (answer.epoch !== this.#view.epoch) {
        this.#answers.delete(from)
        disagree(from, answer.id, step)
      } else if (answer.dueAt <= step.now.mono) this.#continue(from, answer, step)
    }
  }

  nextWake(): Instant {
    let wake = NEVER
    for (const { dueAt } of this.#answers.values()) wake = Math.min(wake, dueAt) as Instant
    return wake
  }

  #continue(from: NodeId, answer: Answer, step: Step): void {
    let left = STEP_BYTES_MAX
    while (left > 0) {
      const { running, records, bytes, done } = nextPage(from, answer)
      left -= bytes
      const page = { type: 'inventory-reply', id: answer.id, agreed: true, records, running, done } as const
      const disk = done ? this.#counted?.epochs.disk : undefined
      step.send(from, disk === undefined ? page : { ...page, disk })
      if (!done) continue
      this.#answers.delete(from)
      return
    }
    answer.dueAt = after(step.now.mono, PAUSE_MS)
  }
}

function disagree(to: NodeId, id: number, step: Step): void {
  step.sendAtOnce(to, { type: 'inventory-reply', id, agreed: false, records: [], running: [], done: true })
}

interface Page {
  readonly running: TaskId[]
  readonly records: TaskRecord[]
  bytes: number
  done: boolean
}

/**
 * Ends before the record that would not fit. One that is larger than a page goes alone, and fits a frame of 1 MiB, since
 * payload and result together are bounded by three quarters of that.
 */
function nextPage(owner: NodeId, answer: Answer): Page {
  const page: Page = { running: [], records: [], bytes: 0, done: false }
  while (page.bytes < BATCH_BYTES_MAX) {
    const task = answer.running.pop()
    if (task === undefined) break
    page.running.push(task)
    page.bytes += jsonBytes(task) + 1
  }
  while (page.records.length < BATCH_RECORDS_MAX) {
    const entry = answer.next ?? answer.entries.next().value
    answer.next = undefined
    if (entry === undefined) return { ...page, done: true }
    const { record } = entry
    if (entry.owner !== owner || record.revision === 0) continue
    const { since } = answer
    if (since.length > 0 && since.every(ring => ring.owner(entry.key) === owner)) continue
    const size = jsonBytes(record) + 1
    if (page.bytes > 0 && page.bytes + size > BATCH_BYTES_MAX) {
      answer.next = entry
      return page
    }
    page.records.push(record)
    page.bytes += size
  }
  return page
}
