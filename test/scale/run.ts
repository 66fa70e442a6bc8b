/**
 * Clusters of 8 to 1,000 membership cores in one process on virtual time: what a join storm, a crash of a tenth, a
 * partition, and loss do to them, and what each node sends and hears at rest.
 *
 *   npm run scale -- [--sizes 8,32,100] [--seed 1] [--voters 0] [--loss-s 60]
 *
 * Takes some minutes for 1,000 nodes and about 4 GB of memory.
 */
import { argv, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { type Outcome, trial } from './trial.ts'

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    sizes: { type: 'string', default: '8,32,100,300,1000' },
    seed: { type: 'string', default: '1' },
    voters: { type: 'string', default: '0' },
    'loss-s': { type: 'string', default: '60' },
    quiet: { type: 'boolean', default: false },
  },
})

const seconds = (ms: number | undefined): string => (ms === undefined ? 'not' : (ms / 1_000).toFixed(2))
const whole = (number: number): string => Math.round(number).toString()
const kilo = (bytes: number): string => (bytes / 1_000).toFixed(1)

const COLUMNS: readonly (readonly [head: string, cell: (outcome: Outcome) => string])[] = [
  ['nodes', one => whole(one.size)],
  ['frames/s out', one => whole(one.rest.framesOut)],
  ['in', one => whole(one.rest.framesIn)],
  ['kB/s out', one => kilo(one.rest.bytesOut)],
  ['in', one => kilo(one.rest.bytesIn)],
  ['join s', one => seconds(one.joinMs)],
  ['kB/s in', one => kilo(one.join.bytesIn)],
  ['10 % crash s', one => seconds(one.crashMs)],
  ['70 % agree s', one => seconds(one.majorityMs)],
  ['30 % agree s', one => seconds(one.minorityMs)],
  ['heal s', one => seconds(one.healMs)],
  ['loss: deaths', one => whole(one.lossDeaths)],
  ['suspicions', one => whole(one.lossSuspicions)],
  ['false deaths', one => whole(one.falseDeaths)],
]

const rows: string[][] = []
for (const size of values.sizes.split(',').map(Number)) {
  const begun = performance.now()
  const report = values.quiet ? {} : { report: (what: string) => stdout.write(`${size}: ${what}\n`) }
  const outcome = trial({
    size,
    seed: Number(values.seed),
    voters: Number(values.voters),
    lossMs: Number(values['loss-s']) * 1_000,
    ...report,
  })
  rows.push(COLUMNS.map(([, cell]) => cell(outcome)))
  stdout.write(`${size}: done in ${whole((performance.now() - begun) / 1_000)} s\n`)
}

const widths = COLUMNS.map(([head], i) => Math.max(head.length, ...rows.map(row => row[i]?.length ?? 0)))
const line = (cells: readonly string[]): string =>
  cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')
stdout.write(`\n${line(COLUMNS.map(([head]) => head))}\n`)
for (const row of rows) stdout.write(`${line(row)}\n`)
