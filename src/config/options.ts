/**
 * The table of all options, and the only one: the parser, the reference in the README, the documented default file and
 * the tests all read it, so none of them can know an option that another does not.
 */
import type { Option } from './option.ts'
import { executorsOptions } from './options/executors.ts'
import { generalOptions } from './options/general.ts'
import { grantsOptions } from './options/grants.ts'
import { httpOptions } from './options/http.ts'
import { membershipOptions } from './options/membership.ts'
import { ringOptions } from './options/ring.ts'
import { tasksOptions } from './options/tasks.ts'
import { transportOptions } from './options/transport.ts'

/** What the defaults depend on. */
export interface Machine {
  readonly hostname: string
  /** CPU cores this process may use. */
  readonly cores: number
}

/** Every option, in the order of the reference. */
export function optionsOf(machine: Machine): readonly Option[] {
  return [
    ...generalOptions(machine.hostname),
    ...transportOptions(),
    ...httpOptions(),
    ...grantsOptions(),
    ...tasksOptions(machine.cores),
    ...executorsOptions(),
    ...membershipOptions(),
    ...ringOptions(),
  ]
}
