/** Prometheus' text format, for metrics that somebody else counts. */
import type { Metric } from '../../node/status.ts'

const PREFIX = 'roundtable_'

/** Label values may hold anything; these three would end the value or the line. */
const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

function showNumber(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function sampleLine(
  name: string,
  labels: Readonly<Record<string, string>> | undefined,
  value: number,
): string {
  const pairs = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${showNumber(value)}`
}

/** One block a metric; samples of metrics of one name are put under one head, as the format demands. */
export function expose(metrics: readonly Metric[], prefix = PREFIX): string {
  const blocks = new Map<string, string[]>()
  for (const { name, help, type, samples } of metrics) {
    const full = prefix + name
    const lines = blocks.get(full) ?? [`# HELP ${full} ${escapeHelp(help)}`, `# TYPE ${full} ${type}`]
    for (const { suffix = '', labels, value } of samples) lines.push(sampleLine(full + suffix, labels, value))
    blocks.set(full, lines)
  }
  return [...blocks.values()].map(lines => `${lines.join('\n')}\n`).join('')
}
