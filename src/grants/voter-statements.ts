/** What the others last said they have on their disks: whoever wants a list to stand counts these. */
import type { NodeId } from '../base/ids.ts'
import type { VoterList, VotersTell } from './messages.ts'
import { hashOf, isSame } from './voter-list.ts'

interface Statement {
  readonly list: VoterList
  readonly firm: boolean
  readonly disk: string
}

/** A list that may become the first one, and who has it, on which disk. */
export interface Proposal {
  readonly list: VoterList
  readonly by: ReadonlyMap<NodeId, string>
}

export class VoterStatements {
  readonly #of = new Map<NodeId, Statement>()

  note(from: NodeId, { list, firm, disk }: VotersTell): void {
    if (list === undefined) this.#of.delete(from)
    else this.#of.set(from, { list, firm, disk })
  }

  /** Those that said last that they have this list, of this round, and whose word counts when a list changes: on which disks. */
  holders(list: VoterList): Map<NodeId, string> {
    const held = [...this.#of].filter(([, said]) => said.firm && isSame(said.list, list))
    return new Map(held.map(([node, { disk }]) => [node, disk]))
  }

  /** The proposals that there are; the one that this node has is the first. */
  proposals(own: {
    readonly node: NodeId
    readonly list: VoterList
    readonly disk: string
  }): readonly Proposal[] {
    const found = new Map<string, { list: VoterList; by: Map<NodeId, string> }>()
    for (const [node, { list, disk }] of [[own.node, own] as const, ...this.#of]) {
      if (list.version !== 0) continue
      const proposal = found.get(hashOf(list)) ?? { list, by: new Map<NodeId, string>() }
      proposal.by.set(node, disk)
      found.set(hashOf(list), proposal)
    }
    return [...found.values()]
  }

  /** Forgets everybody else. */
  keepOnly(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#of.keys()) if (!nodes.has(node)) this.#of.delete(node)
  }
}
