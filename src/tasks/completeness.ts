/**
 * For which keys does this node know everything that anybody was ever told is stored?
 *
 * The intuition: a record that counted lies on all but (copies - 1) of the holders that its writer's ring named. Whoever
 * has heard from all but (copies - 1) of the holders of every ring that may have written, has heard of it. Neither age
 * nor silence ever stands for an answer: only an operator, who says that a member will not come back (`forget`).
 *
 * The rule: completeness is of a term. Its keys have been this node's without a break since the term was chosen (see
 * `grants/terms.ts`), so once they are complete nobody else can have written, and they stay complete for as long as the
 * term has them. A new term is asked about; what an earlier complete one still has does not close.
 *
 * Road not taken: closing all of a node's keys at every change of the ring and reading everything again. Most keys stay
 * where they are, and a busy cluster would read itself to a standstill.
 */
import type { NodeId } from '../base/ids.ts'
import { Awaited } from './awaited.ts'
import { Concluded } from './concluded.ts'
import type { TasksConfig } from './config.ts'
import type { Fence } from './fences.ts'
import { GivenAnswers } from './given-answers.ts'
import { GivenUp, type Loss } from './given-up.ts'
import type { Inventory } from './messages.ts'
import type { Epochs, RingsBefore } from './right.ts'
import { type Answered, type Heard, membersOf, type Round } from './rounds.ts'
import type { TaskRecord } from './task.ts'
import type { View } from './view.ts'
import type { Wanted } from './wanted.ts'

/** Rings named to those who are asked; where it takes more to say what is complete, everything is asked for. */
const RINGS_MAX = 8
/** Rounds that another one followed before they were over, remembered for the keys that were complete by them. */
const EARLIER_MAX = 4

const NONE: readonly string[] = []

/** Is it something that was accepted and has not ended? */
export type Belief = 'yes' | 'no' | 'unsure'

export class Completeness {
  readonly #view: View
  readonly #epochs: Epochs
  readonly #config: TasksConfig
  readonly #complete: Concluded
  readonly #awaited: Awaited
  #round: Round | undefined
  /** Those before it, of terms that are held still, that were not over: what was complete by them is so still. */
  #earlier: readonly Round[] = []
  /** What the last one rested on. */
  #heardOf: Heard | undefined
  /** For those before it, of terms that are held still: what was complete by them it did not ask for again. */
  #answeredBefore: readonly Answered[] = []
  readonly #givenUp = new GivenUp()
  #concluded = false
  #heard = 0
  /** What was found of the keys that are kept, and when. */
  #kept = { keeps: NONE, epoch: -1, heard: -1, gated: false }

  constructor(view: View, epochs: Epochs, config: TasksConfig) {
    this.#view = view
    this.#epochs = epochs
    this.#config = config
    this.#complete = new Concluded(view, epochs)
    this.#awaited = new Awaited(view, epochs, config)
  }

  /** Is no key in available mode? */
  get only(): boolean {
    return this.#epochs.only
  }

  isQuorum(key: string): boolean {
    return this.#epochs.isQuorum(key)
  }

  /** May there be keys of this node that are not complete? */
  get active(): boolean {
    if (this.#view.ring?.has(this.#view.self) !== true) return false
    const { tenure } = this.#epochs
    if (tenure?.without?.length !== 0 || !this.#complete.has(tenure.term)) return true
    // One of the ring before, which has what both give: what this ring brought is not asked about yet.
    return tenure.rings.some(ring => ring !== this.#view.ring?.checksum)
  }

  /** Is a key kept that is not complete? Whoever has it next may need what was written under the rings of before. */
  get keepsGated(): boolean {
    const { keeps } = this.#epochs
    const { epoch } = this.#view
    const heard = this.#heard
    const found = this.#kept
    // Asked at each step.
    if (found.keeps !== keeps || found.epoch !== epoch || found.heard !== heard) {
      const held = new Set(this.#epochs.held)
      const gated = keeps.some(key => this.#epochs.hasUnder(key, held) && this.gates(key))
      this.#kept = { keeps, epoch, heard, gated }
    }
    return this.#kept.gated
  }

  /** Has it been so for no key since this process began, although it owns some? */
  get untried(): boolean {
    return this.active && !this.#concluded
  }

  /** The term that is asked about, or was last; 0: none. What members have said of a task is of one such question. */
  get asking(): number {
    return this.#round?.term ?? this.#heardOf?.term ?? 0
  }

  /** Rises with each answer that may let keys go on. */
  get heard(): number {
    return this.#heard
  }

  /** Members that were forgotten although they may have had what nobody else had of this key. */
  lostFor(key: string): readonly NodeId[] {
    return this.#givenUp.lostFor(key, this.#view.replicas)
  }

  /**
   * Does this node, which does not know the task, know so by evidence? Then it has ended and was dropped, or its record never
   * counted. (Which of them was written where fewer copies counted is not known by what was asked here.) Of what `from` has,
   * it knows more: whoever answered for a term that has the key still told of it then, or has got it since from somebody who
   * brings it here as well. Not only the last of them counts: it does not ask for what was complete by one before.
   */
  knowsAllOf(record: TaskRecord, from: NodeId): boolean {
    const { spec, term, copies = 0 } = record
    if (!isTold(record) || term === undefined) return false
    // Only this node writes under a term of its own.
    if (this.#epochs.hasUnder(spec.key, new Set([term]))) return true
    if (term < this.#epochs.gap || copies < this.#awaited.spare(this.#view.replicas) + 1) return false
    if (this.#complete.surely(spec.key, term)) return true
    const answered = this.#heardOf === undefined ? [] : [this.#heardOf, ...this.#answeredBefore]
    const toldOf = (each: Answered): boolean =>
      each.answers.diskOf(from, spec.key) !== undefined && this.#wasAsked(spec.key, each)
    if (answered.some(each => each.term > term && toldOf(each))) return true
    return this.#rounds.some(round => round.term >= term && this.#hasAllOf(spec.key, round))
  }

  #hasAllOf(key: string, round: Round): boolean {
    if (!this.#epochs.hasUnder(key, round.terms)) return false
    const noted = this.#notedFor(round)
    if (noted === 'unknown' || noted.lost || !this.#isKeyComplete(key, round)) return false
    return noted.rings.every(each => this.#awaited.lossOf(each, round).length === 0)
  }

  get #rounds(): readonly Round[] {
    return this.#round === undefined ? this.#earlier : [this.#round, ...this.#earlier]
  }

  /**
   * Must a record run that these (`had`) have, as they said when they were asked last? `no`: of every noted ring so many
   * holders answered without it that one of those on which it counted has dropped it, as is done only with what has ended; or
   * it never counted. `unsure`: it may be so, once the holders have answered that are alive and have not.
   * What was written before a takeover that left a gap may be with those that were forgotten, though all others answered without it.
   * What this node wrote itself, under a term that still has the key, it would know to have ended. And an answer says nothing
   * of what was written later, nor of a key that it was not asked for.
   */
  mustRun(record: TaskRecord, had: readonly NodeId[]): Belief {
    const { key } = record.spec
    const { term, copies = 0 } = record
    const heard = this.#round === undefined ? this.#heardOf : this.#heardSoFar(this.#round)
    if (heard === undefined || heard.noted.length === 0) return 'yes'
    if (!isTold(record) || term === undefined || copies === 0) return 'yes'
    if (term < this.#epochs.gap) return 'yes'
    if (term > heard.term || this.#epochs.hasUnder(key, new Set([term]))) return 'yes'
    if (!this.#wasAsked(key, heard)) return 'yes'
    let unsure = false
    for (const { ring, counts } of heard.noted) {
      const holders = ring.preferenceList(key, this.#view.replicas)
      const others = holders.filter(node => !had.includes(node))
      const without = others.filter(node => {
        const disk = heard.answers.diskOf(node, key)
        return disk !== undefined && counts(node, disk)
      })
      const awaited = others.filter(
        node => heard.answers.diskOf(node, key) === undefined && this.#view.live.has(node),
      )
      const spare = holders.length - Math.min(copies, this.#config.durability, holders.length)
      if (without.length > spare) continue
      if (without.length + awaited.length <= spare) return 'yes'
      unsure = true
    }
    return unsure ? 'unsure' : 'no'
  }

  #heardSoFar(round: Round): Heard | undefined {
    const noted = this.#epochs.ringsBefore(round.term)
    return noted === 'unknown' || noted.lost ? undefined : { ...round, noted: noted.rings }
  }

  #wasAsked(key: string, { terms, spared }: Answered): boolean {
    if (!this.#epochs.hasUnder(key, terms)) return false
    // A ring that is not known here any more spares every key.
    const owned = (checksum: string): boolean =>
      (this.#epochs.ring(checksum)?.owner(key) ?? this.#view.self) === this.#view.self
    return !spared.some(rings => rings.every(owned))
  }

  /** Must this key wait? */
  gates(key: string): boolean {
    if (this.#complete.covers(key)) return false
    return !this.#rounds.some(
      round => this.#epochs.hasUnder(key, round.terms) && this.#isKeyComplete(key, round),
    )
  }

  /** Has this node the key without a break since this term was chosen? */
  hasHad(key: string, term: number): boolean {
    return term > 0 && this.#epochs.hasUnder(key, new Set([term]))
  }

  /** True when there is a term to ask everybody about. */
  follow(): boolean {
    this.#forgetLapsed()
    const { tenure, enrolled } = this.#epochs
    if (tenure?.without === undefined || !enrolled) return false
    const { term, without } = tenure
    const rings = tenure.rings.slice(-RINGS_MAX)
    if (this.#complete.has(term) || this.#round?.term === term) return false
    const answers = new GivenAnswers(this.#view, this.#epochs)
    if (this.#round !== undefined) this.#earlier = [this.#round, ...this.#earlier].slice(0, EARLIER_MAX)
    this.#round = { term, terms: new Set([term]), rings, without, spared: [], answers, noted: undefined }
    this.#heard++
    return true
  }

  /** What this node has under the term that is asked about: nobody else writes it under a lower one. */
  get claim(): Fence | undefined {
    if (this.#round === undefined) return undefined
    const { rings, term, without } = this.#round
    return { rings, owner: this.#view.self, term, without }
  }

  /** What is asked of everybody; undefined while there is nothing to ask. */
  get question(): Pick<Inventory, 'term' | 'under' | 'without' | 'since'> | undefined {
    const round = this.#round
    if (round === undefined) return undefined
    const { term, rings, without, spared } = round
    const since = this.#since
    const last = spared.at(-1) ?? []
    if (since.length > 0 && since.join() !== last.join()) spared.push(since)
    return { term, under: rings, without, since }
  }

  /**
   * What was this node's under all of these is complete, under a term that is held still. Not where members were forgotten for
   * that: one of them may be back.
   */
  get #since(): readonly string[] {
    for (const term of this.#complete.terms) {
      if (term <= this.#epochs.gap) continue
      const rings = this.#epochs.claimedUnder(term)
      if (rings !== undefined && rings.length <= RINGS_MAX) return rings
    }
    return []
  }

  /** @param ring that it was given under */
  answered(node: NodeId, disk: string | undefined, ring = this.#view.ring?.checksum): void {
    if (disk === undefined || ring === undefined) return
    this.#heard++
    // Also after the end: what is unsure still is decided by it.
    const answers = this.#round?.answers ?? this.#heardOf?.answers
    answers?.add(node, disk, ring)
  }

  /** Under the ring of now: before, it may have held back what that ring gave to another. */
  hasAnswered(node: NodeId): boolean {
    return this.#round?.answers.diskOf(node) !== undefined
  }

  /** Ends the round if all its keys are complete. Returns what may have been lost by that, and undefined while it goes on. */
  conclude(): readonly Loss[] | undefined {
    const round = this.#round
    const { ring } = this.#view
    if (round === undefined || ring === undefined) return undefined
    const noted = this.#epochs.ringsBefore(round.term)
    if (noted === 'unknown') return undefined
    const all = this.#awaited.asked(noted, ring)
    // What the term has besides, nobody was asked about.
    if (!this.#epochs.isWithin(round.term, ring.checksum)) return undefined
    if (!all.every(each => this.#awaited.isEnough(each, round))) return undefined
    const losses = all.flatMap(each => this.#awaited.lossOf(each, round))
    this.#givenUp.note(losses)
    if (losses.length > 0) this.#epochs.hadGap(round.term)
    const certain = !noted.lost && losses.length === 0
    const covers = (key: string): boolean => this.#epochs.hasUnder(key, round.terms) && !this.gates(key)
    this.#complete.note(round.term, ring, certain, covers)
    this.#heard++
    this.#keepAnswered()
    this.#heardOf = { ...round, noted: noted.lost ? [] : noted.rings }
    this.#concluded = true
    this.#round = undefined
    // The newest has all keys that those before it have.
    this.#earlier = []
    return losses
  }

  /** Of which members is an answer missing that is needed for some key? */
  get missing(): readonly NodeId[] {
    const round = this.#round
    const { ring } = this.#view
    if (round === undefined || ring === undefined) return []
    const noted = this.#epochs.ringsBefore(round.term)
    if (noted === 'unknown') return []
    const all = this.#awaited.asked(noted, ring)
    return [...new Set(all.flatMap(each => this.#awaited.missing(each, membersOf(each), round.answers)))]
  }

  /** What this key waits for, which is not complete; without one, any key of the term that is asked about. */
  wanted(key?: string): Wanted {
    const missing = key === undefined ? this.missing : this.#missingFor(key)
    const living = missing.filter(node => this.#view.live.has(node))
    const isReplaced = (node: NodeId): boolean => this.#round?.answers.diskOf(node, key) !== undefined
    return {
      blind: this.blind,
      asked: living.filter(node => !isReplaced(node)),
      down: missing.filter(node => !this.#view.live.has(node)),
      replaced: living.filter(isReplaced),
    }
  }

  #missingFor(key: string): readonly NodeId[] {
    const round = this.#round
    const { ring } = this.#view
    const noted = round === undefined ? 'unknown' : this.#epochs.ringsBefore(round.term)
    if (round === undefined || ring === undefined || noted === 'unknown') return []
    const all = this.#awaited.asked(noted, ring)
    return [...new Set(all.flatMap(each => this.#awaited.lackingFor(key, each, round)))]
  }

  /** Is it not known yet under which rings others may have written? So nobody knows whose answers are missing. */
  get blind(): boolean {
    return this.#round !== undefined && this.#epochs.ringsBefore(this.#round.term) === 'unknown'
  }

  /** Where answers are missing still. Whenever it changes, by an answer or without one, keys may be complete that were not. */
  get lacking(): string {
    const { ring } = this.#view
    if (ring === undefined) return ''
    const rounds = this.#rounds.map(round => {
      const noted = this.#notedFor(round)
      if (noted === 'unknown') return noted
      return this.#awaited
        .asked(noted, ring)
        .map(each => [each.ring.checksum, ...this.#awaited.missing(each, membersOf(each), round.answers)])
    })
    return JSON.stringify(rounds)
  }

  /** Without its rings, of which a large one takes much memory. */
  #keepAnswered(): void {
    if (this.#heardOf === undefined) return
    const { noted: _, ...answered } = this.#heardOf
    this.#answeredBefore = [answered, ...this.#answeredBefore]
  }

  /** A term that is not held any more says nothing: another may have acted since. */
  #forgetLapsed(): void {
    const { held } = this.#epochs
    this.#complete.forgetBut(held)
    if (this.#round !== undefined && !held.includes(this.#round.term)) this.#round = undefined
    this.#earlier = this.#earlier.filter(({ term }) => held.includes(term))
    this.#answeredBefore = this.#answeredBefore.filter(({ term }) => held.includes(term))
  }

  /** Of a round that another one has followed, what was known then is enough: nobody else has had its keys since. */
  #notedFor(round: Round): RingsBefore | 'unknown' {
    const noted = this.#epochs.ringsBefore(round.term)
    if (round !== this.#round) return round.noted ?? noted
    if (noted !== 'unknown') round.noted = noted
    return noted
  }

  #isKeyComplete(key: string, round: Round): boolean {
    const noted = this.#notedFor(round)
    const { ring } = this.#view
    if (noted === 'unknown' || ring === undefined) return false
    return this.#awaited
      .asked(noted, ring)
      .every(each => this.#awaited.lackingFor(key, each, round).length === 0)
  }
}

/** Is it a task or a schedule, written in quorum mode, that is nowhere unless somebody submitted it, or a schedule made it? */
const isTold = ({ source, term }: TaskRecord): boolean => !source.startsWith('list:') && term !== undefined
