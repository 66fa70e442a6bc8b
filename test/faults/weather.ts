/** Loss and delay on every link for a minute: nobody may be taken for dead. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import { AFTER_MS, HEAL_S, type Waits, weatherClaims, weatherSeen } from './judges.ts'
import type { Machine } from './machine.ts'
import { excessMs, type Report, type Samples } from './report.ts'
import { monotonicMs, until } from './started.ts'

const WEATHER_MS = 60_000

const AGREE_MS = 60_000

interface Place {
  readonly fleet: Fleet
  readonly hosts: Hosts
  readonly machine: Machine
}

/** Every packet waits for so long, and by chance so much longer or shorter, ms. */
const DELAY_MS = 100
const JITTER_MS = 80

interface Kind {
  readonly what: string
  readonly begin: () => void
  /** Packets are delayed by so much at least, ms. */
  readonly waitMs?: number
}

/** @param claimed false: seen beside the claims, as of another daemon */
export async function loss(place: Place, report: Report, claimed: boolean): Promise<void> {
  const begin = (): void => void place.hosts.fault('lossall', '20')
  await weather(place, report, claimed, { what: '20 % loss into every host', begin })
}

/** In any order: a later packet may overtake an earlier one. */
export async function delay(place: Place, report: Report, claimed: boolean): Promise<void> {
  const begin = (): void => {
    for (const { host } of place.fleet.members)
      place.hosts.fault('delay', String(host), String(DELAY_MS), String(JITTER_MS))
  }
  const what = `${DELAY_MS} +- ${JITTER_MS} ms into every host`
  await weather(place, report, claimed, { what, begin, waitMs: DELAY_MS - JITTER_MS })
}

async function weather(
  { fleet, hosts, machine }: Place,
  report: Report,
  claimed: boolean,
  { what, begin, waitMs }: Kind,
): Promise<void> {
  const sentAgain = (): readonly number[] => fleet.members.map(({ host }) => hosts.sentAgain(host))
  const play = async () => {
    const since = monotonicMs()
    begin()
    const [began, before] = [monotonicMs(), sentAgain()]
    const roundTripsMs = waitMs === undefined ? [] : await roundTrips(hosts, fleet)
    await pause(Math.max(0, began + WEATHER_MS - monotonicMs()))
    const again = sentAgain().map((count, i) => count - (before[i] ?? 0))
    const packets = fleet.members.map(({ host }) => hosts.delayed(host))
    const { since: mended, done } = hosts.heal()
    await Promise.all([until(() => fleet.agree(), AGREE_MS, mended), done])
    await pause(AFTER_MS)
    const waits: Waits | undefined = waitMs === undefined ? undefined : { packets, roundTripsMs }
    return weatherSeen(fleet.history(since, mended), again, waits)
  }
  const earlier: Samples[number][] = []
  const trials = await machine.trials(1, play, {
    excess: ({ agreed }) => ({ ms: claimed ? excessMs(agreed, HEAL_S) : 0 }),
    say: text => report.again(text),
    again: ({ dead }) => earlier.push(dead),
    prepare: () => fleet.whole(),
  })
  const name = `${fleet.name === 'roundtable' ? '' : 'Serf, '}${what} for ${WEATHER_MS / 1_000} s`
  report.tell(weatherClaims(trials, { name, claimed, earlier, waitMs }))
}

/** From each host to the next one, one after the other. */
async function roundTrips(hosts: Hosts, { members }: Fleet): Promise<readonly number[]> {
  const found: number[] = []
  for (const { host } of members) found.push(await hosts.roundTripMs(host, 1 + (host % members.length)))
  return found
}
