import { type Instant, NEVER } from '../base/time.ts'

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
 * grants in quorum mode; in available mode everybody always may, and `until` is `NEVER`. So who gets no leave, or one that
 * ends, knows that the key is in quorum mode, and who gets one there knows that no other node acts for the key.
 *
 * Order matters after a new ring: first the tasks are told of it, then the grants are told what the tasks keep
 * (`Tasks.keptKeys`), and only then is leave asked for again (`Tasks.fence`): a lost key whose work still drains may be
 * acted for only as a kept one.
 */
export interface Right {
  /** Undefined: this node may not act for the key at this moment. */
  leaveFor(key: string): Leave | undefined
  /** Changes whenever a key that might not be acted for may be acted for now. */
  readonly version: number
  /**
   * Changes whenever a leave may have ended, or its end may have moved, for another reason than that time went by. What
   * runs is looked at again then; without it, in every step.
   */
  readonly moves?: number
}

/** The leave for the key, unless its time is up. */
export function leaveNow(right: Right, key: string, now: Instant): Leave | undefined {
  const leave = right.leaveFor(key)
  return leave !== undefined && leave.until > now ? leave : undefined
}

/** Is this leave one of quorum mode? */
export const isLoan = ({ until }: Leave): boolean => until !== NEVER
