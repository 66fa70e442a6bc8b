/**
 * What a command is: a row of data with a function behind it. Parsing, `--help`, suggestions and the tests read the same
 * row, so the help cannot say something else than the parser does. The function is imported only when it is called:
 * `roundtable status` must not wait for libp2p to load.
 */
import type { Problem } from '../base/errors.ts'
import type { Terminal } from './terminal.ts'

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  /** May be given more than once. */
  readonly multiple?: true
  /** What stands for the value in the help: `FILE`. */
  readonly value?: string
  readonly help: string
  /** Not shown in the help: for other programs. */
  readonly hidden?: true
}

export type OptionTable = Readonly<Record<string, OptionSpec>>

export interface Command {
  readonly name: string
  readonly summary: string
  /** How the arguments read in the usage line: `KEY`, `[TYPE | JSON]`. */
  readonly args?: string
  /** How many arguments it takes. */
  readonly arity: readonly [min: number, max: number]
  readonly options: OptionTable
  /** Options that are expensive to know; asked for only when this command is called. */
  readonly moreOptions?: () => Promise<OptionTable>
  /** Paragraphs after the options. */
  readonly notes?: readonly string[]
  readonly examples: readonly (readonly [command: string, what: string])[]
  readonly load: () => Promise<{ readonly run: Run }>
}

/** The answer is the exit code. */
export type Run = (call: Call) => Promise<number>

/** One call of a command: its arguments, already known to be the right ones. */
export interface Call {
  readonly args: readonly string[]
  readonly values: Values
  readonly json: boolean
  readonly terminal: Terminal
}

export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** The value of an option that takes one, or `undefined`. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** All values of an option that may be repeated. */
export function texts(values: Values, name: string): readonly string[] {
  const value = values[name]
  return Array.isArray(value) ? value : []
}

export function flag(values: Values, name: string): boolean {
  return values[name] === true
}

/** A whole number from `min` to `max`; anything else is added to `problems` and read as `undefined`. */
export function wholeNumber(
  values: Values,
  name: string,
  range: { readonly min: number; readonly max: number },
  problems: Problem[],
): number | undefined {
  const given = text(values, name)
  if (given === undefined) return undefined
  const number = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
  if (number >= range.min && number <= range.max) return number
  problems.push({
    at: `--${name}`,
    expected: `a whole number from ${range.min} to ${range.max}`,
    got: JSON.stringify(given),
  })
  return undefined
}
