import type { Failure } from '../base/errors.ts'
import { type Confirmations, RIGHT_ENDED } from './confirmations.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Leftovers } from './leftovers.ts'
import { isSettled } from './merge.ts'
import { stands } from './naming.ts'
import { answer, answerAtOnce, type Origin, refuse, tell, tellRefusal } from './origin.ts'
import { type Promised, replyOf, type Told } from './promised.ts'
import type { Records } from './records.ts'
import { NOT_ACTING, rivalled, TOO_FEW_COPIES } from './refusals.ts'
import { isLoan, isWrittenUnderHeld, type Leave, leaveNow, type Right } from './right.ts'
import type { HeldSchedules } from './schedules/held.ts'
import { type Entry, shownOf } from './table.ts'
import type { Takeover } from './takeover.ts'
import { revise } from './transition.ts'
import type { View } from './view.ts'

export interface TellingParts {
  readonly view: View
  readonly leftovers: Leftovers
  readonly records: Records
  readonly takeover: Takeover
  readonly confirmations: Confirmations
  readonly right: Right
  readonly schedules: HeldSchedules
  readonly counters: Counters
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
}

/** Says how a task stands, and that what was asked of it is done: each once that is durable, and under the right to say so. */
export class Telling {
  readonly #parts: TellingParts

  constructor(parts: TellingParts) {
    this.#parts = parts
  }

  /**
   * Says that it is done. In quorum mode the right is looked at again when the task is durable.
   * @param holds does the record still say what was ordered? Default: whatever it says
   */
  confirm(origin: Origin, entry: Entry, existed: boolean, leave: Leave, step: Step, holds?: Promised): void {
    if (!isLoan(leave)) answer(origin, this.#replyOf(entry, existed, step), step)
    else if (this.#parts.copies !== undefined && this.isCounted(entry)) {
      this.confirmCounted(origin, entry, existed, step, holds)
    } else
      this.#parts.confirmations.add(
        { origin, key: entry.key, reply: this.#replyOf(entry, existed, step) },
        step,
      )
  }

  /** Says why an order was not obeyed. That tells how the task stands: an end only once it is durable, if it still stands then. */
  decline(origin: Origin, entry: Entry, why: Failure, step: Step): void {
    const { record } = entry
    if (!this.isCounted(entry) || !isSettled(record)) tellRefusal(origin, entry.id, why, step)
    else if (entry.final === record) refuse(origin, why, step)
    else this.confirmCounted(origin, entry, true, step, ({ state }) => state === record.state, why)
  }

  /**
   * Once enough holders have it, and this node may still act then.
   * @param why an order was not obeyed: said then, instead of how the task stands
   */
  confirmCounted(
    origin: Origin,
    entry: Entry,
    existed: boolean,
    step: Step,
    holds?: Promised,
    why?: Failure,
  ): void {
    const { copies, counters, right } = this.#parts
    // Of a shared list, and on every node; nobody has begun it.
    if (entry.record.revision === 0) {
      answer(origin, this.#replyOf(entry, existed, step), step)
      return
    }
    this.#parts.leftovers.vouched(entry)
    this.#ownWords(entry, step)
    const stood = stands(entry, right, step)
    const durable = (count: number, later: Step): void => {
      const acting = leaveNow(right, entry.key, later.now.mono) !== undefined
      const lapsed = stood && !stands(entry, right, later)
      const other = holds?.(entry.record) === false
      if (!acting || lapsed || other || this.#parts.takeover.gates(entry.key)) {
        counters.add('submits_unconfirmed')
        refuse(origin, RIGHT_ENDED, later)
        return
      }
      this.#parts.leftovers.vouched(entry)
      if (why !== undefined) refuse(origin, why, later)
      else answerAtOnce(origin, this.#replyOf(entry, existed, later, count), later)
    }
    const failed = (later: Step): void => {
      counters.add('submits_short')
      const rival = existed ? undefined : copies?.rivalOf(entry)
      refuse(origin, rival === undefined ? TOO_FEW_COPIES : rivalled(entry, rival), later)
    }
    copies?.when(entry, { durable, failed, yields: existed ? undefined : 'to-one' }, step)
  }

  /** How it stands. Where copies are counted its owner says that it ended only once that is durable. */
  tell(origin: Origin, entry: Entry, step: Step): void {
    if (entry.owner === this.#parts.view.self && this.isCounted(entry)) this.#show(origin, entry, step)
    else tell(origin, this.#replyOf(entry, true, step), step)
  }

  /** As its owner, where copies are counted. */
  #show(origin: Origin, entry: Entry, step: Step): void {
    const { takeover, right } = this.#parts
    const acting = leaveNow(right, entry.key, step.now.mono) !== undefined
    const ended = isSettled(shownOf(entry))
    const told = ended && entry.final === entry.record
    const isSure = acting && !takeover.gates(entry.key)
    // Of what failed or was cancelled another owner may have ordered another try since.
    if (told && (isSure || entry.record.state === 'succeeded'))
      answerAtOnce(origin, this.#replyOf(entry, true, step), step)
    else if (!acting) refuse(origin, NOT_ACTING, step)
    else if (!isSure) refuse(origin, takeover.refusal(entry.key), step)
    else if (!ended) tell(origin, this.#replyOf(entry, true, step), step)
    else this.confirmCounted(origin, entry, true, step)
  }

  /** Why nobody could be told yet that it is done; undefined: it can. */
  refusal(leave: Leave): Failure | undefined {
    const { confirmations, copies } = this.#parts
    return isLoan(leave) ? confirmations.refusal(copies?.waiting) : undefined
  }

  /** Is its key in quorum mode, where copies are counted? */
  isCounted({ key }: Entry): boolean {
    return this.#parts.right.epochs?.isQuorum(key) === true
  }

  /** What another owner wrote last is written again under a term of this one before it is told that it ended. */
  #ownWords(entry: Entry, step: Step): void {
    const { records, right } = this.#parts
    const { record } = entry
    if (!isSettled(record) || record.revision === 0 || entry.final === record) return
    if (right.epochs !== undefined && isWrittenUnderHeld(entry.key, record.term, right.epochs)) return
    if (leaveNow(right, entry.key, step.now.mono) === undefined) return
    records.change(entry, revise(record, { holders: records.holders(entry.key) }), step)
  }

  /** Of a schedule of this node also why it waits. */
  #replyOf(entry: Entry, existed: boolean, { now }: Step, durable?: number): Told {
    const reply = replyOf(entry, existed, durable)
    const waits = this.#parts.schedules.waits(reply.record, now)
    return waits === undefined ? reply : { ...reply, waits }
  }
}
