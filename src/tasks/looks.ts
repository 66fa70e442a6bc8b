/**
 * Looking at attempts of other nodes: how far they are, and what they printed last.
 *
 * Nothing of that is in a record. It is in the memory of the node that runs or ran the attempt, so that node is asked, by
 * whoever wants to know, at that moment; this machine only carries the question and the answer. A question that nobody
 * answers in time is answered as such: a node may die with it.
 * Not taken: every node telling the holders of a task how far it is. Nearly all of that would be read by nobody.
 */
import type { Failure } from '../base/errors.ts'
import { asRequestId, type NodeId, type RequestId } from '../base/ids.ts'
import { after, type Instant, NEVER, type Now } from '../base/time.ts'
import { gauge, type Metric } from './counts.ts'
import {
  type AttemptLook,
  LOOK_BYTES_MAX,
  type Look,
  type LookAnswer,
  type LookReply,
  type LookRequest,
} from './messages.ts'

/** A question is given up after this, in ms: whoever looks at a task has its record, and should not wait for the rest. */
export const LOOK_MS = 1_500
/** Questions to other nodes that wait for their answers; more are answered OVERLOADED. */
export const LOOKS_WAITING_MAX = 1_000

export type LooksEffect =
  /** To a member; dropped when no link leads there. */
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: Look | LookReply }
  /** What is known of this attempt, of this node? Comes back by `found`. */
  | { readonly kind: 'look'; readonly from: NodeId; readonly look: Look }
  | { readonly kind: 'answer'; readonly id: RequestId; readonly answer: LookAnswer }

interface Waiting {
  readonly face: RequestId
  readonly to: NodeId
  readonly deadline: Instant
}

export class Looks {
  /** In the order in which they run out. */
  readonly #waiting = new Map<RequestId, Waiting>()
  readonly #life: string
  #numbers = 0
  #unknown = 0

  /** @param life of this node: an answer to an earlier one matches nothing */
  constructor(life: number) {
    this.#life = life.toString(36)
  }

  /**
   * From a face of this node, about an attempt of another; answered by exactly one `answer`.
   * @param reachable is that node a living member, other than this one?
   */
  ask(face: RequestId, request: LookRequest, reachable: boolean, now: Now): readonly LooksEffect[] {
    const { node, task, attempt, logBytes } = request
    if (this.#waiting.size >= LOOKS_WAITING_MAX) {
      const detail = `${LOOKS_WAITING_MAX} questions of this node wait for other nodes`
      return [refused(face, { code: 'OVERLOADED', detail, retryAfterS: 1 })]
    }
    if (!reachable) return [unanswered(face, node, 'is gone')]
    const id = asRequestId(`${this.#life}-${++this.#numbers}`)
    this.#waiting.set(id, { face, to: node, deadline: after(now.mono, LOOK_MS) })
    const look: Look = { type: 'look', id, task, attempt, logBytes: Math.min(logBytes, LOOK_BYTES_MAX) }
    return [{ kind: 'send', to: node, message: look }]
  }

  message(from: NodeId, message: Look | LookReply): readonly LooksEffect[] {
    if (message.type === 'look') return [{ kind: 'look', from, look: message }]
    const { id, look } = message
    const waiting = this.#waiting.get(id)
    if (waiting?.to !== from) {
      this.#unknown++
      return []
    }
    this.#waiting.delete(id)
    return [{ kind: 'answer', id: waiting.face, answer: { ok: true, ...(look && { look }) } }]
  }

  /** What an effect `look` found, for the node that asked. */
  found(to: NodeId, id: RequestId, look: AttemptLook | undefined): readonly LooksEffect[] {
    return [{ kind: 'send', to, message: { type: 'look-reply', id, ...(look && { look }) } }]
  }

  tick(now: Now): readonly LooksEffect[] {
    const late: LooksEffect[] = []
    for (const [id, { face, to, deadline }] of this.#waiting) {
      if (deadline > now.mono) break
      this.#waiting.delete(id)
      late.push(unanswered(face, to, `did not answer within ${LOOK_MS} ms`))
    }
    return late
  }

  /** When `tick` is wanted at the latest. */
  nextWake(): Instant {
    return this.#waiting.values().next().value?.deadline ?? NEVER
  }

  metrics(): readonly Metric[] {
    const help = 'Answers about attempts that matched nothing asked.'
    return [
      gauge('looks_in_flight', 'Questions to other nodes about attempts there.', this.#waiting.size),
      { name: 'look_replies_unknown_total', help, type: 'counter', samples: [{ value: this.#unknown }] },
    ]
  }
}

const refused = (id: RequestId, failure: Failure): LooksEffect => ({
  kind: 'answer',
  id,
  answer: { ok: false, failure },
})

const unanswered = (id: RequestId, node: NodeId, why: string): LooksEffect =>
  refused(id, { code: 'NODE_UNREACHABLE', detail: `${node}, which has the attempt, ${why}`, retryAfterS: 1 })
