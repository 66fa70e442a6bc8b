import type { Call } from '../command.ts'
import { order } from '../control.ts'

export const run = (call: Call): Promise<number> => {
  const body = call.values['former-disk'] === true ? { formerDisk: true } : {}
  return order(call, `/v1/forget/${encodeURIComponent(call.args[0] ?? '')}`, body)
}
