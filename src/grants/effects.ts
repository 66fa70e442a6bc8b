/** What this room asks of the world outside. */
import type { NodeId, PeerId } from '../base/ids.ts'
import type { GrantsLinkMessage, StoredNotes, StoredVoters } from './messages.ts'

/** The rows of this room on disk: what a voter may never forget. */
export type GrantsWrite =
  | { readonly table: 'grants'; readonly key: 'top'; readonly value: number }
  /** The longest promise of this voter, in ms: for so long it is silent after its next boot. */
  | { readonly table: 'grants'; readonly key: 'promiseMs'; readonly value: number }
  /** The name of this disk. */
  | { readonly table: 'grants'; readonly key: 'disk'; readonly value: string }
  | { readonly table: 'grants'; readonly key: 'notes'; readonly value: StoredNotes }
  | { readonly table: 'grants'; readonly key: 'voters'; readonly value: StoredVoters | undefined }

export type GrantsEffect =
  /** `then` runs when the writes are on disk. */
  | {
      readonly kind: 'persist'
      readonly writes: readonly GrantsWrite[]
      readonly then: readonly GrantsEffect[]
      readonly urgent?: true
    }
  /** Comes back as an input of the same name: "what was asked for before is on disk". */
  | { readonly kind: 'persisted'; readonly mark: number }
  /**
   * Never to this node itself; dropped when no link leads there. `peer`: only to the process with this key, and dropped when
   * another bears the name by now.
   */
  | {
      readonly kind: 'send'
      readonly to: NodeId
      readonly peer?: PeerId
      readonly message: GrantsLinkMessage
    }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly event: string
      readonly fields: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
    }
