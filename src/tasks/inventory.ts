import type { NodeId, TaskId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Step } from './effects.ts'
import { jsonBytes } from './json.ts'
import type { Inventory } from './messages.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from './replication.ts'
import type { Schedule } from './schedule.ts'
import type { Entry, Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'

/** Bytes of one answer per step, and the pause to the next step, in ms: 50 MB/s, and never a link's queue full. */
const STEP_BYTES_MAX = 1024 * 1024
const PAUSE_MS = 20

interface Answer {
  readonly id: number
  readonly epoch: number
  readonly entries: MapIterator<Entry>
  readonly running: readonly TaskId[]
  first: boolean
  dueAt: Instant
}

/** Answers the takeover questions of others, page by page. One answer per asker, so they are bounded by the members. */
export class Inventories {
  readonly #view: View
  readonly #table: Table
  readonly #schedule: Schedule
  readonly #answers = new Map<NodeId, Answer>()

  constructor(view: View, table: Table, schedule: Schedule) {
    this.#view = view
    this.#table = table
    this.#schedule = schedule
  }

  /** @param settled whether this node knows the owner of each of its records under the current ring */
  asked(from: NodeId, { id, ringChecksum }: Inventory, settled: boolean, step: Step): void {
    if (!settled || this.#view.ring?.checksum !== ringChecksum) {
      this.#answers.delete(from)
      disagree(from, id, step)
      return
    }
    const { epoch } = this.#view
    const under = this.#answers.get(from)
    if (under?.id === id && under.epoch === epoch) return
    const running: TaskId[] = []
    for (const [task, { entry }] of this.#schedule.here) if (entry.owner === from) running.push(task)
    const entries = this.#table.entries()
    this.#answers.set(from, { id, epoch, entries, running, first: true, dueAt: step.now.mono })
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
      const page = nextPage(from, answer.entries)
      left -= page.bytes
      const running = answer.first ? answer.running : []
      answer.first = false
      const { records, done } = page
      step.send(from, { type: 'inventory-reply', id: answer.id, agreed: true, records, running, done })
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

/** Ends after the record that fills the page; one frame holds twice that. */
function nextPage(
  owner: NodeId,
  entries: MapIterator<Entry>,
): { records: TaskRecord[]; bytes: number; done: boolean } {
  const records: TaskRecord[] = []
  let bytes = 0
  while (records.length < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX) {
    const next = entries.next()
    if (next.done) return { records, bytes, done: true }
    const { record } = next.value
    if (next.value.owner !== owner || record.revision === 0) continue
    records.push(record)
    bytes += jsonBytes(record)
  }
  return { records, bytes, done: false }
}
