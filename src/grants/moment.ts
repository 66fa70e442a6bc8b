/**
 * A moment at which voters had something on their disks, all of them at once.
 *
 * What each of them said at some time is not enough: whoever said it may have lost its disk since, and have voted for
 * another thing by now, while its old word counts here. Nor is it enough that each has said it again: while one says so,
 * the other may be without, and the other way round. So whoever counts takes a moment, when enough have said it, and asks
 * them. Who answers from the disk from which it had spoken before has had it all the while, and so at that moment. A
 * disk that was lost does not come back under its name, and no answer is older than its question.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now } from '../base/time.ts'

/** Who has not answered by then may never do so: with others that have come to say it another moment is taken, in ms. */
const PATIENCE_MS = 1_000

export class Moment {
  readonly at: Instant
  /** The question, which nobody ever asked before. */
  readonly ask: string
  readonly #self: NodeId
  /** Who had said it by then, and from which disk. */
  readonly #disks: ReadonlyMap<NodeId, string>
  readonly #confirmed: Set<NodeId>

  /** @param disks of all that had said it, this node included where it has it: its own disk is lost only with its process */
  constructor(self: NodeId, disks: ReadonlyMap<NodeId, string>, ask: string, at: Instant) {
    this.at = at
    this.ask = ask
    this.#self = self
    this.#disks = disks
    this.#confirmed = new Set(disks.has(self) ? [self] : [])
  }

  /** Says it again. True when it had it at the moment. */
  heard(from: NodeId, disk: string, answer: string | undefined): boolean {
    if (from === this.#self || answer !== this.ask || this.#disks.get(from) !== disk) return false
    this.#confirmed.add(from)
    return true
  }

  /** Is it time for another one, of these? With nobody new among them that would be no better. */
  isOver(disks: ReadonlyMap<NodeId, string>, now: Now): boolean {
    if (elapsedMs(this.at, now.mono) < PATIENCE_MS) return false
    return [...disks].some(([node, disk]) => this.#disks.get(node) !== disk)
  }

  /** Who had it. */
  get confirmed(): ReadonlySet<NodeId> {
    return this.#confirmed
  }
}
