/** What a node is born with. The shell reads it from configuration, key file, boot file and store. */
import type { Failure } from '../base/errors.ts'
import type { Incarnation, NodeId, PeerId } from '../base/ids.ts'
import type { GrantsConfig } from '../grants/config.ts'
import type { StoredVoter } from '../grants/grants.ts'
import type { MembershipConfig } from '../membership/config.ts'
import type { RingConfig } from '../ring/config.ts'
import type { TasksConfig } from '../tasks/config.ts'
import type { Fence } from '../tasks/fences.ts'
import type { AnswerSizes } from '../tasks/inventory.ts'
import type { NextSlot } from '../tasks/schedules/timing.ts'
import type { TaskRecord } from '../tasks/task.ts'
import type { Disk } from './machine.ts'

export interface NodeInit {
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly cluster: string
  /** Version of the daemon, for people. */
  readonly version: string
  /** max(persisted + 1, wall clock ms) at boot. */
  readonly incarnation: Incarnation
  /** Persisted + 1 at each boot. */
  readonly boot: number
  /** `host:port` this node can be dialled at. */
  readonly addresses: readonly string[]
  readonly seeds: readonly string[]
  readonly weight: number
  /** The node owns nothing until it has been ready for this long, in ms; 0 when absent. */
  readonly joinDelayMs?: number
  readonly membership: MembershipConfig
  readonly ring: RingConfig
  readonly tasks: TasksConfig
  readonly grants: GrantsConfig
  /** Absent where there is none (simulated nodes). */
  readonly disk?: Disk
  /** What the store held of this voter at boot; undefined where it held none. */
  readonly voter: StoredVoter
  /** Would this node's executors take such a task? Undefined when they would. Pure. */
  readonly check: (type: string, payload: unknown) => Failure | undefined
  /** The types that its executors are for; absent: it tries everything. */
  readonly types?: readonly string[]
  /** Attempts of a type that its executor takes at one time. No limit where absent. */
  readonly typeLimits?: Readonly<Record<string, number>>
  /** Types of tasks that clients of this node carry out, by claim. None when absent. */
  readonly claimTypes?: readonly string[]
  /** Reads cron expressions. Pure. Without it schedules go by interval only. */
  readonly nextSlot?: NextSlot
  /** What the store held at boot. */
  readonly records: readonly TaskRecord[]
  /** What the store held of refusals at boot; none when absent. */
  readonly fences?: readonly Fence[]
  /** As in `TasksInit`. */
  readonly answerSizes?: AnswerSizes
  /** Seed of every random choice the core makes. */
  readonly seed: number
}
