import type { Failure } from '../base/errors.ts'

/**
 * What this node's disk takes. `ok`: new work may come. `full`, `read-only`: what is written waits for that to end, as far as
 * the reserve does not take it. `slow`: the disk is so far behind that more would end the process.
 */
export type StoreCondition = 'ok' | 'full' | 'read-only' | 'slow'

/** Room and repairs take a person, a burst does not. Seconds. */
const RETRY_AFTER_S = { full: 10, 'read-only': 10, slow: 1 } as const
const CODES = { full: 'STORE_FULL', 'read-only': 'STORE_READ_ONLY', slow: 'OVERLOADED' } as const

/** Why this node's disk takes no new task at the moment; undefined while it does. */
export interface DiskSight {
  readonly failure: Failure | undefined
}

/** Why a disk in this condition takes no new task; undefined when it does. */
export function failureOfStore(condition: StoreCondition, detail: string): Failure | undefined {
  if (condition === 'ok') return undefined
  return { code: CODES[condition], detail: `${detail}.`, retryAfterS: RETRY_AFTER_S[condition] }
}
