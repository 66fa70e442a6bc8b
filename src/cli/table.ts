import type { Output } from './terminal.ts'

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'dim' | 'bold'

const CODES: Record<Colour, number> = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 }

/** The text in a colour, where the reader wants colours. */
export function paint(output: Output, colour: Colour, content: string): string {
  return output.colours ? `\u001b[${CODES[colour]}m${content}\u001b[0m` : content
}

const escapeSequence = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** The text without colours. */
export const plain = (content: string): string => content.replace(escapeSequence, '')

/** Columns that the text takes on a screen. Counts code points: good for names, keys and numbers, not for every script. */
export function widthOf(content: string): number {
  return [...plain(content)].length
}

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string | number | undefined
  /** Numbers stand better at the right. */
  readonly right?: true
}

/** Rows under a line of titles, each column as wide as its widest cell; no trailing spaces. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map(row => columns.map(column => printable(column.cell(row))))
  const lines = [columns.map(column => column.title), ...cells]
  const widths = columns.map((_, index) => Math.max(...lines.map(line => widthOf(line[index] ?? ''))))
  const align = (content: string, index: number) => {
    const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(content)))
    return columns[index]?.right ? padding + content : content + padding
  }
  return lines.map(line => `${line.map(align).join('  ').trimEnd()}\n`).join('')
}

/** Names on the left, values in one column at the right: for a single thing with many sides. */
export function sheet(
  pairs: readonly (readonly [name: string, value: string | number | undefined])[],
): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length))
  return pairs
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`.trimEnd())
    .map(line => `${line}\n`)
    .join('')
}

/** What came over the network goes to a terminal without its control characters, which could move the cursor. */
export function printable(value: string | number | undefined): string {
  const content = value === undefined || value === '' ? '-' : String(value)
  return content.replace(controlCharacter, '\ufffd')
}

/** Everything in C0 and C1 but the escape of our own colours. */
const controlCharacter = new RegExp(
  `${String.fromCharCode(27)}(?!\\[[0-9;]*m)|[${String.fromCharCode(0)}-${String.fromCharCode(26)}${String.fromCharCode(28)}-${String.fromCharCode(31)}${String.fromCharCode(127)}-${String.fromCharCode(159)}]`,
  'g',
)

/** `850 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`: the two units that matter. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '-'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The text cut to so many columns, with `…` for what is missing. */
export function cut(content: string, columns: number): string {
  const points = [...content]
  return points.length <= columns ? content : `${points.slice(0, Math.max(0, columns - 1)).join('')}…`
}
