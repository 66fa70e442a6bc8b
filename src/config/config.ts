/** The whole configuration of a daemon, typed and frozen. `parse.ts` makes it from file, environment and flags. */

import type { ExecutorsConfig } from '../adapters/executors/config.ts'
import type { HttpConfig } from '../adapters/http/config.ts'
import type { TransportConfig } from '../adapters/libp2p/config.ts'
import type { NodeId } from '../base/ids.ts'
import type { GrantsConfig } from '../grants/config.ts'
import type { MembershipConfig } from '../membership/config.ts'
import type { LogLevel } from '../node/machine.ts'
import type { RingConfig } from '../ring/config.ts'
import type { TasksConfig } from '../tasks/config.ts'

export interface Config {
  readonly nodeId: NodeId
  /** Name of the cluster: part of every protocol id and topic, so two clusters can never merge. */
  readonly cluster: string
  /** Where key, boot number and store live. Created with mode 0700. */
  readonly dataDir: string
  /** `host:port`, `dns+srv:name`; re-resolved at every try. */
  readonly seeds: readonly string[]
  readonly weight: number
  readonly transport: TransportConfig
  readonly http: HttpConfig
  readonly membership: MembershipConfig
  readonly ring: RingConfig
  /** Who may act: of the keys `mode`, `modes`, `expectedNodes`, `voters` and `grants` of the file. */
  readonly grants: GrantsConfig
  /** A node that has joined stays cordoned (owns nothing) for this long after it is ready, in ms; 0 is the default. */
  readonly joinDelayMs: number
  readonly tasks: TasksConfig
  /** Paths of shared task lists (YAML, or NDJSON when the name ends in .ndjson or .jsonl). */
  readonly taskLists: readonly TaskListConfig[]
  /** As written; checked by the room of tasks when the daemon starts. */
  readonly schedules: readonly Readonly<Record<string, unknown>>[]
  readonly executors: ExecutorsConfig
  readonly log: { readonly level: LogLevel }
  /** A leave may take this long, in ms, before the process goes anyway. */
  readonly leaveMs: number
  /** The files that secrets were read from, the configuration file among them if it holds one. */
  readonly secretFiles: readonly string[]
}

export interface TaskListConfig {
  readonly path: string
  /** Run the valid tasks of a list that also has invalid ones. Default false: such a list is refused whole. */
  readonly allowInvalid: boolean
}
