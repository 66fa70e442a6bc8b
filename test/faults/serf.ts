/** Serf under the same faults in the same run, beside our claims: figures of shared machines drift from day to day. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { Hosts } from './hosts.ts'
import type { Machine } from './machine.ts'
import type { Report } from './report.ts'
import { until } from './started.ts'
import { loss } from './weather.ts'

/** It needs more than a minute for some; that is then what is told. */
const WAIT_MS = 90_000

const SETTLE_MS = 5_000

interface Place {
  readonly fleet: Fleet
  readonly hosts: Hosts
  readonly machine: Machine
}

export async function besideSerf(place: Place, report: Report): Promise<void> {
  await blackhole(place, report)
  await partition(place, report)
  await place.fleet.whole()
  await loss(place, report, false)
}

async function blackhole({ fleet, hosts }: Place, report: Report): Promise<void> {
  await pause(SETTLE_MS)
  const victim = fleet.member(5)
  const since = hosts.fault('blackhole', '5')
  const rest = fleet.members.filter(member => member !== victim)
  report.seconds('Serf, blackhole of one host: every other knows', [
    await fleet.last(rest, 'failed', since, WAIT_MS, victim.name),
  ])
  const alone = await until(() => fleet.sees(victim, [victim]), WAIT_MS, since)
  report.seconds('Serf, the isolated host knows itself (sees all others failed)', [alone])
  const { since: healed, done } = hosts.heal()
  const [agreed] = await Promise.all([until(() => fleet.agree(), WAIT_MS, healed), done])
  report.seconds('Serf, heal: all agree again', [agreed])
}

async function partition({ fleet, hosts }: Place, report: Report): Promise<void> {
  await fleet.whole()
  await pause(SETTLE_MS)
  const [three, five] = [fleet.on([1, 2, 3]), fleet.on([4, 5, 6, 7, 8])]
  const since = hosts.fault('partition', '1,2,3', '4,5,6,7,8')
  const alone = (side: typeof three): Promise<number | null> =>
    until(() => side.every(member => fleet.sees(member, side)), WAIT_MS, since)
  const [threeAlone, fiveAlone] = await Promise.all([alone(three), alone(five)])
  report.seconds('Serf, partition 3|5: the 5 agree on themselves', [fiveAlone])
  report.seconds('Serf, the 3 agree on themselves, and go on', [threeAlone])
  const { since: healed, done } = hosts.heal()
  const [agreed] = await Promise.all([until(() => fleet.agree(), WAIT_MS, healed), done])
  report.seconds('Serf, heal: all agree again', [agreed])
  report.seconds('Serf, that partition stood for', [healed - since])
}
