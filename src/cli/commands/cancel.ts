import type { Call } from '../command.ts'
import { orderEach } from './orders.ts'

export const run = (call: Call): Promise<number> => orderEach(call, 'cancel')
