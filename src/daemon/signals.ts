import type { HeldSignals } from '../adapters/system/signals.ts'
import type { Logger } from '../runtime/ports.ts'
import type { Reload } from './reload.ts'

/** For the command line, which loads for a while before there is a daemon. */
export { holdSignals } from '../adapters/system/signals.ts'

/** The daemon was told to end before it had joined: there is nothing to leave. */
export class EndedEarly extends Error {
  override readonly name = 'EndedEarly'
}

/** Between two steps of a start. Throws `EndedEarly`. */
export function goOn({ ending }: HeldSignals): void {
  if (ending !== undefined) throw new EndedEarly(ending)
}

/** SIGTERM and SIGINT are a leave, a second one ends at once; SIGHUP is a reload. What came during the start acts now. */
export function handleSignals(
  signals: HeldSignals,
  { leave, reload, logger }: { leave: () => void; reload: Reload; logger: Logger },
): void {
  signals.deliverTo({
    first(signal) {
      logger.log('info', 'signal', { signal })
      leave()
    },
    hangup() {
      // A storm of them is one line, and `requests` of the reload that answers them.
      if (!reload.waits) logger.log('info', 'signal', { signal: 'SIGHUP' })
      void reload.request('signal')
    },
  })
}
