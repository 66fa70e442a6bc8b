/** argv -> exit code. Finds the command, parses its arguments, calls it, and is the one place that prints errors. */
import { readFile } from 'node:fs/promises'
import { CodedError } from '../base/errors.ts'
import { nearest } from '../config/nearest.ts'
import { commandIndex, GLOBAL_OPTIONS, parseCall, usage } from './arguments.ts'
import type { Command, OptionTable } from './command.ts'
import { COMMANDS } from './commands.ts'
import { errorDocument, errorLines } from './errors.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import { commandHelp, programHelp } from './help.ts'
import { Interrupted, processTerminal, type Terminal } from './terminal.ts'

/** Runs the process's own command line. */
export async function main(): Promise<void> {
  const terminal = processTerminal()
  process.exitCode = await runProgram(process.argv.slice(2), terminal)
  terminal.leaveInput()
}

/** Runs one command line; bugs (anything but a `CodedError`) are thrown on. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  try {
    return await dispatch(argv, terminal)
  } catch (error) {
    if (isInterruption(error)) return EXIT.interrupted
    if (!(error instanceof CodedError)) throw error
    if (json) terminal.out.write(`${JSON.stringify(errorDocument(error))}\n`)
    else terminal.err.write(errorLines(error))
    return exitCodeOf(error)
  }
}

/** Timers and requests wrap the reason of an abort. */
function isInterruption(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.cause instanceof Interrupted)
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const index = commandIndex(argv)
  const command = index === -1 ? undefined : commandNamed(argv[index] ?? '')
  if (command === undefined) return await withoutCommand(argv, terminal)
  const words = argv.toSpliced(index, 1)
  const options = await optionsOf(command)
  const { args, values } = parseCall(command, options, words)
  if (values['help'] === true) return print(terminal, commandHelp(command, options))
  if (values['version'] === true) return print(terminal, `${await packageVersion()}\n`)
  const { run } = await command.load()
  return await run({ args, values, json: values['json'] === true, terminal })
}

async function withoutCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  if (argv.includes('--version')) return print(terminal, `${await packageVersion()}\n`)
  const help = programHelp(COMMANDS, await packageVersion())
  const known = Object.keys(GLOBAL_OPTIONS).map(name => `--${name}`)
  const strange = argv.filter(word => word.startsWith('-') && word !== '-h' && !known.includes(word))
  if (argv.includes('--help') || argv.includes('-h')) return print(terminal, help)
  if (argv.length === 0) {
    terminal.err.write(help)
    return EXIT.usage
  }
  throw usage(
    undefined,
    (strange.length > 0 ? strange : argv).map(word => ({ at: word, expected: 'a command first', got: word })),
  )
}

/** @throws CodedError `USAGE` when there is none of this name */
function commandNamed(name: string): Command {
  const found = COMMANDS.find(command => command.name === name)
  if (found !== undefined) return found
  const meant = nearest(
    name,
    COMMANDS.map(command => command.name),
  )
  const expected = meant === undefined ? 'a command' : `a command; did you mean ${meant}?`
  throw usage(undefined, [{ at: 'command', expected, got: JSON.stringify(name) }])
}

async function optionsOf(command: Command): Promise<OptionTable> {
  return { ...command.options, ...(await command.moreOptions?.()) }
}

function print(terminal: Terminal, content: string): number {
  terminal.out.write(content)
  return EXIT.ok
}

async function packageVersion(): Promise<string> {
  const file = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { readonly version: string }).version
}
