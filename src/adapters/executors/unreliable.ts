/**
 * `unreliable`: fails on the first attempts and then succeeds, for trying out retries. The payload is
 * `{ failures: 2 }`, which is also what an empty one means; the result is `{ attempt }`.
 */
import { cancelled, type Executor, failed, succeeded } from './executor.ts'
import { invalid, strangeFields } from './payload.ts'

const FAILURES_DEFAULT = 2

interface UnreliablePayload {
  readonly failures?: number
}

export const unreliable: Executor = {
  check(payload) {
    if (payload === null) return undefined
    const strange = strangeFields(payload, ['failures'])
    if (strange !== undefined) return strange
    const { failures } = payload as UnreliablePayload
    if (failures === undefined || (Number.isSafeInteger(failures) && failures >= 0)) return undefined
    return invalid('payload.failures', 'a whole number of attempts, 0 or more', failures)
  },

  async execute(order, signal) {
    if (signal.aborted) return cancelled()
    const { failures = FAILURES_DEFAULT } = (order.payload ?? {}) as UnreliablePayload
    if (order.attempt > failures) return succeeded({ attempt: order.attempt })
    return failed('THREW', `attempt ${order.attempt} fails, as the first ${failures} are to`)
  },
}
