/**
 * What a module gets, and what it is: an ES module (or TypeScript, as far as node runs that) whose default export is
 *
 *     export default async function run(task, context) { ... return result }
 *
 * What it returns is the result, as JSON. What it throws is the error of the attempt, which is tried again as the task
 * says. It runs in a thread of its own, one attempt at a time, and lives on between attempts: what the module keeps in its
 * variables, such as open connections, is there for the next. So is a process that it started: it lives until an attempt is
 * stopped, or until the module has had nothing to do for 30 s. It is loaded anew when its file changed, or one that it imports
 * (those under `node_modules` aside).
 */

import type { ProgressReport } from '../../tasks/progress.ts'
import type { Json } from '../../tasks/task.ts'

/** What is to be done. */
export interface ModuleTask {
  readonly id: string
  readonly key: string
  readonly type: string
  readonly payload: Json
}

/** This attempt at it. */
export interface ModuleContext {
  /** From 1. */
  readonly attempt: number
  /** The node that runs it. */
  readonly node: string
  /** Orders it against attempts of other owners of the key. Where it is `safe`, no two of them act at one time. */
  readonly token: { readonly value: string; readonly safe: boolean }
  /** Wall clock ms at which its time limit ends. The right to act may end sooner; `signal` tells of both. */
  readonly deadlineMs: number
  /** Aborts when the attempt must stop: 200 ms later its thread is ended, and soon after that its process killed. */
  readonly signal: AbortSignal
  /**
   * How far it is, for whoever looks. The newest word counts; it may be called as often as one likes.
   * @throws TypeError when it is no progress
   */
  progress(report: ProgressReport): void
}

export type ModuleRun = (task: ModuleTask, context: ModuleContext) => unknown

/** How both travel to the thread. */
export interface ModuleCall {
  readonly task: ModuleTask
  readonly context: Omit<ModuleContext, 'signal' | 'progress'>
}
