/** Daemons that get no processor for a while: frozen, blocked, or eight on a core with eight others that never pause. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Fleet, Member } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import type { Report } from './report.ts'
import { monotonicMs, signalTree, start, treeOf, until } from './started.ts'

const BLOCKING = fileURLToPath(new URL('./blocking.ts', import.meta.url))

/** After a pause: longer than a verdict takes. */
const AFTER_MS = 5_000

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
  const deaths = await each(fleet, repeats, async member => {
    member.started.child.kill('SIGSTOP')
    await pause(1_500)
    member.started.child.kill('SIGCONT')
  })
  report.count('SIGSTOP for 1.5 s: declared dead', deaths, { most: 0 })
}

export async function blocked(place: Place, report: Report, repeats: number): Promise<void> {
  for (const ms of CURVE_MS) {
    const deaths = await each(place.fleet, repeats, member => block(place, member, ms))
    const bounds = ms <= BLOCKED_CLAIM_MS ? { most: 0 } : {}
    report.count(
      `event loop blocked for ${(ms / 1_000).toFixed(1)} s: views in which it died`,
      deaths,
      bounds,
    )
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
  for (const { pid } of loops) signalTree(pid, 'SIGKILL')
  await Promise.all(loops.map(({ ended }) => ended))
  pin(all ?? '0')
  await pause(AFTER_MS)
  report.count('8 daemons and 8 busy loops on one core for 60 s: declared dead', [fleet.deaths(since)], {
    most: 0,
  })
  report.count('of them suspected', [fleet.count('suspect', since)])
  report.count('leases lost meanwhile', [fleet.count('fenced', since)])
}

/** In how many views somebody died each time. */
async function each(
  fleet: Fleet,
  repeats: number,
  starve: (member: Member) => Promise<void>,
): Promise<readonly number[]> {
  const deaths: number[] = []
  for (let i = 0; i < repeats; i++) {
    await fleet.whole()
    await pause(1_000 + Math.random() * 1_000)
    const since = monotonicMs()
    await starve(fleet.member(1 + ((i * 3 + 1) % fleet.members.length)))
    await pause(AFTER_MS)
    deaths.push(fleet.deaths(since))
    await until(() => fleet.agree(), AGREE_MS)
  }
  return deaths
}

async function block({ hosts, directory }: Place, { host, inspector }: Member, ms: number): Promise<void> {
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
}
