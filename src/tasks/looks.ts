/**
 * Looking at attempts of other nodes: how far they are, and what they printed last.
 *
 * Nothing of that is in a record. It is in the memory of the node that runs or ran the attempt, so that node is asked, by
 * whoever wants to know, at that moment; this room only carries the question and the answer. A question that nobody
 * answers in time is answered as such: a node may die with it.
 * Not taken: every node telling the holders of a task how far it is. Nearly all of that would be read by nobody.
 */
import { asRequestId, type NodeId, type RequestId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import { type AttemptLook, LOOK_BYTES_MAX, type Look, type LookReply, type LookRequest } from './messages.ts'
import type { View } from './view.ts'

/** A question is given up after this, in ms: whoever looks at a task has its record, and should not wait for the rest. */
export const LOOK_MS = 1_500
/** Questions to other nodes that wait for their answers; more are answered OVERLOADED. */
export const LOOKS_WAITING_MAX = 1_000

interface Waiting {
  readonly face: RequestId
  readonly to: NodeId
  readonly deadline: Instant
}

export class Looks {
  readonly #view: View
  readonly #counters: Counters
  /** In the order in which they run out. */
  readonly #waiting = new Map<RequestId, Waiting>()
  readonly #prefix: string
  #numbers = 0

  /** @param random makes ids that an answer to an earlier life of this node does not match */
  constructor(view: View, counters: Counters, random: Random) {
    this.#view = view
    this.#counters = counters
    this.#prefix = random.uint32().toString(36)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** From a face of this node, about an attempt of another. */
  ask(face: RequestId, { node, task, attempt, logBytes }: LookRequest, step: Step): void {
    if (this.#waiting.size >= LOOKS_WAITING_MAX) {
      const detail = `${LOOKS_WAITING_MAX} questions of this node wait for other nodes`
      step.answer(face, { ok: false, failure: { code: 'OVERLOADED', detail, retryAfterS: 1 } })
    } else if (node === this.#view.self || !this.#view.live.has(node)) this.#giveUp(face, node, 'is gone', step)
    else {
      const id = asRequestId(`${this.#prefix}-${++this.#numbers}`)
      this.#waiting.set(id, { face, to: node, deadline: after(step.now.mono, LOOK_MS) })
      step.sendAtOnce(node, { type: 'look', id, task, attempt, logBytes: Math.min(logBytes, LOOK_BYTES_MAX) })
    }
  }

  /** From another node. What is found comes back by `found`. */
  asked(from: NodeId, look: Look, step: Step): void {
    step.look(from, look)
  }

  found(to: NodeId, id: RequestId, look: AttemptLook | undefined, step: Step): void {
    step.sendAtOnce(to, { type: 'look-reply', id, ...(look && { look }) })
  }

  replied(from: NodeId, { id, look }: LookReply, step: Step): void {
    const waiting = this.#waiting.get(id)
    if (waiting?.to !== from) this.#counters.add('replies_unknown')
    else {
      this.#waiting.delete(id)
      step.answer(waiting.face, { ok: true, ...(look && { look }) })
    }
  }

  tick(step: Step): void {
    for (const [id, { face, to, deadline }] of this.#waiting) {
      if (deadline > step.now.mono) return
      this.#waiting.delete(id)
      this.#giveUp(face, to, `did not answer within ${LOOK_MS} ms`, step)
    }
  }

  nextWake(): Instant {
    return this.#waiting.values().next().value?.deadline ?? NEVER
  }

  #giveUp(face: RequestId, node: NodeId, why: string, step: Step): void {
    const detail = `${node}, which has the attempt, ${why}`
    step.answer(face, { ok: false, failure: { code: 'NODE_UNREACHABLE', detail, retryAfterS: 1 } })
  }
}
