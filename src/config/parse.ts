/**
 * From a file, the environment and the flags to one typed, frozen configuration: once, at the edge, all or nothing.
 *
 * Later sources win, option by option: defaults, file, environment, flags. Whoever gets it wrong learns of everything
 * that is wrong at once, each with what was expected and what came, because a configuration that is mended one error
 * per restart is mended in anger.
 *
 * Road not taken: one big zod object over the file's tree. It cannot tell from which source a value came, stops at the
 * first wrong section, and its defaults would be a second table beside those of the rooms.
 */
import { availableParallelism, hostname } from 'node:os'
import { resolve } from 'node:path'
import type { z } from 'zod'
import { CodedError, type Problem } from '../base/errors.ts'
import type { GrantsConfig, Mode } from '../grants/config.ts'
import { seedAddress } from './addresses.ts'
import { crossChecks } from './checks.ts'
import type { Config, TaskListConfig } from './config.ts'
import { parseConfigText, readConfigFile, readSmallFile, reasonOf, SECRET_FILE_BYTES_MAX } from './file.ts'
import type { Option } from './option.ts'
import { type Machine, optionsOf } from './options.ts'
import { HIDDEN, show } from './show.ts'
import { type FlagValue, fromEnvironment, fromFlags, fromTree, type Given, type Source } from './sources.ts'

export interface ConfigSources {
  /** Path of a YAML or JSON file. */
  readonly file?: string
  /** The content of a file, instead of `file` (relative paths then count from the working directory). */
  readonly text?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly flags?: Readonly<Record<string, FlagValue>>
  /** What defaults depend on; this machine, when absent. */
  readonly machine?: Machine
}

/** Problems shown at most; the rest is counted. */
const PROBLEMS_MAX = 100

/** Port of seeds that name none, where this node takes a free one for itself. */
const SEED_PORT = 7946

/** Throws CONFIG_UNREADABLE, or CONFIG_INVALID with every problem. */
export function parseConfig(sources: ConfigSources): Config {
  const options = optionsOf(sources.machine ?? { hostname: hostname(), cores: availableParallelism() })
  const read = [
    fileSource(sources, options),
    fromEnvironment(sources.env ?? {}, options),
    fromFlags(sources.flags ?? {}, options),
  ]
  const problems = read.flatMap(source => [...source.problems])
  const won = winners(read, problems)
  const values = valuesOf(options, won, problems)
  refuse(problems)
  return deepFreeze({ ...assemble(values), secretFiles: secretFilesOf([...won.values()], sources.file) })
}

/** Where secrets lie open or closed: files of their own, and the configuration file that says one itself. */
function secretFilesOf(won: readonly Given[], file: string | undefined): readonly string[] {
  const own = won
    .filter(({ option }) => option.fileOf !== undefined)
    .map(({ value, base }) => resolve(base, String(value)))
  const inside = won.some(({ option, at }) => option.secret === true && at === option.key)
  return [...new Set(inside && file !== undefined ? [...own, resolve(file)] : own)]
}

function fileSource(sources: ConfigSources, options: readonly Option[]): Source {
  const text = sources.file === undefined ? sources.text : readConfigFile(sources.file)
  if (text === undefined) return { given: [], problems: [] }
  return fromTree(parseConfigText(text, sources.file ?? 'configuration'), sources.file, options)
}

/** The last word on each option. A secret and the file it may come from are one option: the later one wins. */
function winners(read: readonly Source[], problems: Problem[]): ReadonlyMap<string, Given> {
  const won = new Map<string, Given>()
  for (const { given } of read) {
    for (const each of given) {
      const twin = given.find(other => other.option.fileOf === each.option.key)
      if (twin !== undefined) {
        problems.push({ at: each.at, expected: `either this or ${twin.at}`, got: 'both' })
      }
      won.delete(each.option.fileOf ?? '')
      for (const key of won.keys()) if (won.get(key)?.option.fileOf === each.option.key) won.delete(key)
      won.set(each.option.key, each)
    }
  }
  return won
}

/** Every option's value: given and checked, else its default. Wrong ones are added to the problems. */
function valuesOf(
  options: readonly Option[],
  won: ReadonlyMap<string, Given>,
  problems: Problem[],
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>(options.map(option => [option.key, option.default]))
  const invalid = new Set<string>()
  for (const option of options) {
    const given = won.get(option.key) ?? defaultGiven(option)
    if (given === undefined) continue
    const checked = check(given)
    problems.push(...checked.problems)
    if (checked.problems.length > 0) invalid.add(option.fileOf ?? option.key)
    else values.set(option.fileOf ?? option.key, checked.value)
  }
  problems.push(...crossChecks(values, invalid))
  return values
}

/** A default that comes from the machine is checked like any other value. */
function defaultGiven(option: Option): Given | undefined {
  if (option.default === undefined) return undefined
  return { option, value: option.default, at: option.key, base: process.cwd() }
}

interface Checked {
  readonly value: unknown
  readonly problems: readonly Problem[]
}

function check({ option, value, at, base }: Given): Checked {
  const result = option.type.schema.safeParse(value)
  if (!result.success) {
    const problems = result.error.issues.flatMap(insideOf).map(issue => problemOf(issue, option, value, at))
    return { value: undefined, problems: distinct(problems).slice(0, PROBLEMS_MAX) }
  }
  if (option.path !== true) return { value: rebased(result.data, option, base), problems: [] }
  const path = resolve(base, String(result.data))
  return option.fileOf === undefined ? { value: path, problems: [] } : secretFrom(path, option, at)
}

/** Of what may have several forms: what is wrong inside of the form that it has, where it has one. */
function insideOf(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const inside = issue.errors.find(issues => issues.some(({ path }) => path.length > 0))
  return inside?.map(each => ({ ...each, path: [...issue.path, ...each.path] })) ?? [issue]
}

function problemOf(issue: z.core.$ZodIssue, option: Option, value: unknown, at: string): Problem {
  const place = [at, ...issue.path.map(String)].join('.')
  if (issue.code !== 'invalid_key')
    return { at: place, expected: issue.message, got: gotOf(option, value, issue.path) }
  const key = String(issue.path.at(-1))
  return { at: place, expected: issue.issues[0]?.message ?? issue.message, got: `the name ${show(key)}` }
}

/** A number may be too large in more than one way. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()]
}

/** Relative paths of task lists count from where they were written, too. */
function rebased(value: unknown, option: Option, base: string): unknown {
  if (option.key !== 'taskLists') return value
  return (value as readonly TaskListConfig[]).map(list => ({ ...list, path: resolve(base, list.path) }))
}

function secretFrom(path: string, option: Option, at: string): Checked {
  try {
    const secret = readSmallFile(path, SECRET_FILE_BYTES_MAX).trim()
    const target = optionsByKey().get(option.fileOf ?? '')
    if (target === undefined || target.type.schema.safeParse(secret).success)
      return { value: secret, problems: [] }
    const got = secret === '' ? `an empty file ${show(path)}` : `other content in ${show(path)}`
    return { value: undefined, problems: [{ at, expected: `a file with ${target.type.expected}`, got }] }
  } catch (cause) {
    const got = `${show(path)}: ${reasonOf(cause)}`
    return { value: undefined, problems: [{ at, expected: 'a file that can be read', got }] }
  }
}

let table: ReadonlyMap<string, Option> | undefined

function optionsByKey(): ReadonlyMap<string, Option> {
  table ??= new Map(optionsOf({ hostname: 'localhost', cores: 2 }).map(option => [option.key, option]))
  return table
}

/** What stands at the path of an issue, unless it is a secret or the environment of a command. */
function gotOf(option: Option, value: unknown, path: readonly PropertyKey[]): string {
  if (option.secret === true || path.includes('env')) return HIDDEN
  let found = value
  for (const step of path) {
    const inside = typeof found === 'object' && found !== null ? found : {}
    found = Object.hasOwn(inside, step) ? (inside as Record<PropertyKey, unknown>)[step] : undefined
  }
  return show(found)
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const shown = problems.slice(0, PROBLEMS_MAX)
  const lines = shown.map(({ at, expected, got }) => `\n  ${at}: expected ${expected}; got ${got}`)
  const more = problems.length > shown.length ? `\n  and ${problems.length - shown.length} more` : ''
  const detail = `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}:${lines.join('')}${more}`
  throw new CodedError('CONFIG_INVALID', detail, { problems: shown })
}

/** From dotted keys to the tree that `Config` describes. Every key of the table but the `...File` ones is in it. */
function assemble(values: ReadonlyMap<string, unknown>): Omit<Config, 'secretFiles'> {
  const tree: Record<string, unknown> = {}
  for (const [key, value] of values) {
    const option = optionsByKey().get(key)
    if (option?.fileOf !== undefined) continue
    const steps = (option?.place ?? key).split('.')
    let branch = tree
    for (const step of steps.slice(0, -1)) {
      branch[step] ??= {}
      branch = branch[step] as Record<string, unknown>
    }
    branch[steps.at(-1) ?? key] = value
  }
  const config = tree as unknown as Config
  const port = config.transport.port === 0 ? SEED_PORT : config.transport.port
  const seeds = [...new Set(config.seeds.map(seed => seedAddress(seed, port)))]
  const clusterKey = config.transport.clusterKey?.toLowerCase()
  const grants = { ...config.grants, mode: config.grants.mode ?? modeOf(config.grants) }
  return { ...config, seeds, grants, transport: { ...config.transport, clusterKey } }
}

/** Whoever says who votes wants them to. */
const modeOf = ({ expectedNodes, voters }: GrantsConfig): Mode =>
  expectedNodes === undefined && voters.length === 0 ? 'available' : 'quorum'

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
