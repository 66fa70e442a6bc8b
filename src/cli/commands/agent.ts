/** The daemon in this process: from options to a configuration, then the daemon's own exit code. */
import { flushCompileCache } from 'node:module'
import type { Problem } from '../../base/errors.ts'
import { parseConfig } from '../../config/parse.ts'
import { markOf } from '../../daemon/file-watch.ts'
import { usage } from '../arguments.ts'
import { type Call, flag, text } from '../command.ts'
import { configurationFlags } from './agent-flags.ts'

/** A daemon whose parent has gone, and which has not left by then, ends itself: nobody else will. In ms. */
const ORPHAN_MS_MAX = 20_000

export async function run({ values, terminal }: Call): Promise<number> {
  const problems: Problem[] = []
  const flags = configurationFlags(values, problems)
  if (problems.length > 0) throw usage('agent', problems)
  const named = text(values, 'config') ?? terminal.env['ROUNDTABLE_CONFIG']
  const path = named === '' ? undefined : named
  const file = path === undefined ? {} : { file: path }
  // Before it is read, so that a change from then on is found, however long the start takes.
  const seen = path === undefined ? {} : { mark: markOf(path) }
  const { env } = terminal
  const sources = { ...file, env, flags }
  const config = parseConfig(sources)
  const disarm = flag(values, 'stop-with-parent') ? stopWithParent() : () => undefined
  const { runDaemon } = await import('../../daemon/daemon.ts')
  const { readElsewhere } = await import('../../daemon/reading.ts')
  // A daemon killed with kill -9 writes no cache at its end, so what is loaded by now is kept now.
  flushCompileCache()
  const traceFile = text(values, 'trace')
  try {
    return await runDaemon(config, {
      ...(traceFile === undefined ? {} : { traceFile }),
      ownProcess: true,
      reload: { read: signal => readElsewhere(sources, signal), ...file, ...seen },
    })
  } finally {
    disarm()
  }
}

/**
 * Leaves when standard input ends: it is a pipe whose other end the parent holds, so it ends however the parent died.
 * Cheaper and surer than asking for the parent's pid again and again, which another process may have taken over.
 * @returns ends the watch
 */
function stopWithParent(): () => void {
  const leave = () => {
    process.kill(process.pid, 'SIGTERM')
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_MS_MAX).unref()
  }
  // A pipe that breaks has ended as well: `close` follows.
  process.stdin.on('error', () => undefined)
  process.stdin.once('close', leave)
  process.stdin.resume()
  return () => {
    process.stdin.off('close', leave)
    // Open, it would keep the process alive.
    process.stdin.destroy()
  }
}
