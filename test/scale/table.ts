/** What was seen, for people: tables in plain text, and curves. */

/** A head and what stands below it for each row. */
export type Column<R> = readonly [head: string, cell: (row: R) => string]

export function table<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = rows.map(row => columns.map(([, cell]) => cell(row)))
  const widths = columns.map(([head], i) => Math.max(head.length, ...cells.map(row => row[i]?.length ?? 0)))
  const line = (texts: readonly string[]): string =>
    texts.map((text, i) => text.padStart(widths[i] ?? 0)).join('  ')
  return [line(columns.map(([head]) => head)), ...cells.map(line)].join('\n')
}

/** Bars on a linear scale, the largest value `width` long. */
export function bars(
  title: string,
  points: readonly (readonly [label: string, value: number])[],
  unit: string,
): string {
  const width = 50
  const most = Math.max(...points.map(([, value]) => value), Number.MIN_VALUE)
  const wide = Math.max(...points.map(([label]) => label.length))
  const lines = points.map(([label, value]) => {
    const bar = '#'.repeat(Math.round((width * value) / most)).padEnd(width)
    return `${label.padStart(wide)} |${bar}| ${value < 100 ? value.toFixed(1) : value.toFixed(0)} ${unit}`
  })
  return [title, ...lines].join('\n')
}

/** `first / median / last` in seconds. */
export function seconds(
  spread: { readonly first: number; readonly median: number; readonly last: number } | undefined,
): string {
  if (spread === undefined) return 'not'
  return [spread.first, spread.median, spread.last].map(ms => (ms / 1_000).toFixed(2)).join(' / ')
}
