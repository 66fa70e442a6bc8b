/** The options of `agent`, which are the configuration's: the table there is the only one. */
import type { Problem } from '../../base/errors.ts'
import type { ConfigSources } from '../../config/parse.ts'
import { describeConfig } from '../../config/reference.ts'
import { type OptionTable, text, texts, type Values } from '../command.ts'

type Flags = NonNullable<ConfigSources['flags']>

/** Every key of the configuration that may stand on a command line (secrets may not). */
export function configurationOptions(): OptionTable {
  return Object.fromEntries(
    describeConfig().flatMap(({ flag, type, doc, default: value }) =>
      flag === undefined
        ? []
        : [[flag, { type: 'string', value: placeholder(type), help: `${doc} Default: ${value}.` } as const]],
    ),
  )
}

const placeholder = (type: string): string =>
  /^[a-z ]+$/.test(type) ? type.toUpperCase().replaceAll(' ', '-') : 'VALUE'

/** What `parseConfig` takes, made of what was typed; the short names are spelled out. */
export function configurationFlags(values: Values, problems: Problem[]): Flags {
  const flags: Record<string, Flags[string]> = {}
  for (const name of Object.keys(configurationOptions())) {
    const value = text(values, name)
    if (value !== undefined) flags[name] = value
  }
  addAddress(values, 'listen', 'transport', flags, problems)
  addAddress(values, 'http', 'http', flags, problems)
  addList(values, 'seed', 'seeds', flags)
  addList(values, 'advertise', 'transport-advertise', flags)
  addList(values, 'task-list', 'task-lists', flags)
  const minMembers = text(values, 'min-members')
  if (minMembers !== undefined) setOnce('min-members', 'tasks-min-members', minMembers, flags, problems)
  return flags
}

/** `--listen host:port` says two keys at once; `[::1]:7946` for IPv6. */
function addAddress(
  values: Values,
  name: string,
  room: string,
  flags: Record<string, Flags[string]>,
  problems: Problem[],
): void {
  const given = text(values, name)
  if (given === undefined) return
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given)
  if (match === null) {
    problems.push({ at: `--${name}`, expected: 'host:port', got: JSON.stringify(given) })
    return
  }
  setOnce(name, `${room}-host`, match[1] ?? match[2], flags, problems)
  setOnce(name, `${room}-port`, match[3], flags, problems)
}

/** Two options of one command line are equally strong: whichever won, the other would have been said for nothing. */
function setOnce(
  name: string,
  key: string,
  value: string | undefined,
  flags: Record<string, Flags[string]>,
  problems: Problem[],
): void {
  if (flags[key] === undefined) flags[key] = value
  else problems.push({ at: `--${name}`, expected: `either this or --${key}`, got: 'both' })
}

function addList(values: Values, name: string, key: string, flags: Record<string, Flags[string]>): void {
  const given = texts(values, name)
  if (given.length > 0) flags[key] = [...(typeof flags[key] === 'string' ? [flags[key]] : []), ...given]
}
