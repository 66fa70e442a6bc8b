/**
 * Where requests come in, from the faces of this node and from other nodes, and from where they are answered: by this
 * node, by the owner of the key, or by all.
 */
import type { NodeId, RequestId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Instant } from '../base/time.ts'
import { Answers, type AnswersParts } from './answers.ts'
import type { Confirmations } from './confirmations.ts'
import type { Conflicts } from './conflicts.ts'
import type { Copies } from './copies.ts'
import { gauge, type Metric } from './counts.ts'
import { DrainRate } from './drain-rate.ts'
import type { Step } from './effects.ts'
import type { Execution } from './execution.ts'
import type { Forwarding } from './forwarding.ts'
import type { Leftovers } from './leftovers.ts'
import type { TaskLinkMessage, TaskRequest } from './messages.ts'
import { Orders } from './orders.ts'
import type { Replication } from './replication.ts'
import { Requests } from './requests.ts'
import type { HeldSchedules } from './schedules/held.ts'
import type { SurveyQuestion, Vitals } from './survey.ts'
import { Surveys } from './surveys.ts'
import type { Work } from './work.ts'

export type DeskMessage = Extract<
  TaskLinkMessage,
  { readonly type: 'forward' | 'forwards' | 'forward-reply' | 'forward-replies' | 'survey' | 'survey-reply' }
>

export interface DeskParts extends Omit<AnswersParts, 'drainRate'> {
  readonly work: Work
  readonly leftovers: Leftovers
  readonly execution: Execution
  readonly replication: Replication
  readonly confirmations: Confirmations
  readonly conflicts: Conflicts
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
  readonly forwarding: Forwarding
  readonly schedules: HeldSchedules
  readonly random: Random
}

export class Desk {
  readonly #parts: DeskParts
  readonly #forwarding: Forwarding
  readonly #requests: Requests
  readonly #answers: Answers
  readonly #surveys: Surveys
  readonly #drainRate = new DrainRate()

  constructor(parts: DeskParts) {
    const { view, counters, config, random } = parts
    const owner = { ...parts, drainRate: this.#drainRate }
    this.#parts = parts
    this.#forwarding = parts.forwarding
    this.#requests = new Requests({ ...owner, orders: new Orders(parts) })
    this.#answers = new Answers(owner)
    this.#surveys = new Surveys(view, counters, config.forwardMs, random)
  }

  /** From a face of this node; answered by exactly one `reply`. */
  request(id: RequestId, request: TaskRequest, step: Step): void {
    this.#requests.local(id, request, step)
  }

  /** From a face of this node to all nodes; answered by exactly one `surveyed`. */
  survey(id: RequestId, question: SurveyQuestion, step: Step): void {
    this.#surveys.ask(id, question, this.#answers.to(question, step), step)
  }

  measured(vitals: Vitals): void {
    this.#answers.measured(vitals)
  }

  hear(from: NodeId, message: DeskMessage, step: Step): void {
    if (message.type === 'forward') this.#requests.forwarded(from, message, step)
    else if (message.type === 'forwards') {
      for (const forward of message.forwards) this.#requests.forwarded(from, forward, step)
    } else if (message.type === 'forward-reply') {
      this.#forwarding.replied(from, message.id, message.reply, step)
    } else if (message.type === 'forward-replies') {
      for (const { id, reply } of message.replies) this.#forwarding.replied(from, id, reply, step)
    } else if (message.type === 'survey') {
      const answer = this.#answers.to(message.question, step)
      step.answerSurvey(from, { type: 'survey-reply', id: message.id, answer })
    } else this.#surveys.answered(from, message.id, message.answer, step)
  }

  viewChanged(step: Step): void {
    this.#requests.viewChanged(step)
    this.#surveys.viewChanged(step)
  }

  tick(step: Step): void {
    this.#forwarding.tick(step)
    this.#surveys.tick(step)
    this.#drainRate.look(this.#parts.table.ended, step.now.mono)
  }

  /** What may be answered by now. */
  flush(step: Step): void {
    this.#requests.flush(step)
  }

  nextWake(): Instant {
    const { waiters } = this.#parts.records
    return Math.min(this.#forwarding.nextWake(), this.#surveys.nextWake(), waiters.nextWake()) as Instant
  }

  metrics(): Metric[] {
    const { table, config, records } = this.#parts
    return [
      gauge('requests_in_flight_to_peers', 'Requests that wait for another node.', this.#forwarding.size),
      gauge('surveys_in_flight', 'Questions to all nodes that wait for answers.', this.#surveys.size),
      gauge('waiters', 'Requests that wait here for the end of a task.', records.waiters.size),
      gauge('tasks_accepted_waiting', 'Unsettled tasks of the API that this node owns.', table.accepted),
      gauge(
        'tasks_queue_max',
        'How many of those it may own: more are answered QUEUE_FULL.',
        config.queueMax,
      ),
      gauge(
        'tasks_drain_per_s',
        'How many of those end a second, over ten seconds.',
        this.#drainRate.perSecond,
      ),
      gauge('dedupe_keys', 'Dedupe keys that this node remembers.', table.dedupes.size),
    ]
  }
}
