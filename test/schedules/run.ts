/**
 * A schedule that fires every second on eight real nodes, each on a host of its own, through kills and a 3|5 partition: each slot runs
 * once, none is missed unless it is listed.
 *
 *   node test/schedules/run.ts [--hosts=8] [--seconds=300] [--kill-every=20] [--catch-up=all] [--json] [--out=FILE] [--keep]
 *
 * Each run appends a line to one file that all hosts see. Every so many seconds one daemon is killed with kill -9, its disk
 * kept, and started again; in the middle third of the time three hosts are cut off from five (of fewer hosts, three eighths of them). At the end the file is
 * held against what the owner of the schedule says.
 *
 * Needs root, iproute2 and nftables. Exit 1 when a claim does not hold, 2 when it cannot run here.
 */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { slotTaskId } from '../../src/tasks/schedules/state.ts'
import { Hosts, hostsMissing } from '../faults/hosts.ts'
import { Report } from '../faults/report.ts'
import { endAll, monotonicMs, type Started, start, until } from '../faults/started.ts'
import { type RightEvent, rightsLost } from './rights.ts'
import { type Hit, judge, parseLedger, type RecordedAttempt } from './slots.ts'

const ROUNDTABLE = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const NAME = 'every-second'
const PORT = 7946
const URL_HERE = 'http://127.0.0.1:7373'
/** All have found one another, and somebody acts, in this time: a busy machine takes minutes to start eight daemons. */
const START_MS = 300_000
/** A daemon that was killed is started again after this. */
const DOWN_MS = 3_000
/** Until the last slots have run and every copy is where it belongs. */
const SETTLE_MS = 20_000
/** Until all that was made by then has run. */
const LINE_MS = 120_000
/** Slots that must have been due at least, as a part of the seconds that passed. */
const DUE_PART = 0.9
/** Between two kills there is at most so much more than was asked for, in ms: a daemon that is down, and who is to be hit next. */
const KILL_EXTRA_MS = 2 * DOWN_MS

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '300' },
    'kill-every': { type: 'string', default: '20' },
    'catch-up': { type: 'string', default: 'all' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

interface ScheduleShown {
  readonly decidedTo: number
  readonly made: number
  readonly missed: number
  readonly lately: readonly { readonly from: number; readonly to: number; readonly more?: boolean }[]
}

const HOSTS = Number(values.hosts)
const CUT_OFF = Math.max(1, Math.floor((HOSTS * 3) / 8))

const report = new Report(values.json ? console.error : console.log)
const hosts = new Hosts(HOSTS)
const directory = mkdtempSync(join(tmpdir(), 'roundtable-schedules-'))
const ledger = join(directory, 'ledger')
const daemons = new Map<number, Started>()
const hits: Hit[] = []
const rights: RightEvent[] = []

function clear(): void {
  endAll()
  hosts.down()
  if (values.keep) console.error(`logs and ledger: ${directory}`)
  else rmSync(directory, { recursive: true, force: true })
}

function boot(host: number): void {
  const home = join(directory, `n${host}`)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const seeds = [1, 2]
    .filter(each => each !== host)
    .flatMap(each => ['--seed', `${hosts.address(each)}:${PORT}`])
  const args = [
    ...['agent', '--config', join(directory, 'roundtable.json'), '--node-id', `n${host}`],
    ...['--listen', `${hosts.address(host)}:${PORT}`, '--http', '127.0.0.1:7373'],
    ...['--data-dir', join(home, 'd'), '--expected-nodes', String(HOSTS), ...seeds],
  ]
  const onLine = (said: string): void => {
    const event = /"event":"lease-(gained|lost)"/.exec(said)?.[1] as 'gained' | 'lost' | undefined
    if (event !== undefined) rights.push({ node: `n${host}`, at: Date.now(), what: event })
  }
  const log = join(directory, `n${host}.log`)
  daemons.set(host, start(...hosts.on(host, ROUNDTABLE, args), { log, onLine }))
}

function configure(): void {
  const note = join(directory, 'note.sh')
  const fields = ['ID', 'ATTEMPT', 'NODE', 'TOKEN'].map(field => `$ROUNDTABLE_TASK_${field}`).join(' ')
  // One short write to a file that is appended to: lines of two runs never mix.
  writeFileSync(note, `#!/bin/sh\necho "${fields}" >> '${ledger}'\n`)
  chmodSync(note, 0o755)
  writeFileSync(ledger, '')
  const schedule = {
    ...{ name: NAME, cron: '* * * * * *', catchUp: values['catch-up'] },
    task: { type: 'exec', payload: { command: 'note' }, timeoutMs: 30_000 },
  }
  const executors = { exec: { commands: { note: { path: note } } } }
  writeFileSync(join(directory, 'roundtable.json'), JSON.stringify({ schedules: [schedule], executors }))
}

/** What the daemon of a host answers on its command line; undefined when it does not. */
async function ask<T>(host: number, ...args: readonly string[]): Promise<T | undefined> {
  const line = hosts.on(host, ROUNDTABLE, [...args, '--json', '--url', URL_HERE])
  try {
    const { stdout } = await promisify(execFile)(...line, { maxBuffer: 64 * 1024 * 1024 })
    return JSON.parse(stdout) as T
  } catch {
    // It is down, or has no answer at the moment: whoever asks goes on to the next.
    return undefined
  }
}

/** From the first host that answers. */
async function askAny<T>(...args: readonly string[]): Promise<T> {
  for (let host = 1; host <= HOSTS; host++) {
    const answer = await ask<T>(host, ...args)
    if (answer !== undefined) return answer
  }
  throw new Error(`no host answers roundtable ${args.join(' ')}`)
}

/** Kills one daemon after the other, and starts it again, until the time is over. */
async function killing(end: number): Promise<void> {
  let kills = 0
  while (monotonicMs() + DOWN_MS < end) {
    await pause(Number(values['kill-every']) * 1_000)
    if (monotonicMs() + DOWN_MS >= end) break
    const owner = await askAny<{ readonly owner: string }>('owner', NAME)
    // Every other one is the owner, as the most is at stake there.
    const host = kills % 2 === 0 ? Number(owner.owner.slice(1)) : 1 + ((kills * 3) % HOSTS)
    const daemon = daemons.get(host)
    if (daemon === undefined) continue
    const from = Date.now()
    daemon.child.kill('SIGKILL')
    kills++
    await daemon.ended
    rights.push({ node: `n${host}`, at: Date.now(), what: 'killed' })
    await pause(DOWN_MS)
    boot(host)
    hits.push({ kind: 'kill', node: `n${host}`, from, to: Date.now() })
  }
}

/** Three hosts are cut off from five for the middle third of the time. */
async function cutting(begin: number, end: number): Promise<void> {
  await pause(Math.max(0, begin + (end - begin) / 3 - monotonicMs()))
  const all = Array.from({ length: HOSTS }, (_, index) => index + 1)
  const from = Date.now()
  hosts.fault('partition', all.slice(0, CUT_OFF).join(), all.slice(CUT_OFF).join())
  await pause((end - begin) / 3)
  await hosts.heal().done
  const to = Date.now()
  hits.push(...all.slice(0, CUT_OFF).map(host => ({ kind: 'cut', node: `n${host}`, from, to }) as const))
}

async function play(): Promise<void> {
  configure()
  hosts.up()
  for (let host = 1; host <= HOSTS; host++) boot(host)
  const ran = () => parseLedger(readFileSync(ledger, 'utf8')).length
  const began = await until(() => ran() > 0, START_MS)
  if (began === null) throw new Error(`no slot ran within ${START_MS} ms`)
  await pause(SETTLE_MS)
  const from = Math.ceil(Date.now() / 1_000) * 1_000
  const begin = monotonicMs()
  const end = begin + Number(values.seconds) * 1_000
  await Promise.all([killing(end), cutting(begin, end)])
  await pause(Math.max(0, end - monotonicMs()) + SETTLE_MS)
  const shown = await askAny<ScheduleShown>('schedules', 'show', NAME)
  // One after the other: where the machine is busy they stand in line.
  const last = slotTaskId(NAME, Math.floor(shown.decidedTo / 1_000) * 1_000)
  await until(() => parseLedger(readFileSync(ledger, 'utf8')).some(({ task }) => task === last), LINE_MS)
  await pause(SETTLE_MS / 2)
  await conclude(from, shown)
}

/** Without both a kill every so often and a cut nothing is shown. */
function tellHits(): void {
  const everyMs = Number(values['kill-every']) * 1_000 + KILL_EXTRA_MS
  const kills = hits.filter(({ kind }) => kind === 'kill')
  const least = Math.max(1, Math.floor((Number(values.seconds) * 1_000) / everyMs))
  report.count('kills', [kills.length], { least })
  const cuts = hits.filter(({ kind }) => kind === 'cut')
  const [cut] = cuts
  if (cut === undefined) throw new Error('nobody was cut off')
  const lost = rightsLost(rights, { nodes: cuts.map(({ node }) => node), from: cut.from, to: cut.to })
  // One of them may be down at that moment.
  report.count('nodes with the right to act that were cut off', [lost.had], {
    least: Math.max(1, CUT_OFF - 1),
  })
  report.count('    that said before the heal that it was lost', [lost.said], { least: lost.had })
}

async function conclude(from: number, shown: ScheduleShown): Promise<void> {
  const slots: number[] = []
  for (let slot = from; slot <= shown.decidedTo; slot += 1_000) slots.push(slot)
  const taskOf = (slot: number): string => slotTaskId(NAME, slot)
  const runs = parseLedger(readFileSync(ledger, 'utf8'))
  const attempts = new Map<string, readonly RecordedAttempt[]>()
  const again = runs.filter(({ task }, i) => runs.findIndex(each => each.task === task) !== i)
  for (const { task } of again) {
    const record = await askAny<{ readonly attempts: readonly RecordedAttempt[] }>('task', task)
    attempts.set(task, record.attempts)
  }
  const found = judge(slots, taskOf, runs, shown.lately, task => attempts.get(task) ?? [], hits)
  tellHits()
  report.count('slots that were due', [found.slots], { least: Number(values.seconds) * DUE_PART })
  report.count('run once', [found.once])
  report.count('run again after an attempt that a kill or the cut ended, or kept from being heard of', [
    found.explained.length,
  ])
  report.count('listed as missed', [found.listed.length])
  report.count('neither run nor listed', [found.lost.length], { most: 0 })
  report.count('run twice without such a reason', [found.twice.length], { most: 0 })
  report.count('listed as missed and run all the same', [found.both.length], { most: 0 })
  for (const slot of [...found.lost, ...found.twice, ...found.both]) report.say(taskOf(slot))
}

async function main(): Promise<number> {
  const missing = hostsMissing()
  const fits = [values.seconds, values['kill-every']].every(value => Number(value) >= 1) && HOSTS >= 3
  if (missing !== undefined || !fits) {
    console.error(missing ?? '--seconds and --kill-every must be 1 or more, --hosts 3 or more')
    return 2
  }
  report.begin(
    `a slot every second for ${values.seconds} s on ${HOSTS} nodes, catch-up ${values['catch-up']}`,
  )
  try {
    await play()
  } catch (error) {
    report.broken(error)
  }
  const machine = { cpus: cpus().length, load: loadavg().map(load => Number(load.toFixed(1))) }
  const about = {
    ...{ bench: 'schedules', date: new Date().toISOString(), options: values },
    what: `${HOSTS} real daemons, each on a host of its own (network namespaces), quorum mode`,
  }
  const result = { ...about, ...machine, lines: report.lines }
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`)
  if (values.json) console.log(JSON.stringify(result))
  return report.failed.length > 0 ? 1 : 0
}

process.on('exit', clear)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.exit(await main())
