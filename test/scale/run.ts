/**
 * Clusters of 8 to 1,000 nodes (membership and the right to act) on virtual time: what a join storm, a crash of a tenth,
 * a partition 70/30, and 20 % loss do to them, and what each node sends at rest. Prints what was seen and what it is held
 * to; exit code 1 when a claim does not hold.
 *
 *   node test/scale/run.ts [--sizes=8,16,32,100,300,1000] [--seed=1] [--loss-s=20] [--mode=quorum|available]
 *        [--out=FILE] [--json] [--quiet]
 *
 * Every size runs in a process of its own, one after the other.
 */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { argv, execPath, stderr, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { claimsOf } from './claims.ts'
import { bars, type Column, seconds, table } from './table.ts'
import { KINDS } from './traffic.ts'
import type { Outcome, Rates } from './trial.ts'

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    sizes: { type: 'string', default: '8,16,32,100,300,1000' },
    seed: { type: 'string', default: '1' },
    'loss-s': { type: 'string', default: '20' },
    mode: { type: 'string', default: 'quorum' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
})

const sizes = values.sizes.split(',').map(Number)

/** An outcome, and what it took to get it. */
export interface Ran extends Outcome {
  readonly cpuSeconds: number
  readonly rssMiB: number
}

/** Of 1,000 nodes; the machine of a developer has more. */
const HEAP_MIB = 12_288
const SIZE_RUN = fileURLToPath(new URL('size-run.ts', import.meta.url))

const whole = (number: number): string => Math.round(number).toString()
const kilo = (bytes: number): string => (bytes / 1_000).toFixed(1)

const EVENTS: readonly Column<Ran>[] = [
  ['nodes', one => whole(one.size)],
  ['join storm', one => seconds(one.join.agree)],
  ['all may act', one => seconds(one.joinActs)],
  ['10 % crash', one => seconds(one.crash.agree)],
  ['70 % agree', one => seconds(one.majority.agree)],
  ['30 % fenced', one => seconds(one.minority)],
  ['heal', one => seconds(one.heal.agree)],
  ['all may act', one => seconds(one.healActs)],
  ['after loss', one => seconds(one.afterLoss)],
  ['suspicions', one => whole(one.lossSuspicions)],
  ['false deaths', one => whole(one.falseDeaths)],
]

const PHASES: readonly (readonly [name: string, of: (one: Ran) => Rates | undefined])[] = [
  ['rest', one => one.rest],
  ['rest, voters', one => one.restVoters],
  ['join storm', one => one.join.rates],
  ['10 % crash', one => one.crash.rates],
  ['partition', one => one.majority.rates],
  ['heal', one => one.heal.rates],
  ['20 % loss', one => one.loss],
]

/** `frames/s kB/s` of each kind. */
const TRAFFIC: readonly Column<{ readonly name: string; readonly size: number; readonly rates: Rates }>[] = [
  ['phase', one => one.name],
  ['nodes', one => whole(one.size)],
  ['frames out', one => whole(one.rates.out.frames)],
  ['in', one => whole(one.rates.in.frames)],
  ['kB out', one => kilo(one.rates.out.bytes)],
  ['in', one => kilo(one.rates.in.bytes)],
  ...KINDS.map((kind): (typeof TRAFFIC)[number] => [
    kind,
    ({ rates: { kinds } }) => `${whole(kinds[kind].frames)} ${kilo(kinds[kind].bytes)}`,
  ]),
]

async function run(size: number): Promise<Ran> {
  const task = {
    size,
    seed: Number(values.seed),
    quorum: values.mode === 'quorum',
    lossMs: Number(values['loss-s']) * 1_000,
  }
  const child = spawn(execPath, [`--max-old-space-size=${HEAP_MIB}`, SIZE_RUN, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', values.quiet ? 'ignore' : 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`the run with ${size} nodes ended with ${code}`)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Ran
}

function report(runs: readonly Ran[]): string {
  const claims = claimsOf(runs, sizes)
  const traffic = PHASES.flatMap(([name, of]) =>
    runs.flatMap(one => {
      const rates = of(one)
      return rates === undefined ? [] : [{ name, size: one.size, rates }]
    }),
  )
  const at = (of: (one: Ran) => number) => runs.map(one => [whole(one.size), of(one)] as const)
  return [
    `mode ${values.mode}, seed ${values.seed}, virtual time; each event: first / median / last node, in seconds\n`,
    table(EVENTS, runs),
    '\nMeans of one node in one second (voters apart at rest); by kind: frames and kB as the codec writes them\n',
    table(TRAFFIC, traffic),
    bars(
      '\nframes/s that a node sends at rest, by size',
      at(one => one.rest.out.frames),
      'frames/s',
    ),
    bars(
      '\nkB/s that a node sends at rest, by size',
      at(one => one.rest.out.bytes / 1_000),
      'kB/s',
    ),
    bars(
      '\nframes/s that a voter sends at rest, by size',
      at(one => (one.restVoters ?? one.rest).out.frames),
      'frames/s',
    ),
    bars(
      '\nms until the last of the 70 % agrees, by size',
      at(one => one.majority.agree?.last ?? Number.NaN),
      'ms',
    ),
    `\nlongest messages, bytes, with ${runs.at(-1)?.size} nodes: ${JSON.stringify(runs.at(-1)?.longest)}`,
    `CPU seconds and MiB: ${runs.map(one => `${one.size}: ${one.cpuSeconds.toFixed(0)} s ${one.rssMiB.toFixed(0)}`).join(', ')} (${cpus().length} cores)\n`,
    ...claims.map(({ claim, seen, holds }) => `${holds ? 'holds' : 'FAILS'}  ${claim}\n       ${seen}`),
  ].join('\n')
}

const runs: Ran[] = []
for (const size of sizes) runs.push(await run(size))
const claims = claimsOf(runs, sizes)
const what = 'simulated nodes on virtual time, 0.2 to 2 ms one way: membership and the right to act'
const document = JSON.stringify({ what, options: values, runs, claims }, undefined, 2)
if (values.out !== undefined) await writeFile(values.out, `${document}\n`)
// The table and the curves are for people, the document for programs: who asks for the one gets the other beside it.
if (values.json) stderr.write(`${report(runs)}\n`)
stdout.write(`${values.json ? document : report(runs)}\n`)
if (claims.some(({ holds }) => !holds)) process.exitCode = 1
