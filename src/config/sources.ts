/** Collects what file, environment and flags say, each under its option's key, with the place where it was said. */
import { dirname, resolve } from 'node:path'
import type { Problem } from '../base/errors.ts'
import { flagOf, type Option, variableOf } from './option.ts'
import { knownKey } from './shapes.ts'

/** One option as one source gives it. */
export interface Given {
  readonly option: Option
  readonly value: unknown
  /** How to name the place in an error: the key, `NODE_LIST`, `--http-port`. */
  readonly at: string
  /** Where relative paths count from. */
  readonly base: string
}

/** What one source says, in one pass. */
export interface Source {
  readonly given: readonly Given[]
  readonly problems: readonly Problem[]
}

export type FlagValue =
  | string
  | number
  | boolean
  | readonly unknown[]
  | Readonly<Record<string, unknown>>
  | undefined

/** Variables of the command line client and of the start script, which are none of the daemon's options. */
export const OTHER_VARIABLES: readonly string[] = [
  'ROUNDTABLE_CONFIG',
  'ROUNDTABLE_URL',
  'ROUNDTABLE_TOKEN',
  'ROUNDTABLE_TOKEN_FILE',
  'ROUNDTABLE_NODE',
]

/** What a command run by a daemon is told about its task: a task may start a daemon of its own. */
const TASK_VARIABLES = 'ROUNDTABLE_TASK_'

/**
 * Kubernetes sets `ROUNDTABLE_PORT=tcp://10.0.0.1:7373` and the like in every container beside a service of that name
 * (`ROUNDTABLE_HTTP_PORT` where the service is called roundtable-http). They were not meant for us. Seeds written like that
 * were: a node that took no notice of them would begin a cluster of its own.
 */
function isServiceLink(name: string, value: string): boolean {
  if (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\/[^/]+:\d+$/.test(value)) return true
  return (
    /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name)
  )
}

/** @param tree the mapping in the file; @param path of the file, when there is one */
export function fromTree(
  tree: Readonly<Record<string, unknown>>,
  path: string | undefined,
  options: readonly Option[],
): Source {
  const byKey = new Map(options.map(option => [option.key, option]))
  const base = path === undefined ? process.cwd() : dirname(resolve(path))
  const found = { given: [] as Given[], problems: [] as Problem[] }
  const walk = (branch: Readonly<Record<string, unknown>>, prefix: string): void => {
    for (const [name, value] of Object.entries(branch)) {
      const key = prefix + name
      const option = byKey.get(key)
      if (option !== undefined) add(option, value, key)
      else if (options.some(known => known.key.startsWith(`${key}.`))) descend(value, key)
      else found.problems.push({ at: key, expected: knownKey(key, [...byKey.keys()]), got: 'an unknown key' })
    }
  }
  const add = (option: Option, value: unknown, key: string): void => {
    if (found.given.some(other => other.option === option)) {
      found.problems.push({ at: key, expected: 'each option once', got: 'it again' })
    } else if (value !== null && value !== undefined) found.given.push({ option, value, at: key, base })
  }
  const descend = (value: unknown, key: string): void => {
    if (value === null) return
    if (typeof value === 'object' && !Array.isArray(value)) walk(value as Record<string, unknown>, `${key}.`)
    else
      found.problems.push({
        at: key,
        expected: 'a mapping',
        got: Array.isArray(value) ? 'a list' : `a ${typeof value}`,
      })
  }
  walk(tree, '')
  return found
}

/** Empty variables count as unset, as compose files and shells leave them behind. */
export function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  options: readonly Option[],
): Source {
  const given: Given[] = []
  const base = process.cwd()
  const usable = (name: string): string | undefined => {
    const value = env[name]
    return value === undefined || value.trim() === '' || isServiceLink(name, value) ? undefined : value
  }
  for (const option of options) {
    const own = usable(variableOf(option.key))
    const alias = option.alias === undefined ? undefined : usable(option.alias)
    if (own !== undefined)
      given.push({ option, value: option.type.fromText(own), at: variableOf(option.key), base })
    else if (alias !== undefined && option.alias !== undefined) {
      given.push({ option, value: option.type.fromText(alias), at: option.alias, base })
    }
  }
  return {
    given,
    problems: strangers(
      env,
      options.map(option => variableOf(option.key)),
      usable,
    ),
  }
}

/** `ROUNDTABLE_` variables that are no option. */
function strangers(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly string[],
  usable: (name: string) => string | undefined,
): readonly Problem[] {
  const problems: Problem[] = []
  for (const name of Object.keys(env)) {
    if (!name.startsWith('ROUNDTABLE_') || known.includes(name) || usable(name) === undefined) continue
    if (OTHER_VARIABLES.includes(name) || name.startsWith(TASK_VARIABLES)) continue
    problems.push({ at: name, expected: knownKey(name, known), got: 'an unknown variable' })
  }
  return problems
}

/** Flags by their name (`http-port`) or by key (`http.port`); text is read as in the environment, other values as in a file. */
export function fromFlags(flags: Readonly<Record<string, FlagValue>>, options: readonly Option[]): Source {
  const found = { given: [] as Given[], problems: [] as Problem[] }
  const known = options.filter(option => option.secret !== true)
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue
    const option = options.find(o => o.key === name || flagOf(o.key) === name || o.flagAlias === name)
    const at = `--${option === undefined || name === option.flagAlias ? name : flagOf(option.key)}`
    if (option?.secret === true) {
      found.problems.push({
        at,
        expected:
          'the configuration file, the environment or a file of its own: every user can read the arguments of a process',
        got: 'a secret as a flag',
      })
    } else if (found.given.some(other => other.option === option)) {
      found.problems.push({ at, expected: 'each option once', got: 'it again, under another of its names' })
    } else if (option !== undefined) {
      found.given.push({ option, value: flagValue(value, option), at, base: process.cwd() })
    } else
      found.problems.push({
        at,
        expected: knownKey(
          name,
          known.map(o => flagOf(o.key)),
        ),
        got: 'an unknown flag',
      })
  }
  return found
}

function flagValue(value: FlagValue, option: Option): unknown {
  if (typeof value === 'string') return option.type.fromText(value)
  if (!Array.isArray(value)) return value
  return value.flatMap(item => (typeof item === 'string' ? option.type.fromText(item) : item))
}
