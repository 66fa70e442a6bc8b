/** What can be configured, for people: the table of the README and the documented default file are made here. */
import { docOf, flagOf, type Option, variableOf } from './option.ts'
import { showBytes, showMs } from './option-type.ts'
import { optionsOf } from './options.ts'

export interface OptionDescription {
  /** Path in the file. */
  readonly key: string
  /** Variables that set it, the strongest first. */
  readonly env: readonly string[]
  /** Without its two dashes. Secrets have none. */
  readonly flag?: string
  readonly default: string
  readonly type: string
  readonly doc: string
}

/** Every option, in the order of the reference. Says nothing of this machine. */
export function describeConfig(): readonly OptionDescription[] {
  return optionsOf({ hostname: 'localhost', cores: 2 }).map(option => ({
    key: option.key,
    env: [variableOf(option.key), ...(option.alias === undefined ? [] : [option.alias])],
    ...(option.secret === true ? {} : { flag: flagOf(option.key) }),
    default: defaultText(option),
    type: option.type.name,
    doc: docOf(option),
  }))
}

function defaultText(option: Option): string {
  if (option.defaultText !== undefined) return option.defaultText
  if (option.default === undefined) return 'none'
  if (option.type.name === 'duration') return showMs(Number(option.default))
  if (option.type.name === 'size') return showBytes(Number(option.default))
  return typeof option.default === 'string' ? option.default : JSON.stringify(option.default)
}

/** The reference as a Markdown table, one row an option. */
export function configReference(): string {
  const rows = describeConfig().map(option => {
    const names = option.env.map(name => `\`${name}\``).join(' ')
    const flag = option.flag === undefined ? '' : ` \`--${option.flag}\``
    const shown = /^(?:none|the .*)$/.test(option.default) ? option.default : `\`${option.default}\``
    return `| \`${option.key}\` | ${names}${flag} | ${option.type} | ${shown} | ${option.doc.replaceAll('|', '\\|')} |`
  })
  return [
    '| key | variable, flag | type | default | what and why |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

const WIDTH = 110

/**
 * A file with every option at its default, commented out where the machine decides, nothing is set, or the value is a path:
 * a relative one would mean another place in a file than without it.
 */
export function defaultConfigFile(): string {
  const lines = ['# Every option of roundtable at its default. A file needs only what differs.']
  let open: readonly string[] = []
  for (const option of optionsOf({ hostname: 'localhost', cores: 2 })) {
    const steps = option.key.split('.')
    const sections = steps.slice(0, -1)
    for (const [depth, section] of sections.entries()) {
      if (sections.slice(0, depth + 1).join('.') === open.slice(0, depth + 1).join('.')) continue
      lines.push('', `${'  '.repeat(depth)}${section}:`)
    }
    open = sections
    const indent = '  '.repeat(sections.length)
    lines.push(
      ...wrap(`${docOf(option)} (${option.type.name})`, `${indent}# `),
      `${indent}${settingOf(option, steps.at(-1) ?? '')}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function settingOf(option: Option, name: string): string {
  if (option.defaultText !== undefined) return `# ${name}: (${option.defaultText})`
  if (option.default === undefined) return `# ${name}:`
  const text = defaultText(option)
  if (option.path === true) return `# ${name}: ${text}`
  return `${name}: ${typeof option.default === 'string' && !/^[A-Za-z][\w./-]*$/.test(text) ? `"${text}"` : text}`
}

function wrap(text: string, prefix: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && prefix.length + line.length + 1 + word.length > WIDTH) {
      lines.push(prefix + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, prefix + line]
}
