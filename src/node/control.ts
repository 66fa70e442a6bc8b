/** What an operator asks of a node, besides tasks and leaving. */
import type { Failure } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'

export type ControlRequest =
  /** Own no keys from now on; what runs may end. Survives no restart. */
  | { readonly kind: 'cordon' }
  | { readonly kind: 'uncordon' }
  /** Share of the ring from now on, 0.01 to 100. */
  | { readonly kind: 'weight'; readonly weight: number }
  /** Drop a dead or left member everywhere, now. Refused for one that is alive. */
  | { readonly kind: 'forget'; readonly node: NodeId }
  /** What this node had on the disks before its present one is gone for good. Refused where no voter knows of another one. */
  | { readonly kind: 'forget-former-disk'; readonly node: NodeId }
  /** One voter more or less, by a quorum of the old and of the new list. */
  | { readonly kind: 'voter-add'; readonly node: NodeId }
  | { readonly kind: 'voter-remove'; readonly node: NodeId }
  /** The last resort when a quorum of voters is lost for good: these are the voters now. Not safe; see the README. */
  | { readonly kind: 'voters-reset'; readonly names: readonly NodeId[] }

export type ControlReply =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly failure: Failure }
