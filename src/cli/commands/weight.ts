import { usage } from '../arguments.ts'
import type { Call } from '../command.ts'
import { order } from '../control.ts'

export async function run(call: Call): Promise<number> {
  const given = call.args[0] ?? ''
  const weight = /^\d{1,3}(?:\.\d{1,6})?$/.test(given) ? Number(given) : Number.NaN
  if (!(weight >= 0.01 && weight <= 100))
    throw usage('weight', [
      { at: 'WEIGHT', expected: 'a number from 0.01 to 100', got: JSON.stringify(given) },
    ])
  return await order(call, '/v1/weight', { weight })
}
