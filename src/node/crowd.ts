import type { NodeId } from '../base/ids.ts'
import type { Instant } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'
import type { Load } from '../membership/messages.ts'
import type { Ring } from '../ring/ring.ts'
import type { Candidate } from '../tasks/placement.ts'

/** Lines of the ledger that tell why a member is dead, and the field that says it. */
const EVIDENCE_OF: Readonly<Record<string, string>> = { verdict: 'reason', 'member-suspect': 'evidence' }

/** What the members say of their load and their executors, for those who choose among them. Reads only. */
export class Crowd {
  readonly #membership: Membership
  readonly #ring: () => Ring
  /** What this node says of itself. */
  #own: Load
  #ownAt: Instant

  constructor(membership: Membership, ring: () => Ring, own: Load, now: Instant) {
    this.#membership = membership
    this.#ring = ring
    this.#own = own
    this.#ownAt = now
  }

  /** This node looks at itself, as often as it likes. */
  look(own: Load, now: Instant): void {
    this.#own = own
    this.#ownAt = now
  }

  /** All that may own keys, in the order of their names. */
  candidates(): Candidate[] {
    const { self, heartbeats } = this.#membership
    const members = [...this.#ring().members].sort((a, b) => (a.id < b.id ? -1 : 1))
    return members.map(({ id, weight }): Candidate => {
      const pulse = id === self.id ? { load: this.#own, at: this.#ownAt } : heartbeats.pulse(id)
      const { running = 0, queued = 0, slots, cpu, memory, types } = pulse?.load ?? {}
      return { id, weight, running, queued, slots, cpu, memory, types, saidAt: pulse?.at ?? 0 }
    })
  }

  /** Living members that say that they have an executor for the type. */
  serving(type: string): NodeId[] {
    const { self, heartbeats, roster } = this.#membership
    const living = roster.living().map(({ record }) => record.id)
    const typesOf = (id: NodeId) => (id === self.id ? this.#own.types : heartbeats.pulse(id)?.load.types)
    return living.filter(id => typesOf(id)?.includes(type) === true).sort()
  }

  /** Is the member dead, and did its own machine refuse those who looked for its process? */
  sawEnd(id: NodeId): boolean {
    const { roster, ledger } = this.#membership
    const record = roster.get(id)?.record
    if (record?.status !== 'dead') return false
    const told = ledger.of(id).filter(line => line.fields['memberIncarnation'] === record.incarnation)
    return told.some(({ event, fields }) => fields[EVIDENCE_OF[event] ?? ''] === 'refused')
  }
}
