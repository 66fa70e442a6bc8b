import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'

/** Takeovers that went on without a forgotten member, remembered for those who ask about a key. */
const LOSSES_MAX = 16

/** A takeover that went on because members were forgotten. */
export interface Loss {
  readonly term: number
  readonly ring: Ring
  /** Also those of which only the former disk was. */
  readonly forgotten: readonly NodeId[]
  /** No quorum of voters knew of every ring: they may have held any key, whatever this ring says. */
  readonly anyKey: boolean
}

/** What may have been lost since members were forgotten. */
export class GivenUp {
  #losses: readonly Loss[] = []

  note(losses: readonly Loss[]): void {
    this.#losses = [...this.#losses, ...losses].slice(-LOSSES_MAX)
  }

  /** Members that were forgotten although they may have had what nobody else had of this key. */
  lostFor(key: string, replicas: number): readonly NodeId[] {
    const lost = new Set<NodeId>()
    for (const { ring, forgotten, anyKey } of this.#losses) {
      const holders = anyKey ? forgotten : ring.preferenceList(key, replicas)
      for (const node of forgotten) if (holders.includes(node)) lost.add(node)
    }
    return [...lost]
  }
}
