import type { Call } from '../command.ts'
import { order } from '../control.ts'

export const run = (call: Call): Promise<number> => order(call, '/v1/cordon')
