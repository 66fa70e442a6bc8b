import type { ItemResult } from '../adapters/http/batch.ts'
import { CodedError } from '../base/errors.ts'
import type { DaemonClient } from './client.ts'
import { mayBeDone } from './errors.ts'
import { type FreshLines, QUIET, type Sent } from './fresh-lines.ts'
import { LinesInHand } from './lines-in-hand.ts'
import { NO_ANSWER, type UnsettledLines } from './unsettled-lines.ts'

/** Refusals of a whole request that pass by themselves: a busy daemon, or one that goes or comes. */
const PASSING: ReadonlySet<string> = new Set([
  'DAEMON_UNREACHABLE',
  'ANSWER_LOST',
  'REQUEST_TIMEOUT',
  'OVERLOADED',
  'RATE_LIMITED',
  'LEAVING',
])

/** Answers that stay what they are for as long as another task has the id, so that to send it again only takes time. */
const LASTING: ReadonlySet<string> = new Set(['ID_CONTESTED'])

/** Sent without an id, and not answered: nobody can ask for it. */
const LOST: ItemResult = { ...NO_ANSWER, detail: 'no answer came, and it had no id to be sent again under' }

/** How often it is looked whether the source has been quiet for too long, in ms at most. */
const LOOK_MS_MAX = 250

export interface PassOutcome {
  /** To be sent once more. */
  readonly again: readonly Sent[]
  /** Something was. */
  readonly stored: boolean
  readonly retryAfterS: number
  readonly why: string
  /** The connection was, or the whole request was refused, or it ended before all had their answers. */
  readonly lost?: CodedError
}

export interface PassOptions {
  readonly settle: (sent: Sent, result: ItemResult) => void
  readonly unsettled: UnsettledLines
  readonly quietMs: number
  /** What is to be sent again waits so long, in ms, while the source is quiet. */
  readonly pauseMs: number
}

/** One request: sends what is to be sent again, then fresh lines for as long as they come, and hears what became of each. */
export class BatchPass {
  readonly #first: readonly Sent[]
  readonly #fresh: FreshLines
  readonly #options: PassOptions
  readonly #hand = new LinesInHand()
  #stored = false
  #retryAfterS = 0
  #why = ''
  #over = false
  /** Of the first ones. */
  #begun = 0

  constructor(first: readonly Sent[], fresh: FreshLines, options: PassOptions) {
    this.#first = first
    this.#fresh = fresh
    this.#options = options
  }

  /** @throws what ends all rounds; of its lines `unsettled` has then what is known */
  async run(client: DaemonClient): Promise<PassOutcome> {
    const endWatch = this.#watchQuiet()
    let failure: unknown
    try {
      for await (const text of client.lines('/v1/tasks', this.#texts()))
        this.#heard(JSON.parse(text) as ItemResult)
    } catch (error) {
      failure = error
    }
    this.#over = true
    endWatch()
    this.#fresh.endWait()
    const left = this.#hand.end()
    const result = withoutAnswer(failure)
    for (const sent of left) this.#options.unsettled.refused(sent, result)
    const isLost = ({ repeatable }: Sent): boolean => !repeatable && result.stored === 'unknown'
    for (const sent of left) if (isLost(sent)) this.#options.settle(sent, LOST)
    const waiting = left.filter(sent => !isLost(sent))
    const lost = passing(failure) ?? withheld(waiting)
    return {
      again: [...waiting, ...this.#hand.again, ...this.#first.slice(this.#begun)],
      stored: this.#stored,
      retryAfterS: this.#retryAfterS,
      why: lost?.code ?? this.#why,
      ...(lost !== undefined && { lost }),
    }
  }

  async *#texts(): AsyncGenerator<string> {
    for (;;) {
      await this.#hand.room()
      const isFirst = this.#begun < this.#first.length
      if (this.#over || (!isFirst && this.#hand.full)) return
      const next = isFirst ? this.#first[this.#begun] : await this.#fresh.peek()
      if (this.#over || next === undefined || next === QUIET) return
      if (isFirst) this.#begun++
      else this.#fresh.take()
      this.#options.unsettled.taken(next)
      if (next.refusal !== undefined) {
        this.#options.settle(next, next.refusal)
        continue
      }
      this.#hand.sent(next)
      yield `${next.text}\n`
    }
  }

  #heard(result: ItemResult): void {
    const { settle, unsettled } = this.#options
    const sent = this.#hand.answered(result.line)
    if (sent === undefined) return
    this.#stored ||= result.stored === 'yes'
    const passes =
      (result.stored === 'unknown' && sent.repeatable && !LASTING.has(result.code)) ||
      (result.stored === 'no' && result.retryAfterS !== undefined)
    if (result.stored === 'yes' || !passes) {
      settle(sent, result)
      return
    }
    unsettled.refused(sent, result)
    this.#hand.sendAgain(sent)
    this.#retryAfterS = Math.max(this.#retryAfterS, result.retryAfterS ?? 0)
    this.#why = result.code
  }

  /** Ends the wait for a source that is quiet: soon while there is something to send again, and before the daemon does. */
  #watchQuiet(): () => void {
    const { quietMs, pauseMs } = this.#options
    const timer = setInterval(
      () => {
        const since = this.#fresh.waitingSince
        const limitMs = this.#hand.waits ? Math.min(quietMs, pauseMs) : quietMs
        if (since !== undefined && performance.now() - since >= limitMs) this.#fresh.endWait()
      },
      Math.min(LOOK_MS_MAX, quietMs),
    )
    return () => clearInterval(timer)
  }
}

/** @throws what does not pass */
function passing(failure: unknown): CodedError | undefined {
  if (failure === undefined) return undefined
  if (failure instanceof CodedError && PASSING.has(failure.code)) return failure
  throw failure
}

function withheld({ length }: readonly Sent[]): CodedError | undefined {
  if (length === 0) return undefined
  return new CodedError('ANSWER_LOST', `The daemon ended the request, and ${length} lines had no answer.`)
}

/** What is known of a line that had no answer when the request ended so: a request that was refused stored none. */
function withoutAnswer(failure: unknown): ItemResult {
  if (!(failure instanceof CodedError) || mayBeDone(failure)) return NO_ANSWER
  const { code, detail } = failure
  return { line: 0, code, stored: 'no', detail }
}
