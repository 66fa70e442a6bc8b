import { pino } from 'pino'
import type { Logger } from '../../runtime/ports.ts'
import { bounded, printable } from './fields.ts'
import { LineWriter } from './line-writer.ts'

type LogLevel = Parameters<Logger['log']>[0]

export interface LoggerOptions {
  readonly level: LogLevel
  readonly nodeId: string
  /** A file descriptor (default 1, standard output), or anything that takes lines. */
  readonly destination?: number | { write(line: string): unknown }
}

export interface DaemonLogger extends Logger {
  /**
   * Adds fields to every later line that does not bring its own of that name (incarnation, once it is known). Asked anew
   * for each line, as they may change; what was bound before is bound no more.
   */
  bind(fields: () => Readonly<Record<string, unknown>>): void
  setLevel(level: LogLevel): void
  /** Lines that could not be written. */
  readonly dropped: number
  /** Writes out what waits for a slow reader, for at most half a second. Happens by itself when the process exits. */
  flush(): void
  /** Flushes; later lines are dropped. Idempotent. */
  close(): void
}

/** Set by the logger itself; a caller's field of the same name gets a `_` behind. */
const OWN_NAMES: ReadonlySet<string> = new Set(['level', 'time', 'nodeId', 'event'])

/**
 * Logs for machines: one JSON line an event, `{level, time, nodeId, event, ...}`, level as a word, time in ISO 8601.
 * Logging never throws and never waits (see `LineWriter`), and no field can make a line unreadable or endless.
 *
 * It masks nothing: secrets are never given to it.
 */
export function createLogger(options: LoggerOptions): DaemonLogger {
  const { destination = 1 } = options
  const writer = typeof destination === 'number' ? new LineWriter(destination) : undefined
  const sink = typeof destination === 'number' ? undefined : destination
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: level => ({ level }) },
    },
    writer ?? { write: line => sink?.write(line) },
  )
  let lost = 0
  let bound: () => Readonly<Record<string, unknown>> = () => ({})

  return {
    log(level, event, fields = {}) {
      if (!lines.isLevelEnabled(level)) return
      try {
        lines[level]({
          nodeId: options.nodeId,
          ...printable(bound(), OWN_NAMES),
          event: bounded(event),
          ...printable(fields, OWN_NAMES),
        })
      } catch {
        lost++ // a getter or a sink that throws: counted, because there is no other place to tell
      }
    },
    bind(fields) {
      bound = fields
    },
    setLevel(level) {
      lines.level = level
    },
    get dropped() {
      return lost + (writer?.dropped ?? 0)
    },
    flush: () => writer?.flush(),
    close: () => writer?.close(),
  }
}
