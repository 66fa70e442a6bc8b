/** Loss and delay on every link for a minute: nobody may be taken for dead. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import type { Machine } from './machine.ts'
import { excessMs, type Report } from './report.ts'
import { monotonicMs, until } from './started.ts'

const WEATHER_MS = 60_000

/** What was on its way to a verdict when the weather ended may still come to one. */
const AFTER_MS = 3_000

const AGREE_MS = 60_000
const HEAL_S = 5

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
    begin()
    const since = monotonicMs()
    const before = sentAgain()
    await pause(WEATHER_MS)
    const again = sentAgain().map((count, i) => count - (before[i] ?? 0))
    const { since: end, done } = hosts.heal()
    const [agreed] = await Promise.all([until(() => fleet.agree(), AGREE_MS, end), done])
    await pause(AFTER_MS)
    return { again, agreed, dead: fleet.deaths(since), suspected: fleet.count('suspect', since) }
  }
  const paused: number[] = []
  const trials = await machine.trials(1, play, {
    excess: ({ agreed }) => ({ ms: claimed ? excessMs(agreed, HEAL_S) : 0 }),
    say: text => report.again(text),
    again: ({ dead }) => paused.push(dead),
    prepare: () => fleet.whole(),
  })
  const dead = [...paused, ...trials.map(trial => trial.dead)]
  const name = `${what} for ${WEATHER_MS / 1_000} s: `
  report.count(`${name}live ones declared dead`, dead, claimed ? { most: 0 } : {})
  report.count(
    `${name}suspicions`,
    trials.map(trial => trial.suspected),
  )
  // Serf's gossip is UDP: of it only what it sends by TCP shows here.
  const again = trials.flatMap(trial => trial.again)
  report.count('TCP segments sent again, by host', again, claimed ? { least: 1 } : {})
  const agreed = trials.map(trial => trial.agreed)
  report.seconds('heal: all agree again', agreed, claimed ? { most: HEAL_S } : {})
}
