/** Faults of the network: who knows of them how soon, and that it is never two who act. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Report, Samples } from './report.ts'
import type { Scene } from './scene.ts'
import { monotonicMs, until } from './started.ts'

const EIGHT = [1, 2, 3, 4, 5, 6, 7, 8]

/** Given up on after this: the other daemon needs more than a minute for some. */
const WAIT_MS = 15_000

/** A cut stands at least so long, so that what follows a verdict is seen too. */
const STAND_MS = 6_000

/** A link between two that is cut stands so long: longer than any verdict takes. */
const LINK_MS = 25_000

/** Before a cut, so that it comes at any point of the clocks of probes and renewals. */
const STEP_MS = 1_500

const HEAL_S = 5

export async function blackhole(scene: Scene, report: Report, repeats: number): Promise<void> {
  const others: (number | null)[] = []
  const itself: (number | null)[] = []
  const silent: number[] = []
  const healed = new Heals()
  for (let i = 0; i < repeats; i++) {
    const victim = 2 + ((i * 3 + 1) % 7)
    const since = await cut(scene, 'blackhole', String(victim))
    const rest = scene.fleet.members.filter(({ host }) => host !== victim)
    others.push(await scene.fleet.last(rest, 'failed', since, WAIT_MS, `n${victim}`))
    itself.push(await scene.fleet.last([scene.fleet.member(victim)], 'fenced', since, WAIT_MS))
    await stand(since)
    silent.push(scene.lastSign([victim], since))
    healed.add(await scene.heal())
  }
  report.seconds('blackhole of one host: every other knows', others, { most: 3 })
  report.seconds('the isolated host knows itself (lease lost)', itself, { most: 2 })
  report.seconds('the last sign of anybody who acted there', silent, { most: 2 })
  healed.report(report)
}

export async function partition(scene: Scene, report: Report, repeats: number): Promise<void> {
  const [three, five] = [EIGHT.slice(0, 3), EIGHT.slice(3)]
  const agree: (number | null)[] = []
  const fenced: (number | null)[] = []
  const act: (number | null)[] = []
  const silent: number[] = []
  const healed = new Heals()
  for (let i = 0; i < repeats; i++) {
    const since = await cut(scene, 'partition', three.join(), five.join())
    const majority = scene.fleet.on(five)
    const [agreed, fences, acts] = await Promise.all([
      until(() => majority.every(member => scene.fleet.sees(member, majority)), WAIT_MS, since),
      scene.fleet.last(scene.fleet.on(three), 'fenced', since, WAIT_MS),
      scene.allActedFor(five, since, WAIT_MS),
    ])
    agree.push(agreed)
    fenced.push(fences)
    act.push(acts)
    await stand(since)
    silent.push(scene.lastSign(three, since))
    healed.add(await scene.heal())
  }
  report.seconds('partition 3|5: the 5 agree on themselves', agree, { most: 3 })
  report.seconds('the 3 know that they may not act', fenced, { most: 2 })
  report.seconds('the last sign of anybody who acted among the 3', silent, { most: 2 })
  report.seconds('the 5 act for every key', act, { most: 5 })
  healed.report(report)
}

export async function halves(scene: Scene, report: Report): Promise<void> {
  const [low, high] = [EIGHT.slice(0, 4), EIGHT.slice(4)]
  const healed = new Heals()
  const since = await cut(scene, 'partition', low.join(), high.join())
  report.seconds(
    '4|4: the half with the lowest name acts for every key',
    [await scene.allActedFor(low, since, WAIT_MS)],
    { most: 5 },
  )
  await stand(since)
  report.seconds('the last sign of anybody who acted in the other half', [scene.lastSign(high, since)], {
    most: 2,
  })
  healed.add(await scene.heal())
  healed.report(report)
}

export async function link(scene: Scene, report: Report): Promise<void> {
  const healed = new Heals()
  const since = await cut(scene, 'partition', '2', '5')
  await pause(LINK_MS)
  report.count(
    `only the link between two cut, for ${LINK_MS / 1_000} s: declared dead`,
    [scene.fleet.deaths(since)],
    {
      most: 0,
    },
  )
  report.count('of them suspected', [scene.fleet.count('suspect', since)])
  healed.add(await scene.heal())
  healed.report(report)
}

/** Cut one way from all others: frames either leave it and never come, or come and never leave it. */
export async function oneway(scene: Scene, report: Report): Promise<void> {
  for (const [fault, host, what] of [
    ['mute', 4, 'cannot send'],
    ['deaf', 6, 'cannot hear'],
  ] as const) {
    const healed = new Heals()
    const since = await cut(scene, fault, String(host))
    const rest = EIGHT.filter(each => each !== host)
    const acts = await scene.allActedFor(rest, since, WAIT_MS)
    await stand(since)
    report.seconds(`a host that ${what}: the others act for every key`, [acts])
    report.seconds('its own last sign', [scene.lastSign([host], since)])
    healed.add(await scene.heal())
    healed.report(report)
  }
}

/** Breaks the network once all is well; the time of it. */
async function cut(scene: Scene, ...fault: readonly string[]): Promise<number> {
  await scene.ready()
  await scene.calm()
  await pause(STEP_MS + Math.random() * STEP_MS)
  return scene.hosts.fault(...fault)
}

async function stand(since: number): Promise<void> {
  await pause(Math.max(0, since + STAND_MS - monotonicMs()))
}

/** How the network came together again after each cut. */
class Heals {
  readonly #agree: (number | null)[] = []
  readonly #act: (number | null)[] = []

  add({ agree, act }: { readonly agree: Samples[number]; readonly act: Samples[number] }): void {
    this.#agree.push(agree)
    this.#act.push(act)
  }

  report(report: Report): void {
    report.seconds('heal: all agree again', this.#agree, { most: HEAL_S })
    report.seconds('heal: somebody acts for every key', this.#act, { most: HEAL_S })
  }
}
