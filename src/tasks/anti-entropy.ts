/**
 * Anti-entropy of tasks: finds copies that their owners do not know, or that are older than their owners believe, whatever they come from.
 *
 * The intuition: a change goes to every holder, and a change of the ring to every heir; but who was cut off without another ring
 * of its own, or got a frame that was late by a term, has a copy that nobody would ever ask about. An owner that dies then leaves
 * it as the only one, and what had ended long ago would run again.
 * The rules: a node walks through what it holds for others, again and again, and tells each owner which versions of which tasks
 * those are, in slices. The owner says which of them it does not know, or knows older. These are offered to it as any copy is: it
 * takes them, or says that they have ended. What a holder has in an older version than it once acknowledged is sent to it again.
 * Nothing is dropped or taken by a comparison itself, so one that is lost, late or twice there does no harm; and who does not know
 * all that counts (yet) answers none.
 * Only what has not ended is compared: an end that stays somewhere is an answer, and goes by its age.
 *
 * Not taken: sums over ranges of ids, as in a Merkle tree. Under load most of them would differ at every moment, and what has not
 * ended is mostly little.
 */
import type { NodeId } from '../base/ids.ts'
import { after, type Instant, NEVER } from '../base/time.ts'
import type { Copies } from './copies.ts'
import type { Counters } from './counts.ts'
import type { Step } from './effects.ts'
import type { Leftovers } from './leftovers.ts'
import { isSettled } from './merge.ts'
import { COMPARED_MAX, type Compare, type Compared, type CopyVersion } from './messages.ts'
import type { Replication } from './replication.ts'
import type { Epochs, Right } from './right.ts'
import type { Entry, Table } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'

/** Entries walked over in one slice. */
const WALK_MAX = 2_000
/** Between two slices, in ms. */
const SLICE_MS = 100
/** Between two walks, in ms. */
export const WALK_PAUSE_MS = 10_000

/** What this node had at boot it offers anyway. */
const BEFORE = 0 as Instant

export interface AntiEntropyParts {
  readonly view: View
  readonly table: Table
  readonly replication: Replication
  readonly takeover: Takeover
  readonly leftovers: Leftovers
  readonly counters: Counters
  readonly right: Right
  readonly copies?: Copies | undefined
}

export class AntiEntropy {
  readonly #parts: AntiEntropyParts
  #walk: MapIterator<Entry> | undefined
  #nextAt: Instant = BEFORE
  /** Terms that were held when it was looked last. */
  #held: readonly number[] = []

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts
  }

  tick(step: Step): void {
    const { view, table, right } = this.#parts
    const { epochs } = right
    const { ring } = view
    if (epochs === undefined || ring === undefined) return
    this.#followTerms(epochs, step)
    if (this.#nextAt === BEFORE) this.#nextAt = after(step.now.mono, WALK_PAUSE_MS)
    if (this.#nextAt > step.now.mono) return
    this.#walk ??= table.entries()
    const found = this.#slice(this.#walk, epochs)
    this.#nextAt = after(step.now.mono, this.#walk === undefined ? WALK_PAUSE_MS : SLICE_MS)
    for (const [owner, copies] of found) {
      this.#parts.counters.add('copies_compared', copies.length)
      step.sendAtOnce(owner, { type: 'compare', ring: ring.checksum, copies })
    }
  }

  nextWake(): Instant {
    const { view, right } = this.#parts
    return right.epochs === undefined || view.ring === undefined ? NEVER : this.#nextAt
  }

  /** Another node has these copies of what it believes to be this one's. */
  asked(from: NodeId, { ring, copies }: Compare, settled: boolean, step: Step): void {
    if (!settled || this.#parts.view.ring?.checksum !== ring) return
    const differing = copies.filter(copy => this.#isNews(from, copy, step))
    if (differing.length > 0) step.sendAtOnce(from, { type: 'compared', copies: differing })
  }

  /** The owner does not know these, or knows them older. */
  answered(from: NodeId, { copies }: Compared): void {
    const { view, table, replication, leftovers, counters } = this.#parts
    for (const [id, key, term, revision] of copies) {
      const entry = table.get(id)
      if (entry?.key !== key || entry.epoch !== view.epoch || entry.owner !== from) continue
      const { record } = entry
      if (record.revision !== revision || (record.term ?? 0) !== term || leftovers.isKept(entry)) continue
      counters.add('copies_differing')
      replication.copy(record, from, false)
    }
  }

  /** Who has lost all of its terms was cut off: others may have gone on without it, under rings that it has not seen. */
  #followTerms({ held }: Epochs, step: Step): void {
    if (held === this.#held || held.length === 0) return
    if (this.#held.length > 0 && !held.some(term => this.#held.includes(term))) {
      this.#walk = undefined
      this.#nextAt = step.now.mono
    }
    this.#held = held
  }

  #slice(walk: MapIterator<Entry>, epochs: Epochs): ReadonlyMap<NodeId, CopyVersion[]> {
    const { view } = this.#parts
    const found = new Map<NodeId, CopyVersion[]>()
    for (let walked = 0; walked < WALK_MAX; walked++) {
      const next = walk.next()
      if (next.done) {
        this.#walk = undefined
        break
      }
      const { id, key, owner, epoch, place, record } = next.value
      if (owner === undefined || owner === view.self || epoch !== view.epoch || place !== 'nowhere') continue
      if (record.revision === 0 || isSettled(record) || !view.live.has(owner) || !epochs.isQuorum(key))
        continue
      const copies = found.get(owner) ?? []
      found.set(owner, copies)
      if (copies.push([id, key, record.term ?? 0, record.revision]) === COMPARED_MAX) break
    }
    return found
  }

  /** Is it unknown here, or older? What is older there, although it was said to be there as it is here, is sent again. */
  #isNews(from: NodeId, [id, key, term, revision]: CopyVersion, step: Step): boolean {
    const { view, table, takeover, replication, counters } = this.#parts
    if (view.owner(key) !== view.self || takeover.gates(key)) return false
    const entry = table.get(id)
    if (entry === undefined) return true
    // Two tasks with one id: who brings the one is told of the other, and that it is to bring it again (`conflicts.ts`).
    if (entry.key !== key || entry.epoch !== view.epoch) return false
    const { record } = entry
    const ahead = (record.term ?? 0) - term || record.revision - revision
    if (ahead > 0 && entry.safe.includes(from)) {
      counters.add('copies_found_older')
      entry.safe = entry.safe.filter(node => node !== from)
      this.#parts.copies?.check(entry, step)
      replication.copy(record, from, true)
    }
    return ahead < 0
  }
}
