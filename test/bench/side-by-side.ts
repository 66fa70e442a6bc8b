/**
 * Serf and ours, one after the other on this machine in one run, by the same script with the same faults: figures of
 * shared machines drift by half from day to day, so only the ratio of one run counts.
 *
 *   node test/bench/side-by-side.ts [--n=8] [--repeats=5] [--joins=10] [--idle=30] [--only=join,kill,stop,leave,idle]
 *        [--net=lo|ns] [--hold=5] [--timeout=60] [--quorum] [--against=serf] [--out=FILE] [--json]
 *
 * With --net=ns (hosts of `netns-up.sh`) also --only=blackhole,partition,loss; --quorum: ours expects all N, so a minority
 * stops.
 *
 * Needs Debian's `serf`; as root both clusters get a network namespace of their own, so that bytes are theirs alone.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** One measurement of one daemon: every sample, `null` where it never happened. */
type Samples = readonly (number | null)[]

interface Result {
  readonly driver: string
  readonly metrics: Readonly<Record<string, Samples>>
}

interface Row {
  readonly metric: string
  readonly ours: Samples
  readonly theirs: Samples
  /** Their median over ours: above 1 we are better, since less is better in every row. */
  readonly ratio: number | undefined
}

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '8' },
    repeats: { type: 'string', default: '5' },
    joins: { type: 'string', default: '10' },
    idle: { type: 'string', default: '30' },
    only: { type: 'string', default: 'join,kill,stop,leave,idle' },
    net: { type: 'string', default: 'lo' },
    hold: { type: 'string', default: '5' },
    timeout: { type: 'string', default: '60' },
    quorum: { type: 'boolean', default: false },
    against: { type: 'string', default: 'serf' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

const testbed = fileURLToPath(new URL('../testbed/', import.meta.url))

async function measure(driver: string, directory: string): Promise<Result> {
  const out = join(directory, `${driver}.json`)
  const options = ['n', 'repeats', 'joins', 'idle', 'only', 'net', 'hold', 'timeout'] as const
  const args = [
    join(testbed, 'cluster-bench.mjs'),
    `--driver=${join(testbed, 'drivers', `${driver}.mjs`)}`,
    `--logs=${join(directory, driver)}`,
    `--out=${out}`,
    ...options.map(name => `--${name}=${values[name]}`),
    ...(values.quorum ? ['--quorum'] : []),
  ]
  console.error(`measuring ${driver} ...`)
  // Its own table goes to standard error: ours is the one that standard output is for.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 2, 2] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`cluster-bench.mjs with ${driver} ended with ${code}; logs: ${directory}`)
  return JSON.parse(await readFile(out, 'utf8')) as Result
}

const finite = (samples: Samples): readonly number[] =>
  samples.filter(sample => sample !== null).sort((a, b) => a - b)

function median(samples: Samples): number | undefined {
  const sorted = finite(samples)
  const upper = sorted[sorted.length >> 1]
  const lower = sorted[(sorted.length - 1) >> 1]
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2
}

function compare(ours: Result, theirs: Result): readonly Row[] {
  const metrics = new Set([...Object.keys(ours.metrics), ...Object.keys(theirs.metrics)])
  return Array.from(metrics, metric => {
    const [a, b] = [ours.metrics[metric] ?? [], theirs.metrics[metric] ?? []]
    const [x, y] = [median(a), median(b)]
    const ratio = x === undefined || y === undefined || x === 0 ? undefined : y / x
    return { metric, ours: a, theirs: b, ratio }
  })
}

/** `median (min..max)`, and how often it never happened. */
function cell(metric: string, samples: Samples): string {
  const sorted = finite(samples)
  if (samples.length === 0) return '-'
  if (sorted.length === 0) return `never, ${samples.length} times`
  const digits = /B\/s|packets/.test(metric) ? 0 : 2
  const [mid, least, most] = [median(samples) ?? 0, sorted[0] ?? 0, sorted.at(-1) ?? 0]
  const never = samples.length - sorted.length
  const missed = never > 0 ? `, ${never} never` : ''
  return `${mid.toFixed(digits)} (${least.toFixed(digits)}..${most.toFixed(digits)})${missed}`
}

function print(rows: readonly Row[], ours: Result, theirs: Result): void {
  console.log(
    `\n${values.n} daemons, ${values.repeats} repeats, ${values.joins} joins, ${cpus().length} cores`,
  )
  console.log('median (best..worst); ratio: their median over ours, above 1 we are better\n')
  console.log(`| | ${ours.driver} | ${theirs.driver} | ratio |\n|---|---|---|---|`)
  for (const row of rows) {
    const cells = [cell(row.metric, row.ours), cell(row.metric, row.theirs), row.ratio?.toFixed(1) ?? '-']
    console.log(`| ${row.metric} | ${cells.join(' | ')} |`)
  }
}

const directory = await mkdtemp(join(tmpdir(), 'side-by-side-'))
const theirs = await measure(String(values.against), directory)
const ours = await measure('roundtable', directory)
const rows = compare(ours, theirs)
const report = {
  bench: 'side-by-side',
  date: new Date().toISOString(),
  cpus: cpus().length,
  options: values,
  rows,
  raw: { ours, theirs },
}
if (values.out) await writeFile(values.out, `${JSON.stringify(report, null, 1)}\n`)
if (values.json) console.log(JSON.stringify(report))
else print(rows, ours, theirs)
await rm(directory, { recursive: true })
