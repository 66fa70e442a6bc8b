/**
 * Tasks a second, beside the queues that people use for this today, in one run: BullMQ on Redis (its log synced at every
 * write), graphile-worker on PostgreSQL, and eight of our daemons with two durable copies of each task. No-op jobs, eight
 * worker processes each, the same number of jobs at one time in each of them.
 *
 *   npm run bench:tasks -- [--jobs=20000] [--rounds=3] [--singles=300] [--concurrency=16] [--half-seconds=10]
 *        [--only=ours,bullmq,graphile] [--json] [--out=FILE]
 *
 * Each round starts, warms up (20,000 jobs), measures and ends one queue after the other on the same disk, whose fsync is measured just before.
 * Figures of shared machines drift by half from day to day: the ratio of one run counts. The first run installs the
 * others by npm; one whose server is not installed (Debian's redis-server, postgresql) is left out, and that is said.
 * Exit code 1 when a claim does not hold.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endAll } from '../../faults/started.ts'
import { publish, reportOf } from '../../operations/report.ts'
import { bullmq } from './bullmq.ts'
import { shownOf } from './claims.ts'
import { fsyncMs } from './fsync.ts'
import { graphile, postgresDirectory } from './graphile.ts'
import { type Measured, measure } from './measure.ts'
import { NOOP, ours } from './ours.ts'
import type { Subject, SubjectOptions } from './subject.ts'

const WORKERS = 8

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    singles: { type: 'string', default: '300' },
    concurrency: { type: 'string', default: '16' },
    'half-seconds': { type: 'string', default: '10' },
    only: { type: 'string', default: 'ours,bullmq,graphile' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const sizes = {
  jobs: Number(values.jobs),
  singles: Number(values.singles),
  halfSeconds: Number(values['half-seconds']),
}
const rounds = Number(values.rounds)
const wanted = values.only.split(',')
if (
  ![...Object.values(sizes), rounds, Number(values.concurrency)].every(
    number => Number.isFinite(number) && number >= 1,
  )
)
  throw new Error('--jobs, --rounds, --singles, --concurrency and --half-seconds are numbers from 1 on')

interface Candidate {
  readonly name: 'ours' | 'bullmq' | 'graphile'
  /** Why it cannot run here. */
  cannot(): string | undefined
  start(options: SubjectOptions): Promise<Subject>
}

const CANDIDATES: readonly Candidate[] = [
  { name: 'bullmq', cannot: () => missing('redis-server', has('redis-server')), start: bullmq },
  {
    name: 'graphile',
    cannot: () => missing('postgresql', postgresDirectory() !== undefined),
    start: graphile,
  },
  { name: 'ours', cannot: () => undefined, start: ours },
]

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const missing = (what: string, there: boolean): string | undefined =>
  there ? undefined : `Debian’s ${what} is not installed`

const report = reportOf(
  `Tasks a second beside BullMQ and graphile-worker, loopback; ours: eight real daemons, quorum mode, placement ${NOOP.placement}`,
  values,
)
const directory = mkdtempSync(join(tmpdir(), 'roundtable-bench-tasks-'))
chmodSync(directory, 0o711) // PostgreSQL runs as another user, and must find its own.
process.on('exit', () => {
  endAll()
  rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

const measured: Measured[] = []
const left: { name: string; why: string }[] = []
for (const { name, cannot } of CANDIDATES) {
  const why = wanted.includes(name) ? cannot() : 'not asked for'
  if (why !== undefined) left.push({ name, why })
}
const taken = CANDIDATES.filter(({ name }) => !left.some(each => each.name === name))
for (let round = 1; round <= rounds; round++)
  for (const { name, start } of taken) {
    console.error(`round ${round} of ${rounds}: ${name}`)
    const own = join(directory, `${name}-${round}`)
    mkdirSync(own, { mode: 0o711 })
    const disk = fsyncMs(own)
    const subject = await start({ directory: own, workers: WORKERS, concurrency: Number(values.concurrency) })
    try {
      measured.push({ ...(await measure(subject, sizes)), queue: name, round, fsyncMs: disk })
    } finally {
      await subject.close()
    }
  }
publish(report(shownOf(measured, left), measured), { json: values.json, out: values.out })
process.exit()
