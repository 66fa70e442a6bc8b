/** What the project claims, section by section, with the limits that it set itself. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { postgresDirectory } from '../bench/tasks/graphile.ts'
import { hostsMissing } from '../faults/hosts.ts'
import type { RangeSum } from '../simulation/range-sum.ts'
import { cancelClaims } from './cancels.ts'
import { command, type Ran } from './command.ts'
import { atMost, fact, figure, type Section, type Shown } from './line.ts'
import { reported } from './reports.ts'
import { type RerunSummary, rerunClaim } from './rerun-claims.ts'
import { type Row, sideBySideClaims } from './side-by-side.ts'
import { simulationClaims } from './simulation-claims.ts'
import { type Suite, suite } from './suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const roundtable = `${root}bin/roundtable`
const node = process.execPath

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const isRoot = process.getuid?.() === 0

/**
 * How much has to be shown, by the variable that overrides it: seeds of the long simulation (what an earlier sitting finished of
 * this code is not run again), kills, joins, leaves and restarts, tasks of each run of the ledger, of the takeover and of the
 * queue, and worlds of the right to act alone.
 */
const SIZES = {
  SEEDS: 10_000,
  REPEATS: 50,
  LEDGER: 100_000,
  TAKEOVER: 10_000,
  QUEUED: 1_000_000,
  ADVERSARY: 4_000,
}
type Size = keyof typeof SIZES

const size = (name: Size): string => process.env[name] ?? String(SIZES[name])

/** With less than has to be shown a section can be tried, and shows nothing. */
const sized = (name: Size, section: Section): Section =>
  Number(size(name)) >= SIZES[name] ? section : { ...section, short: `${name}=${size(name)}` }

/** The document that a command wrote. @throws when it broke off without one, with its last words */
function documentOf<T>({ stdout, stderr, code }: Ran): T {
  if (!stdout.trim().startsWith('{'))
    throw new Error(`exit code ${code}, ${stderr.trim().split('\n').at(-1) ?? ''}`)
  return JSON.parse(stdout) as T
}

interface ClusterSummary {
  readonly ok: boolean
  readonly problems: readonly unknown[]
  readonly tasks: number
  readonly succeeded: number
  readonly retried: number
  readonly runTwice: RerunSummary['runTwice']
  readonly cutOff: RerunSummary['cutOff']
  readonly seconds: { readonly total: number }
  readonly manifest: { readonly equal: boolean; readonly lines: number }
  readonly chaos?: NonNullable<RerunSummary['chaos']> & {
    readonly noticedMs?: Readonly<Record<string, number>>
    readonly takeover?: { readonly firstStartMs?: number }
  }
}

async function mainJob(chaos: boolean): Promise<{ shown: Shown[]; raw: unknown }> {
  const ran = await command(roundtable, ['cluster', '--json', ...(chaos ? ['--chaos'] : [])], 300)
  const summary = documentOf<ClusterSummary>(ran)
  const shown = [
    fact(
      'the job finds nothing wrong with itself',
      ran.code === 0 && summary.ok,
      summary.problems.length === 0 ? `exit code ${ran.code}` : summary.problems.join('; '),
    ),
    fact(
      'every task succeeded',
      summary.succeeded === summary.tasks && summary.tasks >= 2_000,
      `${summary.succeeded} of ${summary.tasks}`,
    ),
    fact(
      'the manifest equals sha256sum run directly',
      summary.manifest.equal,
      `${summary.manifest.lines} lines`,
    ),
    atMost('seconds in all', summary.seconds.total, chaos ? 120 : 60, 's'),
  ]
  if (chaos) shown.push(rerunClaim(summary), ...chaosFigures(summary))
  else
    shown.push(
      fact('nothing ran twice', summary.runTwice.length === 0, `${summary.runTwice.length} run twice`),
    )
  return { shown, raw: summary }
}

/**
 * With the cores at hand. Eight daemons that share two of them with sixteen commands take a second or two for the rounds
 * that make a right to act and a takeover; what they need when the cores are not all busy is held to less by `operations`.
 */
const CHAOS_START_AIM_MS = 1_000
const CHAOS_START_MS = 3_000

function chaosFigures(summary: ClusterSummary): Shown[] {
  const { takeover, noticedMs = {} } = summary.chaos ?? {}
  const noticed = Object.values(noticedMs).map(ms => ms.toFixed(0))
  return [
    atMost(
      'a task of the victim starts elsewhere, all cores busy',
      takeover?.firstStartMs,
      CHAOS_START_MS,
      `ms after the kill (aim: ${CHAOS_START_AIM_MS})`,
    ),
    figure('every survivor notices the kill, under full load', `${noticed.join(', ')} ms`),
  ]
}

async function sideBySide(): Promise<{ shown: readonly Shown[]; raw: unknown }> {
  const ran = await command(node, [`${root}test/bench/side-by-side.ts`, '--json'], 3_000)
  const report = documentOf<{ rows: readonly Row[] }>(ran)
  return { shown: sideBySideClaims(report.rows), raw: report }
}

async function simulation(): Promise<{ shown: Shown[]; raw: unknown }> {
  const seeds = size('SEEDS')
  const simulate = [`SEEDS=${seeds}`, node, `${root}test/simulation/run.ts`]
  const ran = await command('env', simulate, 18_000)
  const [first = ''] = ran.stdout.trim().split('\n')
  const summed = await command('env', [...simulate, '--sum', '--json'], 600)
  if (summed.code !== 0) throw new Error(`what is finished was not told: ${summed.stderr.slice(-500)}`)
  const sum = JSON.parse(summed.stdout) as RangeSum | null
  return { shown: [...simulationClaims(Number(seeds), { code: ran.code, first }, sum)], raw: { ran, sum } }
}

async function adversary(): Promise<{ shown: Shown[]; raw: unknown }> {
  const worlds = size('ADVERSARY')
  const ran = await command(node, [`${root}test/grants/run.ts`, `--seeds=${worlds}`], 7_200)
  const said = `${ran.stdout}${ran.stderr}`.trim().split('\n')[0] ?? ''
  const claim = `${worlds} worlds in which every view may be wrong, no two act for one key`
  const holds = ran.code === 0 && said.startsWith(`${worlds} seeds from 1, 0 violations`)
  return { shown: [fact(claim, holds, said)], raw: ran }
}

interface Asked {
  readonly perSecond: number
  readonly p99Ms: number
  readonly requests: number
  readonly failed: number
}

interface Owners {
  readonly ours: Asked
  readonly peer: Asked
  readonly ratio: number
}

interface Lookups {
  readonly rows: readonly { members: number; what: string; ours: number; bare: number; ratio: number }[]
}

async function owner(): Promise<{ shown: Shown[]; raw: unknown }> {
  const ran = await command(node, [`${root}test/bench/owner.ts`, '--json'], 120)
  const { ours, peer, ratio } = documentOf<Owners>(ran)
  const ring = await command(node, [`${root}test/bench/ring.ts`, '--json'], 120)
  const lookups = documentOf<Lookups>(ring)
  return {
    shown: [
      figure(
        'GET /v1/owner/KEY',
        `${ours.perSecond.toFixed(0)} requests/s, p99 ${ours.p99Ms.toFixed(2)} ms, ${ratio.toFixed(2)} of bare node:http (${peer.perSecond.toFixed(0)}/s)`,
      ),
      fact('every answer was 200', ours.failed === 0, `${ours.requests} requests`),
      ...lookups.rows.map(({ members, what, ours: a, bare, ratio }) =>
        figure(
          `${what}, ${members} members`,
          `${a.toFixed(0)} beside bare hashring's ${bare.toFixed(0)}, ratio ${ratio.toFixed(2)}`,
        ),
      ),
    ],
    raw: { ours, peer, lookups },
  }
}

async function image(): Promise<{ shown: Shown[]; raw: unknown }> {
  const name = 'roundtable-proof'
  const built = await command(
    'sh',
    [`${root}test/testbed/dockerfile-check.sh`, root, '-t', name, '--no-run'],
    1_500,
  )
  if (built.code !== 0)
    return { shown: [fact('the image builds', false, built.stderr.slice(-500))], raw: built.stderr }
  const ran = await command('sh', [`${root}test/testbed/container-cluster.sh`, name], 300)
  const lines = ran.stdout.trim().split('\n')
  return {
    shown: [
      fact('the image builds', true, `${built.seconds.toFixed(0)} s`),
      fact('three containers in three network namespaces form a cluster', ran.code === 0, lines.join('; ')),
    ],
    raw: ran.stdout,
  }
}

const anywhere = () => undefined

const hosts = () =>
  isRoot && ['ip', 'nft', 'iptables', 'python3', 'serf'].every(has)
    ? undefined
    : 'needs root and Debian’s iproute2, nftables, iptables, python3 and serf'

/** Without hosts of their own nobody is cut off from anybody. */
const ledger = (profile: string): Section =>
  sized(
    'LEDGER',
    reported(
      `ledger-${profile}`,
      ['test/ledger/run.ts', `--profile=${profile}`, `--tasks=${size('LEDGER')}`, '--json'],
      7_200,
      () => hostsMissing() ?? (has('perl') ? undefined : 'needs perl'),
    ),
  )

/** The examples in Python and shell, and cancels of whatever is carried out. */
function clients(): Suite {
  const files = ['test/e2e/{claims,executors}.test.ts', 'test/client/claim-example.test.ts']
  const tests = suite('clients', files, 1_200)
  const run = async () => {
    const { shown, raw } = await tests.run()
    return { shown: [...shown, ...cancelClaims(shown, ['exec', 'http', 'module', 'claim'])], raw }
  }
  return { ...tests, run }
}

export const SECTIONS: readonly Section[] = [
  { name: 'main-job', cannot: anywhere, run: () => mainJob(false) },
  { name: 'chaos', cannot: anywhere, run: () => mainJob(true) },
  { name: 'owner', cannot: anywhere, run: owner },
  {
    name: 'side-by-side',
    cannot: () => (has('serf') ? undefined : 'needs Debian’s serf'),
    run: sideBySide,
  },
  reported('faults', ['test/faults/run.ts', '--json'], 6_000, hosts),
  sized(
    'REPEATS',
    reported('operations', ['test/operations/repeats.ts', `--repeats=${size('REPEATS')}`, '--json'], 6_000),
  ),
  reported('rolling', ['test/operations/rolling.ts', '--json'], 900, () =>
    has('perl') ? undefined : 'needs perl',
  ),
  reported('scale', ['test/scale/run.ts', '--json'], 7_200),
  reported('processes', ['test/scale/processes.ts', '--json'], 3_600),
  ...['disk-kept', 'disk-lost', 'two-lost'].map(ledger),
  // One whose server is not there is left out, and there is nothing to stand beside.
  reported('tasks', ['test/bench/tasks/run.ts', '--json'], 3_600, () =>
    has('redis-server') && postgresDirectory() !== undefined
      ? undefined
      : 'needs Debian’s redis-server and postgresql',
  ),
  sized(
    'TAKEOVER',
    reported('takeover', ['test/durability/takeover.ts', `--tasks=${size('TAKEOVER')}`, '--json'], 900),
  ),
  reported('cron', ['test/schedules/run.ts', '--json'], 1_200, () =>
    isRoot && ['ip', 'nft'].every(has) ? undefined : 'needs root and Debian’s iproute2 and nftables',
  ),
  sized(
    'QUEUED',
    reported('million', ['test/durability/million.ts', `--tasks=${size('QUEUED')}`, '--json'], 3_600),
  ),
  reported('syncs', ['test/durability/syncs.ts', '--json'], 600, () =>
    isRoot && has('strace') ? undefined : 'needs root and Debian’s strace',
  ),
  reported('fsync', ['test/bench/fsyncs.ts', '--json'], 600, () =>
    isRoot && has('strace') ? undefined : 'needs root and strace',
  ),
  suite(
    'judges',
    [
      'test/{faults,operations,scale,ledger,durability}/*{judge,judges,claims,findings}.test.ts',
      'test/faults/{machine,stale-write}.test.ts',
      'test/durability/straces.test.ts',
      'test/simulation/{copy-judge,twin-judge,task-judge,end-checks,voter-watch,promised,slots,ledger,range-sum,tally,collector}.test.ts',
      'test/bench/tasks/claims.test.ts',
      'test/schedules/{slots,rights}.test.ts',
      'test/e2e/act-ledger.test.ts',
      'test/proof/*.test.ts',
    ],
    300,
  ),
  suite('network', ['test/e2e/{network,voters}.test.ts'], 600, { cannot: hostsMissing }),
  suite('identity', ['test/e2e/identity.test.ts', 'test/scenarios/scenarios.test.ts'], 1_200),
  suite('configs', ['test/configs/configs.test.ts'], 300),
  suite(
    'disks',
    [
      'test/daemon/{disk,damage}.test.ts',
      'test/adapters/storage/{data-directory,room,salvage,store,store-damage,store-disk}.test.ts',
    ],
    900,
  ),
  clients(),
  suite('breakages', ['test/simulation/{breakages,lossy-stall}.test.ts'], 900),
  suite('traces', ['test/simulation/replay.test.ts'], 300),
  suite('grants-mutants', ['test/grants/mutants.test.ts'], 1_800),
  sized('ADVERSARY', { name: 'adversary', cannot: anywhere, run: adversary }),
  {
    name: 'image',
    cannot: () =>
      isRoot && ['buildah', 'podman', 'debootstrap', 'ip'].every(has)
        ? undefined
        : 'needs root and Debian’s buildah, podman, runc, debootstrap, iproute2',
    run: image,
  },
  sized('SEEDS', { name: 'simulation', cannot: anywhere, run: simulation }),
  // What needs a user who is not root, or a shell that is not here, is left out.
  suite('tests', ['test/**/*.test.ts'], 2_400, { skippedMax: Number.POSITIVE_INFINITY }),
]
