/**
 * The last word of a daemon that dies of an error which nobody expected.
 *
 * After such an error nobody knows what holds any more, so nothing goes on: Node.js ends the process with code 1 and takes no
 * further turn, no leave, no write. Peers see the connections close and take over; the runner kills what it runs. All that
 * is done before is to say it where the daemon says everything else, since a trace on standard error is in no log.
 *
 * Not taken: a handler of `uncaughtException`. With one, going on is the default and ending is what one must not forget.
 */
import type { DaemonLogger } from '../adapters/system/logger.ts'

/** Errors inside of errors that are told of, at most. */
const CAUSES_MAX = 8

/** From now on until what it returns is called. */
export function watchCrashes(lines: DaemonLogger): () => void {
  const say = (error: unknown, origin: string): void => sayCrash(lines, error, origin)
  process.on('uncaughtExceptionMonitor', say)
  return () => process.off('uncaughtExceptionMonitor', say)
}

/**
 * Written out when it returns, unless nobody reads.
 * @param origin how it came: `uncaughtException`, `unhandledRejection`, or during `start` or `stop`
 */
export function sayCrash(lines: DaemonLogger, error: unknown, origin: string): void {
  const known = error instanceof Error
  const causes = causesOf(error)
  lines.log('error', 'daemon-crashed', {
    name: known ? error.name : typeof error,
    message: known ? error.message : String(error),
    stack: known ? error.stack : undefined,
    causes: causes.length === 0 ? undefined : causes,
    origin,
  })
  lines.flush()
}

/** What is inside of it, nearest first. */
function causesOf(error: unknown): string[] {
  const found = insideOf(error)
  for (let i = 0; i < found.length && found.length < CAUSES_MAX; i++) found.push(...insideOf(found[i]))
  return found.slice(0, CAUSES_MAX).map(String)
}

function insideOf(error: unknown): unknown[] {
  const several: unknown[] = error instanceof AggregateError ? error.errors : []
  return error instanceof Error && error.cause !== undefined ? [error.cause, ...several] : [...several]
}
