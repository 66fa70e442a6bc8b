/** `echo`: the result is the payload, whatever it is. For trying out. */
import { cancelled, type Executor, succeeded } from './executor.ts'

export const echo: Executor = {
  check: () => undefined,
  execute: async (order, signal) => (signal.aborted ? cancelled() : succeeded(order.payload)),
}
