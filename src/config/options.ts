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

/** Tables kept; a process asks for that of its own machine, and for one that stands for any. */
const TABLES_MAX = 8

const tables = new Map<string, readonly Option[]>()

/**
 * Every option, in the order of the reference. Tables are kept: the schemas of one take 20 ms to make, in which a daemon
 * that reads its configuration again would hear nobody.
 */
export function optionsOf(machine: Machine): readonly Option[] {
  const name = `${machine.cores} ${machine.hostname}`
  const known = tables.get(name)
  if (known !== undefined) return known
  if (tables.size >= TABLES_MAX) tables.clear()
  const table = tableOf(machine)
  tables.set(name, table)
  return table
}

function tableOf(machine: Machine): readonly Option[] {
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
