/**
 * On gaining keys: what was done with them before, and what still runs?
 *
 * A new owner knows which tasks exist, but perhaps not how far they got. So it asks every live member what it holds of
 * the keys that are now its own, and starts nothing of them until all have answered. Whoever dies drops out, and whoever
 * keeps silent for `inventoryMs` is not waited for any longer (but asked on: a late answer still corrects what can be
 * corrected). Only gained keys wait: a key is free when this node owned it under every ring since the last complete
 * takeover.
 * Keys in quorum mode do not wait for a time: who must have answered for them is said by `Completeness`, and whoever is gone
 * is asked when it is back.
 * An answer counts only between nodes with the same ring, because each answers from its own view of what the asker owns;
 * others are asked again shortly, since views converge within milliseconds.
 * Not taken: asking only the previous owner and holders. With rings that followed each other quickly there are several
 * candidates for either, and one question to each member costs less than an argument about who they were.
 * An answer is fetched, a slice after the other: each question says how much has come. A page may be lost with its link, or
 * come over another link after those behind it. So only pages in order count, and the last one behind all others.
 */
import { assert } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { NodeId, TaskId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { after, type Instant, later, NEVER } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { Completeness } from './completeness.ts'
import type { Step } from './effects.ts'
import type { InventoryReply } from './messages.ts'
import { INCOMPLETE } from './refusals.ts'
import type { View } from './view.ts'
import { saidOf, type Wanted } from './wanted.ts'

/** A member with another ring is asked again after this, in ms, chosen at random. */
const ASK_AGAIN_MS = [60, 100] as const
/** One that does not answer is asked again after this, in ms: the question may have found no link. */
const ASK_SILENT_MS = 300
/** A member that is said to run something, but did not say so itself, is asked after this, in ms. */
const INQUIRE_MS = 1_000
/** Rings remembered since the last complete takeover; with more, all keys wait. */
const RINGS_MAX = 8
/** However slowly pages come in, a takeover ends after this many times `inventoryMs`. */
const PATIENCE = 10

interface Question {
  askAt: Instant
  /** When it last said something; it is waited for `inventoryMs` from then. */
  heardAt: Instant
  /** The answer that is coming in, by the number that the answering node gave it; 0: none. */
  answer: number
  /** So many pages of it are here, without a gap. */
  pages: number
  /** What runs there. It is taken before the first page: a task that ends while pages are sent then counts as running,
   *  and its completion follows, whereas the other way round it would count as lost. */
  readonly running: Set<TaskId>
}

export class Takeover {
  readonly #view: View
  readonly #random: Random
  readonly #inventoryMs: number
  /** Of keys in quorum mode; absent where copies are not counted. */
  readonly quorum: Completeness | undefined
  /** Under all of these the key must have been this node's to be free; undefined: none is. */
  #since: readonly Ring[] | undefined
  #active: boolean
  #startedAt: Instant = 0 as Instant
  #id: number
  readonly #questions = new Map<NodeId, Question>()
  /** What runs on those who have answered. */
  readonly #answers = new Map<NodeId, ReadonlySet<TaskId>>()
  /** Answers that are whole. Whoever is asked once more hears so, and begins another one. */
  readonly #whole = new Map<NodeId, Pick<Question, 'answer' | 'pages'>>()

  constructor(view: View, random: Random, inventoryMs: number, quorum?: Completeness) {
    this.quorum = quorum
    this.#active = quorum?.only !== true
    this.#view = view
    this.#random = random
    this.#inventoryMs = inventoryMs
    this.#id = random.uint32()
  }

  /** Are there keys that wait? */
  get active(): boolean {
    return this.#active || this.quorum?.active === true
  }

  get startedAt(): Instant {
    return this.#startedAt
  }

  /** Are answers kept for a time when all that waits goes on? Else what a member says is used when it has said it. */
  get gathers(): boolean {
    return this.quorum?.only === true ? this.quorum.active : this.#active
  }

  /** Members whose answer is still wanted. */
  get unanswered(): readonly NodeId[] {
    return [...this.#questions.keys()]
  }

  /** Must this key of this node wait? */
  gates(key: string): boolean {
    if (this.quorum?.isQuorum(key) === true) return this.quorum.gates(key)
    if (!this.#active) return false
    return this.#since === undefined || !this.#since.every(ring => ring.owner(key) === this.#view.self)
  }

  /** What keys of this node wait for, this one or any; undefined where they wait for a time, and for nobody in particular. */
  wanted(key?: string): Wanted | undefined {
    const { quorum } = this
    if (quorum === undefined || (key !== undefined && !quorum.isQuorum(key))) return undefined
    return quorum.wanted(key)
  }

  /** Whoever asks for such a key is told. */
  refusal(key?: string): Failure {
    const wanted = this.wanted(key)
    return wanted === undefined ? INCOMPLETE : { ...INCOMPLETE, detail: saidOf(wanted) }
  }

  /** What this node answered when asked whether it runs the task; undefined: it has not answered. */
  runsAt(node: NodeId, task: TaskId): boolean | undefined {
    return this.#answers.get(node)?.has(task)
  }

  /** The ring has changed. True when keys wait now and members must be asked. */
  ringChanged(before: Ring | undefined, next: Ring): boolean {
    if (this.quorum?.only === true) return false
    const gained = before === undefined || mayGain(before, next, this.#view.self)
    if (!gained && !this.#active) {
      this.#since = [next]
      return false
    }
    const since = this.#since === undefined ? undefined : [...this.#since, next]
    this.#since = since !== undefined && since.length > RINGS_MAX ? undefined : since
    this.#active = true
    return true
  }

  /** Asks all live members, from the beginning. */
  begin(now: Instant): void {
    this.#id = (this.#id + 1) >>> 0
    this.#active = this.quorum?.only !== true
    this.#startedAt = now
    this.#answers.clear()
    this.#whole.clear()
    this.#questions.clear()
    for (const node of this.#view.others()) this.#question(node, now, now)
  }

  /** Asks one member, a little later, unless it is being asked anyway. Nothing waits for its answer but what runs there. */
  inquire(node: NodeId, now: Instant): void {
    if (this.#questions.has(node)) return
    this.#question(node, after(now, INQUIRE_MS), now)
  }

  /** Whoever is back, and has not answered what is still asked. */
  include(now: Instant): void {
    if (this.quorum?.question === undefined) return
    for (const node of this.#view.others()) {
      if (this.#questions.has(node) || this.quorum.hasAnswered(node)) continue
      this.#question(node, now, now)
    }
  }

  #question(node: NodeId, askAt: Instant, heardAt: Instant): void {
    const { answer, pages } = this.#whole.get(node) ?? { answer: 0, pages: 0 }
    this.#questions.set(node, { askAt, heardAt, answer, pages, running: new Set() })
  }

  /** Those who are gone drop out. */
  keepOnly(live: ReadonlySet<NodeId>): void {
    for (const node of this.#questions.keys()) if (!live.has(node)) this.#questions.delete(node)
  }

  /** Sends the questions that are due. */
  ask(step: Step): void {
    const ring = this.#view.ring
    if (ring === undefined) return
    for (const [node, question] of this.#questions) {
      if (question.askAt > step.now.mono) continue
      question.askAt = after(step.now.mono, ASK_SILENT_MS)
      const { answer, pages: page } = question
      const more = this.quorum?.question
      const asked = { id: this.#id, answer, page, ringChecksum: ring.checksum, ...more }
      step.sendAtOnce(node, { type: 'inventory', ...asked })
    }
  }

  /** `stale`: not the answer to what is asked now, or not its next page. `answered`: it was the last page. */
  answer(from: NodeId, reply: InventoryReply, now: Instant): 'stale' | 'disagrees' | 'page' | 'answered' {
    const question = this.#questions.get(from)
    if (question === undefined || reply.id !== this.#id) return 'stale'
    if (!reply.agreed) {
      question.askAt = after(now, this.#random.between(...ASK_AGAIN_MS))
      return 'disagrees'
    }
    if (!isNext(question, reply)) return 'stale'
    question.heardAt = now
    for (const task of reply.running) question.running.add(task)
    if (!reply.done) {
      question.askAt = reply.paused ? now : after(now, ASK_SILENT_MS)
      return 'page'
    }
    this.#questions.delete(from)
    this.#whole.set(from, { answer: question.answer, pages: question.pages })
    this.#answers.set(from, question.running)
    this.quorum?.answered(from, reply.disk, reply.ring)
    return 'answered'
  }

  /** May the waiting keys go on? */
  complete(now: Instant): boolean {
    return this.#active && now >= this.#patientUntil()
  }

  /** The keys go on. What was answered is forgotten afterwards by `forgetAnswers`, once it has been used. */
  release(): void {
    const ring = this.#view.ring
    assert(ring, 'a takeover is of a ring')
    this.#active = false
    this.#since = [ring]
  }

  forgetAnswers(): void {
    this.#answers.clear()
  }

  /**
   * A member may have begun anew, with nothing of what it said that it runs. In quorum mode its attempts have ended then whatever
   * it said, and that says how.
   */
  doubtAnswers(): void {
    if (this.quorum?.only !== true) this.#answers.clear()
  }

  nextWake(): Instant {
    let wake = NEVER
    for (const { askAt } of this.#questions.values()) wake = Math.min(wake, askAt) as Instant
    return this.#active && this.#questions.size > 0 ? (Math.min(wake, this.#patientUntil()) as Instant) : wake
  }

  /** When the waiting keys go on if nobody says anything more: the last that spoke is silent for too long by then. */
  #patientUntil(): Instant {
    let until = this.#startedAt
    for (const { heardAt } of this.#questions.values())
      until = later(until, after(heardAt, this.#inventoryMs))
    return Math.min(until, after(this.#startedAt, PATIENCE * this.#inventoryMs)) as Instant
  }
}

/** Is it the page that is missing next? Another answer may begin at any time: then the one before will not be finished. */
function isNext(question: Question, { answer, page }: InventoryReply): boolean {
  if (page === 0 && answer !== question.answer) {
    question.answer = answer
    question.pages = 0
    question.running.clear()
  }
  if (answer !== question.answer || page !== question.pages) return false
  question.pages++
  return true
}

/** Can any key have come to this node? Only from one that is gone or weighs otherwise now, or by its own coming. */
function mayGain(before: Ring, next: Ring, self: NodeId): boolean {
  if (!next.has(self)) return false
  if (!before.has(self)) return true
  const weights = new Map(next.members.map(({ id, weight }) => [id, weight]))
  return before.members.some(({ id, weight }) => weights.get(id) !== weight)
}
