/** What this node says to a question that all are asked. Reads only, but for `purge`. */
import type { Failure } from '../base/errors.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Counters } from './counts.ts'
import type { DrainRate } from './drain-rate.ts'
import type { Step } from './effects.ts'
import { isSettled, lastNumber } from './merge.ts'
import { ownedPage } from './page.ts'
import type { Placing } from './placing.ts'
import type { Records } from './records.ts'
import { leaveNow, type Right } from './right.ts'
import type { Schedule } from './schedule.ts'
import type { DeadCopy, SurveyAnswer, SurveyQuestion, TaskStanding, Vitals, WorkStats } from './survey.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'

/** Tasks of the same key that are looked at to say what is in the way. */
const OF_KEY_MAX = 100

export interface AnswersParts {
  readonly view: View
  readonly table: Table
  readonly schedule: Schedule
  readonly records: Records
  readonly takeover: Takeover
  readonly placing: Placing
  readonly right: Right
  readonly config: TasksConfig
  readonly counters: Counters
  readonly drainRate: DrainRate
  readonly check: (type: string, payload: unknown) => Failure | undefined
  readonly phase: () => 'closed' | 'open' | 'leaving'
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
    const { table, view, takeover, placing } = this.#parts
    switch (question.kind) {
      case 'page': {
        const settling = this.#parts.phase() === 'closed' || takeover.active || placing.scanning
        return { kind: 'page', ...ownedPage(table, view.self, question), settling }
      }
      case 'stats':
        return { kind: 'stats', stats: this.stats(), ...(this.#vitals && { vitals: this.#vitals }) }
      case 'explain': {
        const entry = table.get(question.task)
        return { kind: 'explain', ...(entry && { standing: this.#standing(entry, step) }) }
      }
      case 'purge':
        return { kind: 'purge', purged: this.#purge(question.copies, step) }
    }
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
      busy: schedule.occupied,
      drainPerS: Math.round(drainRate.perSecond * 10) / 10,
    }
  }

  /** Only what is still the dead letter that was meant: one that was redriven meanwhile stays. */
  #purge(copies: readonly DeadCopy[], step: Step): number {
    const { table, records, counters } = this.#parts
    let purged = 0
    for (const { task, revision } of copies) {
      const entry = table.get(task)
      if (entry?.record.state !== 'dead' || entry.record.revision > revision) continue
      if (entry.place !== 'nowhere' || entry.lists.length > 0) continue
      records.erase(entry, step)
      purged++
    }
    if (purged > 0) {
      counters.add('tasks_purged', purged)
      step.log('info', 'dead-letters-purged', { copies: purged })
    }
    return purged
  }

  #standing(entry: Entry, step: Step): TaskStanding {
    const { owner, place, record } = entry
    const why = this.#why(entry, step)
    const [first] = why
    return {
      ...(owner !== undefined && { owner }),
      revision: record.revision,
      state: record.state,
      place,
      why,
      next: first === undefined ? 'nothing is in the way' : NEXT[first.code],
    }
  }

  #why(entry: Entry, step: Step): readonly Why[] {
    const { view, schedule } = this.#parts
    const { record, place, owner } = entry
    if (isSettled(record)) return [{ code: 'settled', text: settledText(entry) }]
    const running = schedule.here.get(entry.id)
    if (running !== undefined) {
      const { number, startedAt } = running.attempt
      const ms = Math.max(0, step.now.wall - startedAt)
      const stopping = running.abandoned ? '; its end was ordered' : ''
      return [
        {
          code: 'running',
          text: `attempt ${number} has run here for ${ms} ms, at most ${record.spec.timeoutMs}${stopping}`,
        },
      ]
    }
    if (owner !== view.self) return [{ code: 'copy', text: `a copy; ${owner ?? 'nobody'} owns the key` }]
    if (place === 'elsewhere') {
      const text = `${schedule.elsewhere.get(entry)} still runs attempt ${lastNumber(record)}`
      return [{ code: 'running-elsewhere', text }]
    }
    return this.#waiting(entry, step.now.mono)
  }

  #waiting(entry: Entry, now: Instant): readonly Why[] {
    const { takeover, right, schedule, config, phase, check } = this.#parts
    const { record, place } = entry
    const why: Why[] = []
    if (phase() !== 'open')
      why.push({ code: 'not-open', text: `this node is ${phase() === 'closed' ? 'joining' : 'leaving'}` })
    if (place === 'gated') {
      const asked = takeover.unanswered.join(', ')
      why.push({
        code: 'taking-over',
        text: asked === '' ? 'a takeover is about to end' : `a takeover waits for ${asked}`,
      })
    }
    if (leaveNow(right, entry.key, now) === undefined)
      why.push({
        code: 'not-acting',
        text: 'this node may not act for the key: no quorum of voters grants it',
      })
    if (place === 'delayed') {
      const ms = Math.max(0, Math.round(elapsedMs(now, entry.dueAt)))
      why.push({
        code: 'pausing',
        text: `attempt ${lastNumber(record)} failed; the next may begin in ${ms} ms`,
      })
    }
    const missing = check(record.spec.type, record.spec.payload)
    if (missing !== undefined)
      why.push({ code: 'executor-missing', text: `${missing.code}: ${missing.detail}` })
    const ahead = this.#ahead(entry)
    if (ahead !== undefined) why.push(ahead)
    if (schedule.occupied >= config.concurrency)
      why.push({
        code: 'workers-busy',
        text: `all ${config.concurrency} workers of this node are busy, and ${schedule.queued} tasks are queued`,
      })
    if (why.length === 0)
      why.push({ code: 'next-in-line', text: `it is queued with ${schedule.queued - 1} others` })
    return why
  }

  /** What of the same key runs, or runs first. */
  #ahead(entry: Entry): Why | undefined {
    const { table, schedule } = this.#parts
    const others = table.ofKey(entry.key, OF_KEY_MAX).filter(other => other !== entry)
    const running = others.find(({ id, place }) => place === 'elsewhere' || schedule.here.has(id))
    if (running !== undefined)
      return { code: 'key-busy', text: `task ${running.id} of the same key runs, and one at a time does` }
    const first = others.filter(({ place, rank, order }) => {
      return place === 'queued' && (rank < entry.rank || (rank === entry.rank && order < entry.order))
    })
    if (first.length === 0 || entry.place !== 'queued') return undefined
    const many = others.length + 1 >= OF_KEY_MAX ? 'at least ' : ''
    return { code: 'key-busy', text: `${many}${first.length} tasks of the same key come first` }
  }
}

const settledText = ({ record }: Entry): string => {
  const why =
    record.error === undefined ? '' : `: ${record.error.code}: ${record.error.message.slice(0, 200)}`
  return `it is ${record.state}${why}`
}

const NEXT: Readonly<Record<Why['code'], string>> = {
  copy: 'its owner runs it',
  settled: 'nothing: `retry` orders another try of one that is dead or cancelled',
  running: 'its attempt ends, or is stopped at its time limit',
  'running-elsewhere': 'that attempt ends, or its node is found dead',
  pausing: 'the pause ends; `retry` ends it now',
  'taking-over': 'the others answer what they know of the key',
  'not-acting': 'a quorum of voters grants this node leave to act',
  'not-open': 'the node is ready, or another takes over',
  'key-busy': 'the tasks of its key before it end',
  'workers-busy': 'a worker becomes free',
  'executor-missing':
    'it fails when its turn comes; the configuration of the node decides which types it runs',
  'next-in-line': 'it starts at once',
}
