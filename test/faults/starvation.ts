/** Daemons that get no processor for a while: frozen, blocked, or eight on a core with eight others that never pause. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Fleet, Member } from './fleet.ts'
import type { History } from './history.ts'
import type { Hosts } from './hosts.ts'
import { AFTER_MS, busyClaims, pauseClaims, pauseSeen } from './judges.ts'
import type { Report } from './report.ts'
import { isStopped, monotonicMs, signalTree, start, treeOf, until } from './started.ts'

const BLOCKING = fileURLToPath(new URL('./blocking.ts', import.meta.url))

/** After a pause: longer than a verdict takes. */
const VERDICT_MS = 5_000

const FROZEN_MS = 1_500
/** A timer may come so much early, ms. */
const EARLY_MS = 5

const BUSY_MS = 60_000
const BUSY_LOOPS = 8

const AGREE_MS = 60_000

/** Longest pause that may bury nobody: from here on the curve is only shown. */
const BLOCKED_CLAIM_MS = 1_700
const CURVE_MS = [1_000, 1_500, BLOCKED_CLAIM_MS, 2_000, 2_500, 3_000]

interface Place {
  readonly fleet: Fleet
  readonly hosts: Hosts
  readonly directory: string
}

export async function frozen({ fleet }: Place, report: Report, repeats: number): Promise<void> {
  const trials = await each(fleet, repeats, async ({ started: { child, pid } }) => {
    const stopped = monotonicMs()
    child.kill('SIGSTOP')
    await pause(FROZEN_MS + EARLY_MS)
    const pausedMs = isStopped(pid) ? monotonicMs() - stopped : null
    child.kill('SIGCONT')
    return pausedMs
  })
  report.tell(pauseClaims(trials, { what: 'SIGSTOP', ms: FROZEN_MS, claimed: true, repeats }))
}

export async function blocked(place: Place, report: Report, repeats: number): Promise<void> {
  for (const ms of CURVE_MS) {
    const trials = await each(place.fleet, repeats, member => block(place, member, ms))
    const claimed = ms <= BLOCKED_CLAIM_MS
    report.tell(pauseClaims(trials, { what: 'event loop blocked', ms, claimed, repeats }))
  }
}

/** All daemons on one core, and beside them eight loops that never pause. */
export async function oneCore({ fleet, directory }: Place, report: Report): Promise<void> {
  const pin = (core: string): void => {
    for (const { started } of fleet.members) {
      for (const pid of treeOf(started.pid))
        execFileSync('taskset', ['-acp', core, String(pid)], { stdio: 'ignore' })
    }
  }
  await fleet.whole()
  const all = execFileSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' })
    .split(':')
    .at(-1)
    ?.trim()
  pin('0')
  const since = monotonicMs()
  const loops = Array.from({ length: BUSY_LOOPS }, () =>
    start('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { log: join(directory, 'busy.log') }),
  )
  await pause(BUSY_MS)
  const ran = loops.filter(({ running }) => running).length
  const mended = monotonicMs()
  for (const { pid } of loops) signalTree(pid, 'SIGKILL')
  await Promise.all(loops.map(({ ended }) => ended))
  pin(all ?? '0')
  const history = await afterwards(fleet, since, mended)
  report.tell(busyClaims(history, { wanted: BUSY_LOOPS, ran, ms: BUSY_MS }))
}

/** @param starve resolves once the victim is awake, with how long it stood still in ms; null: it did not */
async function each(fleet: Fleet, repeats: number, starve: (member: Member) => Promise<number | null>) {
  const trials: ReturnType<typeof pauseSeen>[] = []
  for (let i = 0; i < repeats; i++) {
    await fleet.whole()
    await pause(1_000 + Math.random() * 1_000)
    const since = monotonicMs()
    const pausedMs = await starve(fleet.member(1 + ((i * 3 + 1) % fleet.members.length)))
    trials.push(pauseSeen(await afterwards(fleet, since, monotonicMs()), pausedMs))
  }
  return trials
}

/** Listens until no verdict of it is on its way, all agree again, and a while after. */
async function afterwards(fleet: Fleet, since: number, mended: number): Promise<History> {
  await pause(VERDICT_MS)
  await until(() => fleet.agree(), AGREE_MS)
  await pause(AFTER_MS)
  return fleet.history(since, mended)
}

async function block({ hosts, directory }: Place, { host, inspector }: Member, ms: number): Promise<number> {
  if (inspector === undefined) throw new Error(`the daemon on host ${host} has no inspector`)
  let blockedMs: number | undefined
  const onLine = (line: string): void => {
    const said = /^blocked ([\d.]+)/.exec(line)
    if (said !== null) blockedMs = Number(said[1])
  }
  const line = hosts.on(host, process.execPath, [BLOCKING, inspector, String(ms)])
  const log = join(directory, 'blocking.log')
  await start(...line, { log, onLine }).ended
  if (blockedMs === undefined || blockedMs < ms)
    throw new Error(`blocked for ${blockedMs} of ${ms} ms, see ${log}`)
  return blockedMs
}
