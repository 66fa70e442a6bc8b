/** Faults of the network: who knows of them how soon, and that it is never two who act. */
import { setTimeout as pause } from 'node:timers/promises'
import { excessMs, type Report, type Samples } from './report.ts'
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
  const limits = { others: 3, itself: 2, silent: 2 }
  const trials = await timed(scene, report, repeats, { limits, remembered: ['others'] }, async turn => {
    const victim = 2 + ((turn * 3 + 1) % 7)
    const since = await cut(scene, 'blackhole', String(victim))
    const rest = scene.fleet.members.filter(({ host }) => host !== victim)
    const others = await scene.fleet.last(rest, 'failed', since, WAIT_MS, `n${victim}`)
    const itself = await scene.fleet.last([scene.fleet.member(victim)], 'fenced', since, WAIT_MS)
    await stand(since)
    return { others, itself, silent: scene.lastSign([victim], since), healed: await scene.heal() }
  })
  const all = columns(trials)
  report.seconds('blackhole of one host: every other knows', all('others'), { most: limits.others })
  report.seconds('the isolated host knows itself (lease lost)', all('itself'), { most: limits.itself })
  report.seconds('the last sign of anybody who acted there', all('silent'), { most: limits.silent })
  healing(trials, report)
}

export async function partition(scene: Scene, report: Report, repeats: number): Promise<void> {
  const [three, five] = [EIGHT.slice(0, 3), EIGHT.slice(3)]
  const limits = { agree: 3, fenced: 2, silent: 2, act: 5 }
  const bounds = { limits, remembered: ['agree', 'act'] }
  const trials = await timed(scene, report, repeats, bounds, async () => {
    const since = await cut(scene, 'partition', three.join(), five.join())
    const majority = scene.fleet.on(five)
    const [agree, fenced, act] = await Promise.all([
      until(() => majority.every(member => scene.fleet.sees(member, majority)), WAIT_MS, since),
      scene.fleet.last(scene.fleet.on(three), 'fenced', since, WAIT_MS),
      scene.allActedFor(five, since, WAIT_MS),
    ])
    await stand(since)
    const silent = scene.lastSign(three, since)
    return { agree, fenced, act, silent, healed: await scene.heal() }
  })
  const all = columns(trials)
  report.seconds('partition 3|5: the 5 agree on themselves', all('agree'), { most: limits.agree })
  report.seconds('the 3 know that they may not act', all('fenced'), { most: limits.fenced })
  report.seconds('the last sign of anybody who acted among the 3', all('silent'), { most: limits.silent })
  report.seconds('the 5 act for every key', all('act'), { most: limits.act })
  healing(trials, report)
}

export async function halves(scene: Scene, report: Report): Promise<void> {
  const [low, high] = [EIGHT.slice(0, 4), EIGHT.slice(4)]
  const limits = { act: 5, silent: 2 }
  const trials = await timed(scene, report, 1, { limits, remembered: ['act'] }, async () => {
    const since = await cut(scene, 'partition', low.join(), high.join())
    const act = await scene.allActedFor(low, since, WAIT_MS)
    await stand(since)
    return { act, silent: scene.lastSign(high, since), healed: await scene.heal() }
  })
  const all = columns(trials)
  report.seconds('4|4: the half with the lowest name acts for every key', all('act'), { most: limits.act })
  report.seconds('the last sign of anybody who acted in the other half', all('silent'), {
    most: limits.silent,
  })
  healing(trials, report)
}

export async function link(scene: Scene, report: Report): Promise<void> {
  const play = async () => {
    const since = await cut(scene, 'partition', '2', '5')
    await pause(LINK_MS)
    const [dead, suspected] = [scene.fleet.deaths(since), scene.fleet.count('suspect', since)]
    return { dead, suspected, healed: await scene.heal() }
  }
  const paused: number[] = []
  const trials = await timed(scene, report, 1, {}, play, ({ dead }) => paused.push(dead))
  const all = columns(trials)
  const dead = [...paused, ...all('dead')]
  report.count(`only the link between two cut, for ${LINK_MS / 1_000} s: declared dead`, dead, { most: 0 })
  report.count('of them suspected', all('suspected'))
  healing(trials, report)
}

/** Cut one way from all others: frames either leave it and never come, or come and never leave it. */
export async function oneway(scene: Scene, report: Report): Promise<void> {
  for (const [fault, host, what] of [
    ['mute', 4, 'cannot send'],
    ['deaf', 6, 'cannot hear'],
  ] as const) {
    const rest = EIGHT.filter(each => each !== host)
    const trials = await timed(scene, report, 1, {}, async () => {
      const since = await cut(scene, fault, String(host))
      const acts = await scene.allActedFor(rest, since, WAIT_MS)
      await stand(since)
      return { acts, silent: scene.lastSign([host], since), healed: await scene.heal() }
    })
    const all = columns(trials)
    report.seconds(`a host that ${what}: the others act for every key`, all('acts'))
    report.seconds('its own last sign', all('silent'))
    healing(trials, report)
  }
}

/** In seconds, of what a trial saw in ms. */
interface Bounds {
  readonly limits?: Readonly<Record<string, number>>
  /** Those of them that a silence has to pass first; how long one is borne comes from the minute before. */
  readonly remembered?: readonly string[]
}

/** The network is whole again after each trial. */
function timed<Seen extends Healed>(
  scene: Scene,
  report: Report,
  count: number,
  { limits = {}, remembered = [] }: Bounds,
  play: (turn: number) => Promise<Seen>,
  again: (seen: Seen) => void = () => undefined,
): Promise<readonly Seen[]> {
  const over = (seen: Seen, names: readonly string[]): number =>
    Math.max(...names.map(name => excessMs(Reflect.get(seen, name), limits[name] ?? 0)), 0)
  const atOnce = Object.keys(limits).filter(name => !remembered.includes(name))
  const excess = (seen: Seen) => ({
    ms: Math.max(over(seen, atOnce), ...Object.values(seen.healed).map(ms => excessMs(ms, HEAL_S))),
    rememberedMs: over(seen, remembered),
  })
  return scene.machine.trials(count, play, { ...scene.trials(report), excess, again })
}

/** What the trials saw of one thing. */
function columns<Seen>(trials: readonly Seen[]): <Name extends keyof Seen>(name: Name) => Seen[Name][] {
  return name => trials.map(trial => trial[name])
}

/** Breaks the network at any moment from now on; the time of it. */
async function cut(scene: Scene, ...fault: readonly string[]): Promise<number> {
  await pause(STEP_MS + Math.random() * STEP_MS)
  return scene.hosts.fault(...fault)
}

async function stand(since: number): Promise<void> {
  await pause(Math.max(0, since + STAND_MS - monotonicMs()))
}

interface Healed {
  readonly healed: { readonly agree: Samples[number]; readonly act: Samples[number] }
}

/** How the network came together again after each cut. */
function healing(trials: readonly Healed[], report: Report): void {
  const agree = trials.map(({ healed }) => healed.agree)
  const act = trials.map(({ healed }) => healed.act)
  report.seconds('heal: all agree again', agree, { most: HEAL_S })
  report.seconds('heal: somebody acts for every key', act, { most: HEAL_S })
}
