/**
 * fsync is real: strace watches all eight daemons and writes down every fsync and fdatasync of their stores.
 *
 *   npm run syncs -- [--lone=100] [--tasks=2000] [--json] [--out=FILE]
 *
 * Twice. *Lone* tasks are handed in one at a time while nothing runs: between the request and its 202, the stores of as many
 * daemons as the 202 tells of copies must have synced. Then *under load*: each daemon's store must have synced at least
 * once for each transaction that it counts as durable. Needs root or the right to trace, and Debian's strace.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { metricOf } from '../bench/submitter.ts'
import { publish, reportOf } from '../operations/report.ts'
import { fact, figure, type Shown } from '../proof/line.ts'
import { Backlog } from './backlog.ts'
import { Straces, type Sync } from './straces.ts'

const CONCURRENCY = 4

const { values } = parseArgs({
  options: {
    lone: { type: 'string', default: '100' },
    tasks: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [lone, tasks] = [Number(values.lone), Number(values.tasks)]
if (!(lone >= 1 && tasks >= 1)) throw new Error('--lone and --tasks are numbers from 1 on')

/** One task on its own: when it was asked for and answered, wall clock ms, and how many copies the answer told of. */
interface Lone {
  readonly from: number
  readonly to: number
  readonly copies: number
}

const wallMs = (): number => performance.timeOrigin + performance.now()

async function handInAlone(backlog: Backlog): Promise<readonly Lone[]> {
  const { submitter } = backlog
  const all: Lone[] = []
  for (let i = 0; i < lone; i++) {
    const before = submitter.copies
    const from = wallMs()
    await submitter.add({ id: `lone-${i}`, key: `lone/${i}`, type: 'echo', payload: {} })
    all.push({ from, to: wallMs(), copies: submitter.copies - before })
  }
  return all
}

interface Counted {
  readonly commits: number
  readonly transactions: number
}

async function counted(backlog: Backlog): Promise<readonly Counted[]> {
  const all = await backlog.submitter.getAll('/metrics')
  return all.map(metrics => ({
    commits: metricOf(metrics, 'roundtable_store_commits_total'),
    transactions: metricOf(metrics, 'roundtable_store_transactions_total'),
  }))
}

/** The daemons whose store synced, wholly, between a request and its answer. */
const syncedFor = (syncs: readonly Sync[], { from, to }: Lone): number =>
  new Set(syncs.filter(sync => sync.from >= from && sync.to <= to).map(({ node }) => node)).size

function loneLines(alone: readonly Lone[], syncs: readonly Sync[]): readonly Shown[] {
  const bare = alone.filter(each => syncedFor(syncs, each) < each.copies)
  const copies = alone.reduce((sum, each) => sum + each.copies, 0)
  return [
    figure(`${alone.length} lone tasks: durable copies that their 202 told of`, `${copies}`),
    fact(
      'a 202 before as many stores had synced as it tells of copies',
      bare.length === 0,
      `${bare.length} of ${alone.length}`,
    ),
  ]
}

function loadLines(
  names: readonly string[],
  syncs: readonly Sync[],
  before: readonly Counted[],
  after: readonly Counted[],
) {
  const each = names.map((name, i) => ({
    name,
    syncs: syncs.filter(({ node }) => node === name).length,
    transactions: (after[i]?.transactions ?? 0) - (before[i]?.transactions ?? 0),
    commits: (after[i]?.commits ?? 0) - (before[i]?.commits ?? 0),
  }))
  const sum = (of: 'syncs' | 'transactions' | 'commits'): number =>
    each.reduce((all, one) => all + one[of], 0)
  const short = each.filter(one => one.syncs < one.transactions)
  return [
    figure(
      `${tasks} tasks under load`,
      `${sum('commits')} commits acknowledged in ${sum('transactions')} transactions, ${sum('syncs')} syncs seen by strace`,
    ),
    fact(
      'daemons with fewer syncs than transactions they count as durable',
      short.length === 0 && sum('transactions') > 0,
      short.length === 0
        ? '0'
        : short.map(one => `${one.name} ${one.syncs} < ${one.transactions}`).join(', '),
    ),
  ]
}

async function measure(directory: string): Promise<{ shown: readonly Shown[]; raw: unknown }> {
  const backlog = await Backlog.open({ concurrency: CONCURRENCY, queueMax: 100_000 })
  const { names } = backlog.cluster
  try {
    await backlog.hold()
    const pids = new Map(names.map(name => [name, backlog.cluster.process(name).pid ?? 0]))
    const straces = await Straces.attach(pids, directory)
    const alone = await handInAlone(backlog)
    backlog.letGo()
    const loadFrom = wallMs()
    const before = await counted(backlog)
    await backlog.add(tasks, i => ({ id: `load-${i}`, key: `load/${i}`, type: 'echo', payload: {} }))
    const after = await counted(backlog)
    // A transaction that was counted had synced before, so what is counted now has been seen by then.
    const syncs = await straces.detach()
    const load = loadLines(
      names,
      syncs.filter(({ from }) => from >= loadFrom),
      before,
      after,
    )
    return {
      shown: [...loneLines(alone, syncs), ...load],
      raw: { alone, before, after, syncs: syncs.length },
    }
  } finally {
    await backlog.close()
  }
}

const report = reportOf('Syncs of the stores of eight real daemons, seen by strace', values)
const directory = mkdtempSync(join(tmpdir(), 'roundtable-syncs-'))
try {
  const { shown, raw } = await measure(directory)
  publish(report(shown, raw), { json: values.json, out: values.out })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
