/**
 * The first list, where none is named. The lowest living name that sees `expectedNodes` nodes proposes them all (version 0), and
 * decides later, whichever it has taken itself, that so many have one proposal on their disks. They are asked whether they had it at one
 * moment (`Moment`): who took it may have lost its disk since, and have taken another. So of fewer than twice as many nodes one must lose its
 * disk between two such moments if there are to be two lists, and of at least two fewer, two must.
 */
import type { NodeId } from '../base/ids.ts'
import type { Now } from '../base/time.ts'
import { type GrantsConfig, VOTERS_MAX } from './config.ts'
import type { VotersTell } from './messages.ts'
import { Moment } from './moment.ts'
import type { VoterDesk } from './voter-change.ts'
import { sorted } from './voter-list.ts'
import type { Proposal } from './voter-statements.ts'

export class FirstList {
  readonly #desk: VoterDesk
  readonly #config: GrantsConfig
  /** When those who have said that they took a proposal are asked whether so many had it at once. */
  #moment: Moment | undefined
  #asked: readonly NodeId[] = []

  constructor(desk: VoterDesk, config: GrantsConfig) {
    this.#desk = desk
    this.#config = config
  }

  /** The question for all that took a proposal. */
  get ask(): string | undefined {
    return this.#moment?.ask
  }

  /** Those who have not answered it. */
  get silent(): readonly NodeId[] {
    return this.#asked.filter(node => this.#moment?.confirmed.has(node) === false)
  }

  /** Another list is on the disk than before. */
  turned(): void {
    this.#moment = undefined
    this.#asked = []
  }

  /** Somebody says what it has. A proposal is taken for good, so it has the one that it had on that disk. */
  heard(from: NodeId, { list, disk, answer }: VotersTell): void {
    if (list?.version === 0) this.#moment?.heard(from, disk, answer)
  }

  /** By a node that has nothing. */
  propose(): void {
    const { live, self } = this.#desk
    if (live.size < (this.#config.expectedNodes ?? Number.POSITIVE_INFINITY) || sorted(live)[0] !== self)
      return
    const names = sorted(live).slice(0, VOTERS_MAX)
    this.#desk.log('info', 'voters-proposed', { names, seen: live.size })
    this.#desk.write({ version: 0, names, previous: undefined, fixed: true })
  }

  /** The one that enough have taken, all at one moment. */
  decide(proposals: readonly Proposal[], now: Now): void {
    const { row, live, self } = this.#desk
    const { expectedNodes } = this.#config
    const isTaken = ({ by }: Proposal) => expectedNodes !== undefined && by.size >= expectedNodes
    // Asked at every tick and message: a thousand names are sorted only if something hangs on it.
    if (row?.version !== 0 || !proposals.some(isTaken) || sorted(live)[0] !== self) return
    const had = ({ list, by }: Proposal): Proposal => {
      const confirmed = [...by].filter(([node]) => this.#moment?.confirmed.has(node))
      return { list, by: new Map(confirmed) }
    }
    if (!proposals.map(had).some(isTaken)) this.#look(new Map(proposals.flatMap(({ by }) => [...by])), now)
    const decided = proposals.map(had).find(isTaken)
    if (decided !== undefined) this.#desk.write({ ...decided.list, version: 1 })
  }

  #look(disks: ReadonlyMap<NodeId, string>, now: Now): void {
    const { self, nextAsk, tell } = this.#desk
    if (this.#moment?.isOver(disks, now) === false) return
    this.#moment = new Moment(self, disks, nextAsk(), now.mono)
    this.#asked = [...disks.keys()].filter(node => node !== self)
    tell(this.#asked)
  }
}
