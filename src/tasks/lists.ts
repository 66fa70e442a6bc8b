import type { TaskId } from '../base/ids.ts'
import type { Counters } from './counts.ts'
import type { Deadlines } from './deadlines.ts'
import type { Step } from './effects.ts'
import type { Handoffs } from './handoffs.ts'
import type { Schedule } from './schedule.ts'
import { sameSpec } from './spec.ts'
import type { Entry, Table } from './table.ts'
import type { TaskSpec } from './task.ts'
import { LISTED_MAX } from './task-list.ts'
import { freshRecord } from './transition.ts'

/** Characters of a list's name that are kept in records. */
const NAME_CHARS_MAX = 200

/** The shared task lists: which tasks each one holds at the moment. */
export class Lists {
  readonly #table: Table
  readonly #schedule: Schedule
  readonly #counters: Counters
  readonly #handoffs: Handoffs
  readonly #deadlines: Deadlines
  readonly #lists = new Map<string, ReadonlySet<TaskId>>()

  constructor(
    table: Table,
    schedule: Schedule,
    counters: Counters,
    handoffs: Handoffs,
    deadlines: Deadlines,
  ) {
    this.#deadlines = deadlines
    this.#table = table
    this.#schedule = schedule
    this.#counters = counters
    this.#handoffs = handoffs
  }

  /** A list was read, for the first time or again. New entries still have to be placed. */
  load(fullName: string, specs: readonly TaskSpec[], step: Step): void {
    const name = fullName.slice(0, NAME_CHARS_MAX)
    const before = this.#lists.get(name) ?? new Set<TaskId>()
    if (this.#table.listed - before.size + specs.length > LISTED_MAX) {
      step.log('error', 'task-list-too-long', { list: name, tasks: specs.length, max: LISTED_MAX })
      return
    }
    const present = new Set<TaskId>()
    for (const spec of specs) if (this.#take(spec, name, step)) present.add(spec.id)
    let forgotten = 0
    for (const id of before) if (!present.has(id) && this.#drop(id, name)) forgotten++
    this.#lists.set(name, present)
    step.log('info', 'task-list-loaded', { list: name, tasks: present.size, forgotten })
  }

  /** False when the id belongs to another task. */
  #take(spec: TaskSpec, name: string, step: Step): boolean {
    const known = this.#table.get(spec.id)
    if (known === undefined || this.#mayReplace(known, spec, name)) {
      if (known !== undefined) this.#forget(known)
      const entry = this.#table.add(freshRecord(spec, `list:${name}`, step.now.wall, [], 0))
      this.#table.setLists(entry, [name])
      return true
    }
    if (!sameSpec(known.record.spec, spec)) {
      this.#counters.add('task_conflicts')
      step.log('warn', 'task-conflict', { task: spec.id, key: spec.key, otherKey: known.key, list: name })
      return false
    }
    if (!known.lists.includes(name)) this.#table.setLists(known, [...known.lists, name])
    return true
  }

  /** An entry that this list alone has and that nobody started takes its new content. */
  #mayReplace(known: Entry, spec: TaskSpec, name: string): boolean {
    const ours = known.record.revision === 0 && known.lists.every(list => list === name)
    return ours && !sameSpec(known.record.spec, spec)
  }

  /** True when the task is forgotten: it was in this list only, and never started. */
  #drop(id: TaskId, name: string): boolean {
    const entry = this.#table.get(id)
    if (entry === undefined) return false
    this.#table.setLists(
      entry,
      entry.lists.filter(list => list !== name),
    )
    if (entry.lists.length > 0 || entry.record.revision > 0) return false
    this.#forget(entry)
    return true
  }

  #forget(entry: Entry): void {
    this.#schedule.clear(entry)
    this.#table.remove(entry)
    this.#deadlines.forget(entry.id)
    this.#handoffs.ended(entry.key, entry.id)
  }
}
