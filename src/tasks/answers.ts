/** What this node says to a question that all are asked. Reads only, but for `purge`. */
import type { Failure } from '../base/errors.ts'
import type { TaskId } from '../base/ids.ts'
import { elapsedMs } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { DrainRate } from './drain-rate.ts'
import type { DroppedEnds } from './dropped-ends.ts'
import type { Step } from './effects.ts'
import { isSettled } from './merge.ts'
import { ownedPage } from './page.ts'
import type { Placing } from './placing.ts'
import type { Records } from './records.ts'
import { leaveNow } from './right.ts'
import type { Running } from './schedule.ts'
import type {
  DeadCopy,
  KeptLetter,
  Ownership,
  SurveyAnswer,
  SurveyQuestion,
  TaskStanding,
  Vitals,
  WorkStats,
} from './survey.ts'
import { type Entry, shownOf, type Table } from './table.ts'
import type { TaskRecord } from './task.ts'
import { type WaitingParts, whyWaiting } from './waiting.ts'

export interface AnswersParts extends WaitingParts {
  readonly table: Table
  readonly records: Records
  readonly placing: Placing
  readonly counters: Counters
  readonly drainRate: DrainRate
  readonly dropped: DroppedEnds
  readonly check: (type: string, payload: unknown) => Failure | undefined
}

type Why = TaskStanding['why'][number]

export class Answers {
  readonly #parts: AnswersParts
  #vitals: Vitals | undefined

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  /** What the machine was measured to do lately. */
  measured(vitals: Vitals): void {
    this.#vitals = vitals
  }

  to(question: SurveyQuestion, step: Step): SurveyAnswer {
    const { table, view } = this.#parts
    switch (question.kind) {
      case 'page':
        return { kind: 'page', ...ownedPage(table, view.self, question), ...this.#ownership() }
      case 'stats': {
        const vitals = this.#vitals && { vitals: this.#vitals }
        return { kind: 'stats', stats: this.stats(), ...vitals, ...this.#ownership() }
      }
      case 'explain': {
        const entry = table.get(question.task)
        return { kind: 'explain', ...(entry && { standing: this.#standing(entry, step) }) }
      }
      case 'purge':
        return { kind: 'purge', ...this.#purge(question.copies, step) }
    }
  }

  #ownership(): Ownership {
    const { view, takeover, placing, phase } = this.#parts
    const settling = phase() === 'closed' || takeover.active || placing.scanning
    return { settling, ...(view.ring && { ring: view.ring.checksum }) }
  }

  stats(): WorkStats {
    const { table, schedule, config, drainRate } = this.#parts
    const { ready, scheduled, retrying, running, succeeded, dead, cancelled } = table.owned
    const queued = ready + scheduled + retrying
    return {
      total: queued + running + succeeded + dead + cancelled,
      queued,
      running,
      done: succeeded,
      failed: dead,
      cancelled,
      workers: config.concurrency,
      busy: schedule.executing,
      claimed: schedule.claimed,
      drainPerS: Math.round(drainRate.perSecond * 10) / 10,
    }
  }

  /** Only what is still the dead letter that was meant: one that was redriven meanwhile stays. */
  #purge(
    copies: readonly DeadCopy[],
    step: Step,
  ): { readonly purged: readonly TaskId[]; readonly kept: readonly KeptLetter[] } {
    const { table, records, counters, dropped } = this.#parts
    const purged: TaskId[] = []
    const kept: KeptLetter[] = []
    for (const copy of copies) {
      const { task } = copy
      const entry = table.get(task)
      if (entry === undefined) continue
      const why = whyKept(entry, copy)
      if (why !== undefined) {
        kept.push({ task, why })
        continue
      }
      if (this.#isSureOf(entry, step)) dropped.note(entry.record)
      records.erase(entry, step)
      purged.push(task)
    }
    if (purged.length > 0) {
      counters.add('tasks_purged', purged.length)
      step.log('info', 'dead-letters-purged', { copies: purged.length })
    }
    return { purged, kept }
  }

  /** As its owner, who would know of another try. Who was away may have an older copy, and bring it. */
  #isSureOf({ key }: Entry, { now }: Step): boolean {
    const { view, right, takeover } = this.#parts
    if (view.owner(key) !== view.self || leaveNow(right, key, now.mono) === undefined) return false
    return !takeover.gates(key)
  }

  #standing(entry: Entry, step: Step): TaskStanding {
    const { key, owner, place } = entry
    const record = shownOf(entry)
    const why = this.#why(entry, step)
    const [first] = why
    return {
      key,
      ...(owner !== undefined && { owner }),
      revision: record.revision,
      state: record.state,
      place,
      why,
      next: first === undefined ? 'nothing is in the way' : NEXT[first.code],
    }
  }

  #why(entry: Entry, step: Step): readonly Why[] {
    const { schedule } = this.#parts
    const record = shownOf(entry)
    if (isSettled(record)) return [{ code: 'settled', text: this.#settledText(entry, record) }]
    if (isSettled(entry.record)) return [ENDING]
    const running = schedule.here.get(entry.id)
    if (running === undefined) {
      const waiting = whyWaiting(entry, this.#parts, step.now.mono)
      if (waiting !== undefined) return [{ code: waiting.code, text: waiting.detail }]
      return [{ code: 'next-in-line', text: 'nothing is in the way' }]
    }
    return [running.ordered ? runs(running, step) : starts(running)]
  }

  /** Where copies are counted a copy may say so before it counts. */
  #settledText({ key, owner }: Entry, record: TaskRecord): string {
    const { view, right } = this.#parts
    const why =
      record.error === undefined ? '' : `: ${record.error.code}: ${record.error.message.slice(0, 200)}`
    const said = `it is ${record.state}${why}`
    if (owner === view.self || right.epochs?.isQuorum(key) !== true) return said
    const who =
      owner === undefined ? 'nobody owns its key now' : `its owner, ${owner}, says whether that counts`
    return `${said}; this is a copy: ${who}`
  }
}

function whyKept({ record, place, lists }: Entry, { revision }: DeadCopy): KeptLetter['why'] | undefined {
  if (record.state !== 'dead' || record.revision > revision) return 'changed'
  if (lists.length > 0) return 'listed'
  return place === 'nowhere' ? undefined : 'stopping'
}

function runs({ entry, attempt, orderedAt, abandoned }: Running, { now }: Step): Why {
  // Written down is not begun: where copies are counted it begins later.
  const ms = orderedAt === undefined ? now.wall - attempt.startedAt : elapsedMs(orderedAt, now.mono)
  const stopping = abandoned ? '; its end was ordered' : ''
  const limit = entry.record.spec.timeoutMs
  const text = `attempt ${attempt.number} has run here for ${Math.max(0, Math.round(ms))} ms, at most ${limit}${stopping}`
  return { code: 'running', text }
}

function starts({ attempt, durable }: Running): Why {
  const until = durable ? 'a worker is free' : 'enough holders have its record on their disks'
  return { code: 'starting', text: `attempt ${attempt.number} is written down and begins when ${until}` }
}

const ENDING: Why = {
  code: 'ending',
  text: 'it has ended; how is told when enough holders have its record on their disks',
}

const NEXT: Readonly<Record<Why['code'], string>> = {
  settled: 'nothing: `retry` orders another try of one that is dead or cancelled',
  running: 'its attempt ends, or is stopped at its time limit',
  ending: 'enough holders have the record of its end',
  starting: 'its attempt begins, or is given back within seconds',
  'next-in-line': 'it starts at once',
  'not-owner': 'its owner runs it',
  'node-not-open': 'the node is ready, or another takes over',
  takeover: 'the others answer what they know of the key',
  'run-at': 'its time comes',
  'retry-pause': 'the pause ends; `retry` ends it now',
  'id-contested': 'the other task of its id is gone there: cancelled or ended, and not kept any more',
  'runs-elsewhere': 'that attempt ends, or its node is found dead',
  'no-leave': 'a quorum of voters grants this node leave to act',
  'no-executor': 'its owner gets such an executor, or another node gets its key',
  'key-order': 'the tasks of its key before it end',
  'key-busy': 'the task of its key that runs ends',
  'type-limit': 'one of its type ends',
  'group-limit': 'one of its group ends',
  'no-claimer': 'a client asks its owner for tasks of its type',
  slots: 'a worker becomes free',
}
