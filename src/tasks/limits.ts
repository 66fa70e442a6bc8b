/** How much may run at one time, beside the slots of the node. */
import type { Priority } from './task.ts'

/** What a task takes up beside its key while it runs. A `TaskSpec` says all of it. */
export interface Demand {
  readonly type: string
  readonly priority?: Priority
  readonly group?: string
  /** It starts only while fewer of its group run. */
  readonly groupLimit?: number
  /** Others of its key that say the same may run beside it. */
  readonly concurrent?: boolean
}

export const FREE: Demand = { type: '' }

/** The limits of one node. */
export interface Limits {
  /** Attempts of this type that may run here at one time; 0: none, since this node has no executor for it. */
  ofType(type: string): number
  /** Attempts of this group that may run at one time, as far as this node knows of them. */
  ofGroup(group: string): number
}

export const NO_LIMITS: Limits = {
  ofType: () => Number.POSITIVE_INFINITY,
  ofGroup: () => Number.POSITIVE_INFINITY,
}

/** What the configuration says: names and how many of each. */
export interface LimitsConfig {
  readonly typeConcurrency: Readonly<Record<string, number>>
  readonly groupConcurrency: Readonly<Record<string, number>>
}

/** @param named undefined where nobody has said, as in what an earlier version recorded of itself */
const limitIn = (named: Readonly<Record<string, number>> | undefined, name: string): number =>
  named !== undefined && Object.hasOwn(named, name) ? (named[name] as number) : Number.POSITIVE_INFINITY

/**
 * @param types what this node has executors for; undefined: nobody has said, so it tries everything
 * @param own how many of a type its executor takes at one time: more would wait there, in slots that others could use
 */
export function limitsOf(
  config: LimitsConfig,
  types: ReadonlySet<string> | undefined,
  own?: Readonly<Record<string, number>>,
): Limits {
  const ofKnown = (type: string) => Math.min(limitIn(config.typeConcurrency, type), limitIn(own, type))
  return {
    ofType: type => (types === undefined || types.has(type) ? ofKnown(type) : 0),
    ofGroup: group => limitIn(config.groupConcurrency, group),
  }
}
