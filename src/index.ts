/**
 * Roundtable as a library: run a daemon inside a program of your own, or compute owners as the daemons do.
 *
 *     const config = parseConfig({ env: process.env, flags: { 'node-id': 'web-1', seeds: ['web-2:7946'] } })
 *     const exitCode = await runDaemon(config)
 *
 * Or carry out the tasks of the node beside this program: see `claimTasks`.
 */

export type { ModuleContext, ModuleRun, ModuleTask } from './adapters/executors/module-task.ts'
export { CodedError, ERRORS, type ErrorCode, type Failure, type Problem } from './base/errors.ts'
export { asNodeId, asTaskId, type NodeId, type TaskId } from './base/ids.ts'
export {
  type Claim,
  type ClaimContext,
  type ClaimHandler,
  type ClaimOptions,
  claimTasks,
} from './client/claim-tasks.ts'
export type { Config, TaskListConfig } from './config/config.ts'
export { parseConfig } from './config/parse.ts'
export { type DaemonOptions, runDaemon } from './daemon/daemon.ts'
export type {
  Explanation,
  MemberView,
  NodeStatus,
  OwnerAnswer,
  RingView,
  TaskPage,
  TaskQuery,
} from './node/status.ts'
export { buildRing } from './ring/build-ring.ts'
export { type RingConfig, ringDefaults } from './ring/config.ts'
export { diffRings, type RangeChange } from './ring/diff.ts'
export type { KeyPlacement, Ring, RingMember } from './ring/ring.ts'
export type { Attempt, TaskRecord, TaskSpec, TaskState } from './tasks/task.ts'
