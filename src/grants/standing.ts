import type { NodeId } from '../base/ids.ts'
import type { VoterList } from './messages.ts'

/** Where a node stands with the right to act; the fields are explained in `GrantsStatus`. */
export interface GrantsStanding {
  readonly enabled: boolean
  readonly session: number
  readonly voters: VoterList | undefined
  readonly voter: boolean
  readonly granting: boolean
  readonly grantedBy: readonly NodeId[]
  readonly leaseForMs?: number
  readonly term: number
  readonly top: number
  readonly exceptions: number
  readonly keeps: readonly string[]
}
