/**
 * fsync is real: strace watches all eight daemons and writes down every fsync and fdatasync of their stores.
 *
 *   npm run syncs -- [--lone=100] [--tasks=2000] [--json] [--out=FILE]
 *
 * Between a request and its 202, the stores of as many daemons as the 202 tells of copies must have synced. That is held
 * for *lone* tasks, handed in one at a time while nothing runs, so that each sync is theirs, and for tasks *under load*,
 * which share syncs. Transactions are shown beside the syncs: those without a row keep the order, and need none.
 * Needs root or the right to trace, and Debian's strace.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { metricOf } from '../bench/metric-of.ts'
import { spread } from '../bench/submitter.ts'
import { publish, reportOf } from '../operations/report.ts'
import { figure, type Shown } from '../proof/line.ts'
import { Backlog } from './backlog.ts'
import { Straces } from './straces.ts'
import { type Handed, handedLines } from './syncs-claims.ts'

const CONCURRENCY = 4
/** Tasks handed in at one time under load. */
const UNDER_WAY = 50

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

const wallMs = (): number => performance.timeOrigin + performance.now()

/** @param underWay tasks handed in at one time */
async function handIn(
  { submitter }: Backlog,
  prefix: string,
  count: number,
  underWay: number,
): Promise<readonly Handed[]> {
  const all: Handed[] = []
  await spread(count, underWay, async i => {
    const from = wallMs()
    const copies = await submitter.add({
      id: `${prefix}-${i}`,
      key: `${prefix}/${i}`,
      type: 'echo',
      payload: {},
    })
    all.push({ from, to: wallMs(), copies })
  })
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

function countedLine(before: readonly Counted[], after: readonly Counted[]): Shown {
  const sum = (all: readonly Counted[], of: keyof Counted): number =>
    all.reduce((each, one) => each + one[of], 0)
  const more = (of: keyof Counted): number => sum(after, of) - sum(before, of)
  return figure(
    'under load, counted by the daemons',
    `${more('commits')} commits acknowledged, in ${more('transactions')} transactions`,
  )
}

async function measure(directory: string): Promise<{ shown: readonly Shown[]; raw: unknown }> {
  const backlog = await Backlog.open({ concurrency: CONCURRENCY, queueMax: 100_000 })
  const { names } = backlog.cluster
  try {
    await backlog.hold()
    const pids = new Map(names.map(name => [name, backlog.cluster.process(name).pid ?? 0]))
    const straces = await Straces.attach(pids, directory)
    const alone = await handIn(backlog, 'lone', lone, 1)
    backlog.letGo()
    const before = await counted(backlog)
    const load = await handIn(backlog, 'load', tasks, UNDER_WAY)
    const after = await counted(backlog)
    // Whatever was answered had synced before, so strace has seen it by now.
    const syncs = await straces.detach()
    const shown = [
      ...handedLines('on their own', alone, syncs, lone),
      ...handedLines('under load', load, syncs, tasks),
      countedLine(before, after),
    ]
    return { shown, raw: { alone, load, before, after, syncs: syncs.length } }
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
