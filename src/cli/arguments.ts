/**
 * argv -> one checked call. Everything that is wrong is said at once, each with what was probably meant; `parseArgs`
 * alone would stop at the first.
 */
import { parseArgs } from 'node:util'
import { CodedError, type Problem } from '../base/errors.ts'
import { nearest } from '../config/nearest.ts'
import type { Command, OptionSpec, OptionTable } from './command.ts'

export const GLOBAL_OPTIONS: OptionTable = {
  json: { type: 'boolean', help: 'Print JSON on standard output and nothing else there; errors too.' },
  help: { type: 'boolean', short: 'h', help: 'Print help and end.' },
  version: { type: 'boolean', help: 'Print the version and end.' },
}

/** For commands that talk to a daemon. */
export const CLIENT_OPTIONS: OptionTable = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'Where the daemon answers; ROUNDTABLE_URL, else what ROUNDTABLE_HTTP_HOST and _PORT say (127.0.0.1, 7373).',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'Its bearer token, if it needs one. Better in ROUNDTABLE_TOKEN: others can read command lines.',
  },
}

/** Options that may also stand before the name of the command. */
const LEADING: OptionTable = { ...GLOBAL_OPTIONS, ...CLIENT_OPTIONS }

/** The index of the command's name in argv: the first word that is neither an option nor the value of one. */
export function commandIndex(argv: readonly string[]): number {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (!word.startsWith('-') || word === '-') return i
    if (LEADING[word.slice(2)]?.type === 'string') i++
  }
  return -1
}

export interface Parsed {
  readonly args: readonly string[]
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
}

/**
 * Reads the words after the command's name (and the options before it).
 * @throws CodedError `USAGE` with every problem
 */
export function parseCall(command: Command, options: OptionTable, words: readonly string[]): Parsed {
  const table = { ...GLOBAL_OPTIONS, ...options }
  const parsed = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, nodeOption(spec)])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const args = new Map<number, string>()
  const problems: Problem[] = []
  for (const token of parsed.tokens) {
    const word = words[token.index] ?? ''
    if (token.kind === 'positional' || (token.kind === 'option' && isNumber(word)))
      args.set(token.index, word)
    else if (token.kind === 'option')
      problems.push(...problemsOf(token.rawName, token.value, table[token.name], table))
  }
  const wantsHelp = parsed.values['help'] === true
  if (problems.length === 0 && !wantsHelp) problems.push(...arityProblems(command, [...args.values()]))
  if (problems.length > 0) throw usage(command.name, problems)
  const known = Object.entries(parsed.values).filter(([name]) => Object.hasOwn(table, name))
  return { args: [...args.values()], values: Object.fromEntries(known) as Parsed['values'] }
}

/** No option begins with a digit, so this is a number below zero. */
const isNumber = (word: string): boolean => /^-\d+(?:\.\d+)?$/.test(word)

/** The error for a call that cannot be understood, with the way to the help. */
export function usage(command: string | undefined, problems: readonly Problem[]): CodedError {
  const name = command === undefined ? '' : ` ${command}`
  const said = problems.map(({ at, expected, got }) => `${at}: expected ${expected}, got ${got}.`)
  return new CodedError('USAGE', `${said.join(' ')} See \`roundtable${name} --help\`.`, { problems })
}

function nodeOption(spec: OptionSpec) {
  return {
    type: spec.type,
    ...(spec.short === undefined ? {} : { short: spec.short }),
    ...(spec.multiple === undefined ? {} : { multiple: spec.multiple }),
  }
}

function problemsOf(
  raw: string,
  value: string | undefined,
  spec: OptionSpec | undefined,
  table: OptionTable,
): readonly Problem[] {
  if (spec === undefined) {
    const meant = nearest(raw.replace(/^-+/, ''), visible(table))
    return [
      {
        at: raw,
        expected: meant ? `an option; did you mean --${meant}?` : 'an option of this command',
        got: raw,
      },
    ]
  }
  if (spec.type === 'string' && value === undefined)
    return [{ at: raw, expected: `a value, ${spec.value ?? 'TEXT'}`, got: 'nothing' }]
  if (spec.type === 'boolean' && value !== undefined)
    return [{ at: raw, expected: 'no value', got: JSON.stringify(value) }]
  return []
}

const visible = (table: OptionTable): string[] => Object.keys(table).filter(name => !table[name]?.hidden)

function arityProblems(command: Command, positionals: readonly string[]): readonly Problem[] {
  const [min, max] = command.arity
  const wanted = command.args ?? 'no arguments'
  if (positionals.length < min)
    return [
      {
        at: command.name,
        expected: wanted,
        got: positionals.length === 0 ? 'nothing' : `only ${positionals.length}`,
      },
    ]
  if (positionals.length <= max) return []
  return [
    { at: command.name, expected: wanted, got: positionals.map(word => JSON.stringify(word)).join(' ') },
  ]
}
