import type { Instant } from '../base/time.ts'

/** What orders attempts of different owners of a key; `safe` is false where two sides may both act. */
export interface Token {
  readonly value: string
  readonly safe: boolean
}

/** Leave to act for a key: until when, and under which token. */
export interface Leave {
  /** `NEVER` in available mode. */
  readonly until: Instant
  readonly token: Token
}

/**
 * Who may act. The ring says who should run a task; this says whether that node may, now. The node answers it from its
 * grants in quorum mode; in available mode the owner always may.
 */
export interface Right {
  /** Undefined: this node may not act for the key at this moment. */
  leaveFor(key: string): Leave | undefined
  /** Changes whenever a key that might not be acted for may be acted for now. */
  readonly version: number
}
