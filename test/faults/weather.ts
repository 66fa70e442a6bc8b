/** Loss and delay on every link for a minute: nobody may be taken for dead. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import { AFTER_MS, HEAL_S, weatherClaims, weatherSeen } from './judges.ts'
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

/** @param claimed false: seen beside the claims, as of another daemon */
export async function loss(place: Place, report: Report, claimed: boolean): Promise<void> {
  const begin = (): void => void place.hosts.fault('lossall', '20')
  await weather(place, report, claimed, '20 % loss into every host', begin)
}

/** In any order: a later packet may overtake an earlier one. */
export async function delay(place: Place, report: Report, claimed: boolean): Promise<void> {
  const begin = (): void => {
    for (const { host } of place.fleet.members) place.hosts.fault('delay', String(host), '100', '80')
  }
  await weather(place, report, claimed, '100 +- 80 ms into every host', begin)
}

async function weather(
  { fleet, hosts, machine }: Place,
  report: Report,
  claimed: boolean,
  what: string,
  begin: () => void,
): Promise<void> {
  const sentAgain = (): readonly number[] => fleet.members.map(({ host }) => hosts.sentAgain(host))
  const play = async () => {
    const since = monotonicMs()
    begin()
    const before = sentAgain()
    await pause(WEATHER_MS)
    const again = sentAgain().map((count, i) => count - (before[i] ?? 0))
    const { since: mended, done } = hosts.heal()
    await Promise.all([until(() => fleet.agree(), AGREE_MS, mended), done])
    await pause(AFTER_MS)
    return weatherSeen(fleet.history(since, mended), again)
  }
  const earlier: Samples[number][] = []
  const trials = await machine.trials(1, play, {
    excess: ({ agreed }) => ({ ms: claimed ? excessMs(agreed, HEAL_S) : 0 }),
    say: text => report.again(text),
    again: ({ dead }) => earlier.push(dead),
    prepare: () => fleet.whole(),
  })
  const name = `${fleet.name === 'roundtable' ? '' : 'Serf, '}${what} for ${WEATHER_MS / 1_000} s`
  report.tell(weatherClaims(trials, { name, claimed, earlier }))
}
