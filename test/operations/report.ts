/** What a measurement prints: every claim with its figure, and what the figures were made of. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { median, type Samples, type Shown, worst } from '../proof/line.ts'

export interface Report {
  readonly what: string
  readonly date: string
  readonly commit: string
  readonly cores: number
  readonly loadBefore: number
  readonly options: unknown
  readonly shown: readonly Shown[]
  readonly raw: unknown
}

/** To be made before the measurement: the load of the machine counts. */
export function reportOf(what: string, options: unknown): (shown: readonly Shown[], raw: unknown) => Report {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  const commit = git.status === 0 ? git.stdout.trim() : 'unknown'
  const [loadBefore = 0] = loadavg()
  const common = { what, date: new Date().toISOString(), commit, cores: availableParallelism(), loadBefore }
  return (shown, raw) => ({ ...common, options, shown, raw })
}

/** `median, p90, worst` of the samples, in ms; `null` samples never happened. */
export function spread(samples: Samples): string {
  if (samples.length === 0) return 'none measured'
  const said = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(0))
  const p90 = quantile(samples, 0.9)
  return `median ${said(median(samples))}, p90 ${said(p90)}, worst ${said(worst(samples))} ms of ${samples.length}`
}

/** The smallest sample that so large a share of them does not exceed. */
export function quantile(samples: Samples, share: number): number | undefined {
  const sorted = samples.map(sample => sample ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

/** Prints or writes it; the process fails when a claim does not hold. */
export function publish(
  report: Report,
  to: { readonly json: boolean; readonly out: string | undefined },
): void {
  if (to.out !== undefined) writeFileSync(to.out, `${JSON.stringify(report, null, 1)}\n`)
  if (to.json) console.log(JSON.stringify(report))
  else print(report)
  if (report.shown.some(({ holds }) => holds === false)) process.exitCode = 1
}

function print({ what, date, commit, cores, loadBefore, shown }: Report): void {
  console.log(`${what}: ${date}, commit ${commit}, ${cores} cores, load ${loadBefore.toFixed(1)} before\n`)
  const width = Math.max(...shown.map(({ claim }) => claim.length))
  for (const { claim, holds, figure } of shown) {
    const verdict = holds === undefined ? '    ' : holds ? 'ok  ' : 'FAIL'
    console.log(`${verdict} ${claim.padEnd(width)}  ${figure}`)
  }
}
