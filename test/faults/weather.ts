/** Loss and delay on every link for a minute: nobody may be taken for dead. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import type { Report } from './report.ts'
import { monotonicMs, until } from './started.ts'

const WEATHER_MS = 60_000

/** What was on its way to a verdict when the weather ended may still come to one. */
const AFTER_MS = 3_000

const AGREE_MS = 60_000

interface Place {
  readonly fleet: Fleet
  readonly hosts: Hosts
}

/** @param claimed false: seen beside the claims, as of another daemon */
export async function loss(place: Place, report: Report, claimed: boolean): Promise<void> {
  place.hosts.fault('lossall', '20')
  await weather(place, report, '20 % loss into every host', claimed)
}

/** In any order: a later packet may overtake an earlier one. */
export async function delay(place: Place, report: Report, claimed: boolean): Promise<void> {
  for (const { host } of place.fleet.members) place.hosts.fault('delay', String(host), '100', '80')
  await weather(place, report, '100 +- 80 ms into every host', claimed)
}

async function weather(
  { fleet, hosts }: Place,
  report: Report,
  what: string,
  claimed: boolean,
): Promise<void> {
  const since = monotonicMs()
  const sentAgain = (): readonly number[] => fleet.members.map(({ host }) => hosts.sentAgain(host))
  const before = sentAgain()
  await pause(WEATHER_MS)
  const again = sentAgain().map((count, i) => count - (before[i] ?? 0))
  const { since: end, done } = hosts.heal()
  const [agreed] = await Promise.all([until(() => fleet.agree(), AGREE_MS, end), done])
  await pause(AFTER_MS)
  const name = `${what} for ${WEATHER_MS / 1_000} s: `
  report.count(`${name}live ones declared dead`, [fleet.deaths(since)], claimed ? { most: 0 } : {})
  report.count(`${name}suspicions`, [fleet.count('suspect', since)])
  // Serf's gossip is UDP: of it only what it sends by TCP shows here.
  report.count('TCP segments sent again, by host', again, claimed ? { least: 1 } : {})
  report.seconds('heal: all agree again', [agreed], claimed ? { most: 5 } : {})
}
