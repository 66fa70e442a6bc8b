/**
 * The ledger: tasks are handed to random nodes of eight real daemons while every few seconds one or two of them are killed
 * (kill -9), frozen, cut off or restarted. Every run of a task begins and ends at a register outside of it all that verifies
 * fencing tokens. In the end a judge holds three books against each other: what the clients were told, what the register
 * heard, and what the daemons have on their disks.
 *
 *   npm run ledger                       100,000 tasks, disks kept: some ten minutes
 *   npm run ledger -- --tasks=300        a try, a minute
 *        [--profile=disk-kept|disk-lost|two-lost] [--rate=200] [--keys=2000] [--commands=0.02] [--nodes=8] [--seed=N]
 *        [--json] [--out=FILE] [--keep]
 *
 * `disk-lost`: every fault takes a disk, of one node at a time. `two-lost`: of two at a time, with `tasks.durability: 3`.
 * The next disk goes once the daemons say that every record has its copies again. Cuts need root, iproute2 and nftables;
 * without them there are none, and it says so. Commands need perl. Exit code 1 when a claim does not hold.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Random } from '../../src/base/random.ts'
import { Report } from '../faults/report.ts'
import { endAll } from '../faults/started.ts'
import { kindsOf, type Profile } from './chaos.ts'
import { tell } from './findings.ts'
import { judge } from './judge.ts'
import { places } from './places.ts'
import { play } from './play.ts'

const PROFILES: readonly Profile[] = ['disk-kept', 'disk-lost', 'two-lost']
const ACTOR = fileURLToPath(new URL('./actor.pl', import.meta.url))

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '100000' },
    profile: { type: 'string', default: 'disk-kept' },
    rate: { type: 'string', default: '200' },
    keys: { type: 'string', default: '2000' },
    nodes: { type: 'string', default: '8' },
    commands: { type: 'string', default: '0.02' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const numbers = {
  tasks: Number(values.tasks),
  perSecond: Number(values.rate),
  keys: Number(values.keys),
  commands: Number(values.commands),
  seed: Number(values.seed),
}
const profile = PROFILES.find(each => each === values.profile)

const report = new Report(values.json ? console.error : console.log)
const directory = mkdtempSync(join(tmpdir(), 'roundtable-ledger-'))
const where = await places(Number(values.nodes))

function clear(): void {
  endAll()
  where.hosts?.down()
  if (values.keep) console.error(`logs, disks and ledger: ${directory}`)
  else rmSync(directory, { recursive: true, force: true })
}

function configOf(register: string): object {
  const applications = [...new Set(where.all.map(({ application }) => `http://127.0.0.1:${application}/`))]
  const durability = profile === 'two-lost' ? { durability: 3 } : {}
  return {
    tasks: { concurrency: 16, settledMax: 10_000_000, ...durability },
    executors: {
      exec: { commands: { act: { path: 'perl', args: [ACTOR, register], taskArgs: true } } },
      http: { allow: applications },
    },
  }
}

async function main(): Promise<number> {
  const wrong = Object.entries(numbers).filter(([, value]) => !(value >= 0))
  if (profile === undefined || wrong.length > 0) {
    console.error(
      `--profile is one of ${PROFILES.join(', ')}; numbers are 0 or more: ${wrong.map(([name]) => name).join(', ')}`,
    )
    return 2
  }
  report.begin(`ledger: ${numbers.tasks} tasks, ${profile}, seed ${numbers.seed}`)
  if (where.missing !== undefined) report.say(`nobody is cut off here: ${where.missing}`)
  const random = new Random(numbers.seed)
  const say = (text: string): void => console.error(text)
  try {
    const played = await play({ ...numbers, directory, where, profile, random, configOf, say })
    const judgement = judge(played.history)
    const kinds = kindsOf(profile, where.hosts !== undefined)
    tell(report, judgement, played, { tasks: numbers.tasks, kinds })
  } catch (error) {
    report.broken(error)
  }
  finish()
  return report.failed.length > 0 ? 1 : 0
}

function finish(): void {
  const place = where.hosts === undefined ? 'loopback' : 'each on a host of its own'
  const what = `${values.nodes} real daemons, quorum mode, ${place}`
  const date = new Date().toISOString()
  const result = { bench: 'ledger', what, date, options: values, lines: report.lines }
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`)
  if (values.json) console.log(JSON.stringify(result))
}

process.on('exit', clear)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.exit(await main())
