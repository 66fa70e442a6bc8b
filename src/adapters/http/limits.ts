import { DEADLINE_MS_MAX } from './body-fields.ts'

/** Everything about HTTP that could grow or wait, and how far it may. A test may ask for tighter ones. */
export interface HttpLimits {
  /** Open connections; more are closed at once and counted. Each costs about 20 KiB. */
  readonly connectionsMax: number
  /** Requests that wait for another node at one time; more are answered OVERLOADED. */
  readonly waitingMax: number
  /** Requests a second that one remote address may make, and how many it may save up. */
  readonly remoteRatePerS: number
  readonly remoteBurst: number
  /** The same for this machine itself, whose application asks for the owner of every key it meets. */
  readonly localRatePerS: number
  readonly localBurst: number
  /** Addresses whose rate is remembered; the one seen least recently is forgotten, and starts afresh. */
  readonly remotesMax: number
  /** All headers of a request together. */
  readonly headerBytesMax: number
  /** Time for all headers, and for the whole request, to arrive. */
  readonly headersMs: number
  readonly requestMs: number
  /** A body of tasks line by line may take this long in all, and stand still for this long at a time. */
  readonly linesMs: number
  readonly linesStallMs: number
  /** Bytes of tasks of batches under way to their owners: half of what a link queues before it is cut off. */
  readonly batchBytesMax: number
  /** How often headers and bodies that take too long are looked for. */
  readonly timeoutCheckMs: number
  /**
   * A connection on which nothing moves either way for so long is closed, whoever should speak: above the longest time that
   * anybody may ask to wait (a drain, `DEADLINE_MS_MAX`) and its answer. Else whoever reads nothing of its answer held it, and
   * its place, for ever.
   */
  readonly stillMs: number
  /** An idle connection is kept this long. */
  readonly keepAliveMs: number
  /** A request to another node is given up on after this; its own limit (tasks.forwardMs) comes first. */
  readonly answerMs: number
  /**
   * What asks all nodes round by round begins none that would end after this; the answer says where to go on. With a round of
   * `tasks.forwardMs` (5 s) that began in time it is within the 15 s that the command line waits.
   */
  readonly roundsMs: number
  /** How long `stop` waits for requests in flight. */
  readonly stopMs: number
  /** Values inside values in a JSON body. */
  readonly jsonDepthMax: number
  /** Followers of `/v1/events` at one time; more are answered OVERLOADED. */
  readonly eventStreamsMax: number
  /** Keys that one of them may follow. */
  readonly eventKeysMax: number
  /** How often a comment is sent, and how long a follower may take nothing before it is cut off. */
  readonly eventHeartbeatMs: number
  readonly eventStallMs: number
  /** How often the owners of followed keys are looked at when the view or the grants have changed. */
  readonly eventWatchMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 1_024,
  waitingMax: 4_096,
  remoteRatePerS: 5_000,
  remoteBurst: 10_000,
  localRatePerS: 100_000,
  localBurst: 200_000,
  remotesMax: 1_024,
  headerBytesMax: 16 * 1024,
  headersMs: 5_000,
  requestMs: 15_000,
  linesMs: 4 * 3_600_000,
  linesStallMs: 30_000,
  batchBytesMax: 4 * 1024 * 1024,
  timeoutCheckMs: 1_000,
  stillMs: DEADLINE_MS_MAX + 60_000,
  keepAliveMs: 65_000,
  answerMs: 30_000,
  roundsMs: 9_000,
  stopMs: 1_000,
  jsonDepthMax: 64,
  eventStreamsMax: 64,
  eventKeysMax: 100,
  eventHeartbeatMs: 10_000,
  eventStallMs: 30_000,
  eventWatchMs: 100,
}

/** A key of `KEY_BYTES_MAX` bytes, each percent-encoded as three characters. */
export const PATH_PARAMETER_LENGTH_MAX = 3 * 1_024
