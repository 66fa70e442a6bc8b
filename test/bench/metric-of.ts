/**
 * The value of a metric in the text of `/metrics`: the sum of all its series that have these labels. Prometheus leaves out a
 * counter that nobody registered, and a name that was misspelt looks the same: neither is zero.
 *
 * @throws when there is no such series, or one whose value is no number
 */
export function metricOf(
  metrics: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const values = metrics.split('\n').flatMap(line => {
    const [, series, own = '', value = ''] = /^([^\s{#]+)(?:\{([^}]*)\})? (\S+)/.exec(line) ?? []
    return series === name && wanted.every(label => own.split(',').includes(label)) ? [Number(value)] : []
  })
  const sum = values.reduce((all, each) => all + each, 0)
  if (values.length === 0 || Number.isNaN(sum))
    throw new Error(`no metric ${name}{${wanted.join(',')}}: ${metrics.slice(0, 200)}`)
  return sum
}
