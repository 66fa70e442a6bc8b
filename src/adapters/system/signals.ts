/** How a process that a signal ended is reported by shells: 128 + its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

export type TerminationSignal = keyof typeof EXIT_CODES

export interface SignalHandlers {
  /** SIGTERM or SIGINT: leave in good order. */
  readonly first: (signal: TerminationSignal) => void
  /** Another one: called just before the process exits with 130 (SIGINT) or 143 (SIGTERM). */
  readonly second?: (signal: TerminationSignal) => void
  /** SIGHUP: read the configuration again. Without it SIGHUP ends the process, as it does by default. */
  readonly hangup?: () => void
}

/**
 * Ctrl-C goes to every process of the terminal, and wrappers like npm pass theirs on: the daemon gets two SIGINTs
 * within milliseconds for one key. A second one this soon after the first, in ms, is the same.
 */
const SAME_KEY_MS = 100

/**
 * Asks politely once: the first signal starts the leave, a second one ends the process at once.
 *
 * @returns a function that gives the signals back; idempotent
 */
export function onTermination(handlers: SignalHandlers): () => void {
  let firstAt: number | undefined
  const terminate = (signal: TerminationSignal): void => {
    const now = performance.now()
    if (firstAt === undefined) {
      firstAt = now
      handlers.first(signal)
    } else if (signal !== 'SIGINT' || now - firstAt >= SAME_KEY_MS) {
      handlers.second?.(signal)
      process.exit(EXIT_CODES[signal])
    }
  }
  const hangup = (): void => handlers.hangup?.()
  process.on('SIGINT', terminate)
  process.on('SIGTERM', terminate)
  if (handlers.hangup !== undefined) process.on('SIGHUP', hangup)
  return () => {
    process.off('SIGINT', terminate)
    process.off('SIGTERM', terminate)
    process.off('SIGHUP', hangup)
  }
}
