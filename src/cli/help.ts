import { CLIENT_OPTIONS, GLOBAL_OPTIONS } from './arguments.ts'
import type { Command, OptionSpec, OptionTable } from './command.ts'
import { EXIT_MEANINGS } from './exit-code.ts'

/** What `roundtable --help` prints. */
export function programHelp(commands: readonly Command[], version: string): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const codes = EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}\n`)
  return [
    `roundtable ${version}: eight containers, one table, no head.\n\n`,
    'Usage: roundtable COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`),
    '\nOptions of every command that talks to a daemon:\n',
    optionLines({ ...GLOBAL_OPTIONS, ...CLIENT_OPTIONS }),
    '\nExit codes:\n',
    ...codes,
    '\nTry it on this machine:\n  roundtable cluster\n',
    '\n`roundtable COMMAND --help` tells more, with examples.\n',
  ].join('')
}

/** What `roundtable COMMAND --help` prints: made of the same row that the parser uses. */
export function commandHelp(command: Command, options: OptionTable): string {
  const head = ['roundtable', command.name, command.args, '[OPTIONS]'].filter(part => part !== undefined)
  const notes = (command.notes ?? []).map(note => `\n${wrap(note, 0)}`)
  const width = Math.max(...command.examples.map(([line]) => line.length))
  return [
    `${command.summary}\n\nUsage: ${head.join(' ')}\n\nOptions:\n`,
    optionLines({ ...options, ...GLOBAL_OPTIONS }),
    ...notes,
    '\nExamples:\n',
    ...command.examples.map(([line, what]) => `  ${line.padEnd(width)}  # ${what}\n`),
  ].join('')
}

const COLUMNS = 100
const OPTION_WIDTH = 26

function optionLines(options: OptionTable): string {
  return Object.entries(options)
    .filter(([, spec]) => !spec.hidden)
    .map(([name, spec]) => optionLine(name, spec))
    .join('')
}

function optionLine(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '' : `-${spec.short}, `
  const value = spec.type === 'string' ? ` ${spec.value ?? 'TEXT'}` : ''
  const left = `  ${short}--${name}${value}`
  const help = wrap(spec.multiple ? `${spec.help} May be repeated.` : spec.help, OPTION_WIDTH + 2)
  if (left.length > OPTION_WIDTH) return `${left}\n${' '.repeat(OPTION_WIDTH + 2)}${help}`
  return `${left.padEnd(OPTION_WIDTH)}  ${help}`
}

/** The text in lines of `COLUMNS`, all but the first indented. */
function wrap(content: string, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of content.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return `${lines.join(`\n${' '.repeat(indent)}`)}\n`
}
