/** Serf under the same faults in the same run, beside our claims: figures of shared machines drift from day to day. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import { countOf } from './history.ts'
import type { Hosts } from './hosts.ts'
import { AFTER_MS, deadIn } from './judges.ts'
import type { Machine } from './machine.ts'
import { count, type Report } from './report.ts'
import { until } from './started.ts'
import { delay, loss } from './weather.ts'

/** It needs more than a minute for some; that is then what is told. */
const WAIT_MS = 90_000

const SETTLE_MS = 5_000

interface Place {
  readonly fleet: Fleet
  readonly hosts: Hosts
  readonly machine: Machine
}

/** Of the hosts of eight: the cuts that our daemons are put to in `cuts.ts`. */
const [A, B] = ['2', '5']
const [LOW, HIGH] = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
]

/** A link between two is cut for so long, as with us. */
const LINK_MS = 25_000

export async function besideSerf(place: Place, report: Report): Promise<void> {
  await blackhole(place, report)
  await partition(place, report)
  await halves(place, report)
  await link(place, report)
  await place.fleet.whole()
  await loss(place, report, false)
  await place.fleet.whole()
  await delay(place, report, false)
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
  await healed({ fleet, hosts }, report)
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
  const mended = await healed({ fleet, hosts }, report)
  report.seconds('Serf, that partition stood for', [mended - since])
}

/** Neither half knows of a quorum: both go on. */
async function halves({ fleet, hosts }: Place, report: Report): Promise<void> {
  await fleet.whole()
  await pause(SETTLE_MS)
  const [low, high] = [fleet.on(LOW), fleet.on(HIGH)]
  const since = hosts.fault('partition', LOW.join(), HIGH.join())
  const alone = (side: typeof low): Promise<number | null> =>
    until(() => side.every(member => fleet.sees(member, side)), WAIT_MS, since)
  const sides = await Promise.all([alone(low), alone(high)])
  report.seconds('Serf, 4|4: each half agrees on itself, and goes on', sides)
  await healed({ fleet, hosts }, report)
}

async function link({ fleet, hosts }: Place, report: Report): Promise<void> {
  await fleet.whole()
  await pause(SETTLE_MS)
  const since = hosts.fault('partition', A, B)
  await pause(LINK_MS)
  const mended = await healed({ fleet, hosts }, report)
  await pause(AFTER_MS)
  const history = fleet.history(since, mended)
  const what = `Serf, only the link between two cut, for ${LINK_MS / 1_000} s`
  report.tell([
    count(`${what}: declared dead`, [deadIn(history)]),
    count('Serf, of them suspected', [countOf(history, 'suspect')]),
  ])
}

/** Mends the network, and tells how long it takes until all agree; when it began. */
async function healed({ fleet, hosts }: Pick<Place, 'fleet' | 'hosts'>, report: Report): Promise<number> {
  const { since, done } = hosts.heal()
  const [agreed] = await Promise.all([until(() => fleet.agree(), WAIT_MS, since), done])
  report.seconds('Serf, heal: all agree again', [agreed])
  return since
}
