/**
 * libp2p logs every frame in words; formatting them costs more than the frames. So its chatter is off, and its errors go
 * to the log of the daemon at level debug, where whoever looks for the reason of a failed dial finds them.
 */
import { format } from 'node:util'
import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface'
import type { Logger } from '../../runtime/ports.ts'

const TEXT_CHARS_MAX = 500

export function quietLogger(logger: Logger): ComponentLogger {
  return { forComponent: name => quiet(logger, name) }
}

const silent = Object.assign(() => undefined, { enabled: false })

function quiet(logger: Logger, component: string): Libp2pLogger {
  const error = (template: unknown, ...values: unknown[]) => {
    const text = format(String(template).replace(/%[epatbkmd]/g, '%s'), ...values.map(brief))
    logger.log('debug', 'libp2p.error', { component, text: text.slice(0, TEXT_CHARS_MAX) })
  }
  return Object.assign(() => undefined, {
    enabled: false,
    trace: silent,
    error: Object.assign(error, { enabled: false }),
    newScope: (name: string) => quiet(logger, `${component}:${name}`),
  })
}

function brief(value: unknown): string {
  return value instanceof Error ? `${value.name}: ${value.message}` : String(value)
}
