import type { NodeId } from '../base/ids.ts'
import type { VoterList, VotersName } from './messages.ts'

/** Who votes, as this node knows it at the moment. */
export interface Voters {
  /** Undefined while the cluster has made none, or this node has not been told. */
  readonly list: VoterList | undefined
  readonly name: VotersName | undefined
  /** Every name that votes: of both lists while one changes into the other. */
  readonly names: readonly NodeId[]
  includes(node: NodeId): boolean
  /** Do these nodes make up a quorum? Of both lists while one changes into the other. */
  isQuorum(nodes: ReadonlySet<NodeId>): boolean
}
