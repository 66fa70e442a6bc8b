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
 * Ctrl-C goes to every process of the terminal, and systemd sends SIGTERM to every process of a unit; wrappers like npm or
 * tini pass theirs on. So the daemon gets two of a kind within milliseconds for one. A second one this soon after the
 * first, in ms, is the same.
 */
const SAME_MS = 100

/**
 * Asks politely once: the first signal starts the leave, a second one ends the process at once.
 *
 * @returns a function that gives the signals back; idempotent
 */
export function onTermination(handlers: SignalHandlers): () => void {
  let first: { readonly signal: TerminationSignal; readonly at: number } | undefined
  const terminate = (signal: TerminationSignal): void => {
    const now = performance.now()
    if (first === undefined) {
      first = { signal, at: now }
      handlers.first(signal)
    } else if (signal !== first.signal || now - first.at >= SAME_MS) {
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

/** Signals that are taken before there is anybody to act on them. */
export interface HeldSignals {
  /** The SIGTERM or SIGINT that came first, if one has come. */
  readonly ending: TerminationSignal | undefined
  /**
   * From now on these act: at once on what was held (of SIGHUPs, on one), then on each as it comes. Called again, the next
   * ones act in their place; a SIGHUP waits for those that take it.
   */
  deliverTo(handlers: SignalHandlers): void
  /** Gives the signals back when all who hold them have done so. Idempotent. */
  release(): void
}

let held: { readonly signals: Omit<HeldSignals, 'release'>; readonly giveBack: () => void } | undefined
let holders = 0

/**
 * Takes the signals of this process, so that none ends it by default while it is not ready to act: a SIGHUP waits, a
 * first SIGTERM or SIGINT is there to be asked for, a second one ends the process at once. Whoever calls it again gets
 * what is held already.
 */
export function holdSignals(): HeldSignals {
  held ??= hold()
  holders++
  const { signals, giveBack } = held
  let holds = true
  return {
    get ending() {
      return signals.ending
    },
    deliverTo: handlers => signals.deliverTo(handlers),
    release() {
      if (!holds) return
      holds = false
      if (--holders > 0) return
      held = undefined
      giveBack()
    },
  }
}

function hold(): NonNullable<typeof held> {
  let handlers: SignalHandlers | undefined
  let ending: TerminationSignal | undefined
  let hungUp = false
  const giveBack = onTermination({
    first(signal) {
      ending = signal
      handlers?.first(signal)
    },
    second: signal => handlers?.second?.(signal),
    hangup() {
      if (handlers?.hangup === undefined) hungUp = true
      else handlers.hangup()
    },
  })
  const signals = {
    get ending() {
      return ending
    },
    deliverTo(next: SignalHandlers) {
      handlers = next
      if (ending !== undefined) next.first(ending)
      if (!hungUp || next.hangup === undefined) return
      hungUp = false
      next.hangup()
    },
  }
  return { signals, giveBack }
}
