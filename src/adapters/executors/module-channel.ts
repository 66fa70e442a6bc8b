/** What the runner and the process that hosts a module say to each other, over the socket on `CHANNEL_FD`. */
import { type ProgressReport, readProgress } from '../../tasks/progress.ts'
import type { ModuleCause } from './messages.ts'

export type HostOrder =
  /** Run this: a `ModuleCall` as JSON. Only when nothing runs. */
  | { readonly kind: 'run'; readonly call: string }
  /** Stop what runs: it is told, and its thread ended `ABORT_GRACE_MS` later. */
  | { readonly kind: 'abort' }

export type HostReport = { readonly kind: 'progress'; readonly report: ProgressReport } | HostEnd

/** What ran has ended. */
export interface HostEnd {
  readonly kind: 'ended'
  /** `stopped`: after an `abort`, whatever it would have said. */
  readonly cause: Exclude<ModuleCause, 'timeout' | 'killed' | 'fenced' | 'spawn-failed'> | 'stopped'
  readonly result: string | null
  readonly message: string
  readonly loaded: boolean
}

/** What the thread of a module says to its host. */
export type ThreadReport =
  | { readonly kind: 'progress'; readonly report: ProgressReport }
  /** A file of the module was read; `stamp` changes with its content. */
  | { readonly kind: 'file'; readonly path: string; readonly stamp: string }
  | {
      readonly kind: 'ended'
      readonly cause: 'returned' | 'threw' | 'unloadable' | 'result' | 'output'
      readonly result: string | null
      readonly message: string
      /** Of its heap, in bytes. */
      readonly heapUsed: number
    }

/** From the signal to the end of the thread, in ms: so that it is over before the runner kills the process. */
export const ABORT_GRACE_MS = 200

/** Bytes of JSON that a module may return. What is stored of it is less (`tasks.resultBytesMax`). */
export const RESULT_BYTES_MAX = 1024 * 1024

/** Characters of an error that travel; an attempt keeps less. */
export const MESSAGE_CHARS_MAX = 8_000

const HOST_CAUSES: ReadonlySet<unknown> = new Set<HostEnd['cause']>([
  'returned',
  'threw',
  'unloadable',
  'exited',
  'memory',
  'result',
  'output',
  'stopped',
])

/**
 * The report, or undefined when it is not one. A module can write to any descriptor of its process, and what comes from there goes
 * on to the daemon in the name of the runner.
 */
export function asHostReport(value: unknown): HostReport | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, report, cause, result, message, loaded } = value as Readonly<Record<string, unknown>>
  if (kind === 'progress') {
    const read = readProgress(report)
    return read.ok ? { kind, report: read.report } : undefined
  }
  if (kind !== 'ended' || !HOST_CAUSES.has(cause) || typeof loaded !== 'boolean') return undefined
  if (typeof message !== 'string' || message.length > MESSAGE_CHARS_MAX) return undefined
  const fits = typeof result === 'string' ? result.length <= RESULT_BYTES_MAX : cause !== 'returned'
  return fits && (typeof result === 'string' || result === null) ? (value as HostEnd) : undefined
}
