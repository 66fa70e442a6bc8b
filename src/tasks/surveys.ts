/**
 * Asks all living nodes the same thing and gathers what they say.
 *
 * Every survey ends: with all answers, or when its time is up, or when those still asked are gone; who did not answer is
 * named, so that a list that misses a node never looks like a whole one.
 */
import { asRequestId, type NodeId, type RequestId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { SurveyAnswer, SurveyQuestion } from './survey.ts'
import type { View } from './view.ts'

/** Surveys under way on one node. Each may gather half a MiB from every node. */
export const SURVEYS_MAX = 64

interface Pending {
  readonly face: RequestId
  readonly kind: SurveyQuestion['kind']
  readonly waiting: Set<NodeId>
  readonly silent: NodeId[]
  readonly answers: { readonly node: NodeId; readonly answer: SurveyAnswer }[]
  readonly deadline: Instant
}

export class Surveys {
  readonly #view: View
  readonly #counters: Counters
  readonly #waitMs: number
  readonly #pending = new Map<RequestId, Pending>()
  readonly #prefix: string
  #numbers = 0

  /** @param random makes ids that an answer to an earlier life of this node does not match */
  constructor(view: View, counters: Counters, waitMs: number, random: Random) {
    this.#view = view
    this.#counters = counters
    this.#waitMs = waitMs
    this.#prefix = random.uint32().toString(36)
  }

  get size(): number {
    return this.#pending.size
  }

  /** @param own this node's own answer */
  ask(face: RequestId, question: SurveyQuestion, own: SurveyAnswer, step: Step): void {
    if (this.#pending.size >= SURVEYS_MAX) {
      const detail = `${SURVEYS_MAX} questions of this node to all others are under way`
      step.surveyed(face, { ok: false, failure: { code: 'OVERLOADED', detail, retryAfterS: 1 } })
      return
    }
    const id = asRequestId(`${this.#prefix}-s${++this.#numbers}`)
    const others = this.#view.others()
    const pending: Pending = {
      face,
      kind: question.kind,
      waiting: new Set(others),
      silent: [],
      answers: [{ node: this.#view.self, answer: own }],
      deadline: after(step.now.mono, this.#waitMs),
    }
    this.#pending.set(id, pending)
    for (const node of others) step.sendAtOnce(node, { type: 'survey', id, question })
    this.#conclude(id, pending, step)
  }

  answered(from: NodeId, id: RequestId, answer: SurveyAnswer, step: Step): void {
    const pending = this.#pending.get(id)
    if (pending === undefined || answer.kind !== pending.kind || !pending.waiting.delete(from)) {
      this.#counters.add('replies_unknown')
      return
    }
    pending.answers.push({ node: from, answer })
    this.#conclude(id, pending, step)
  }

  /** Who is gone does not answer any more. */
  viewChanged(step: Step): void {
    for (const [id, pending] of this.#pending) {
      for (const node of pending.waiting) if (!this.#view.live.has(node)) this.#miss(pending, node)
      this.#conclude(id, pending, step)
    }
  }

  tick(step: Step): void {
    for (const [id, pending] of this.#pending) {
      if (pending.deadline > step.now.mono) return
      for (const node of pending.waiting) this.#miss(pending, node)
      this.#conclude(id, pending, step)
    }
  }

  /** All have the same time limit, so the first is due first. */
  nextWake(): Instant {
    return this.#pending.values().next().value?.deadline ?? NEVER
  }

  #miss(pending: Pending, node: NodeId): void {
    pending.waiting.delete(node)
    pending.silent.push(node)
    this.#counters.add('surveys_unanswered')
  }

  #conclude(id: RequestId, { waiting, face, answers, silent }: Pending, step: Step): void {
    if (waiting.size > 0) return
    this.#pending.delete(id)
    step.surveyed(face, { ok: true, answers, silent })
  }
}
