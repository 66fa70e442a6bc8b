/** Faults of the network: who knows of them how soon, and that it is never two who act. */
import { setTimeout as pause } from 'node:timers/promises'
import {
  AFTER_MS,
  blackholeClaims,
  blackholeSeen,
  HEAL_S,
  type Healed,
  halvesClaims,
  halvesSeen,
  LIMITS,
  linkClaims,
  linkSeen,
  onewayClaims,
  onewaySeen,
  partitionClaims,
  partitionSeen,
} from './judges.ts'
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

export async function blackhole(scene: Scene, report: Report, repeats: number): Promise<void> {
  const bounds = { limits: LIMITS.blackhole, remembered: ['others'] }
  const trials = await timed(scene, report, repeats, bounds, async turn => {
    const victim = 2 + ((turn * 3 + 1) % 7)
    const since = await cut(scene, 'blackhole', String(victim))
    const rest = scene.fleet.members.filter(({ host }) => host !== victim)
    await scene.fleet.last(rest, 'failed', since, WAIT_MS, `n${victim}`)
    await scene.fleet.last([scene.fleet.member(victim)], 'fenced', since, WAIT_MS)
    await stand(since)
    return blackholeSeen(await scene.mended(since), `n${victim}`)
  })
  report.tell(blackholeClaims(trials, repeats))
}

export async function partition(scene: Scene, report: Report, repeats: number): Promise<void> {
  const [three, five] = [EIGHT.slice(0, 3), EIGHT.slice(3)]
  const bounds = { limits: LIMITS.partition, remembered: ['agree', 'act'] }
  const trials = await timed(scene, report, repeats, bounds, async () => {
    const since = await cut(scene, 'partition', three.join(), five.join())
    const majority = scene.fleet.on(five)
    await Promise.all([
      until(() => majority.every(member => scene.fleet.sees(member, majority)), WAIT_MS, since),
      scene.fleet.last(scene.fleet.on(three), 'fenced', since, WAIT_MS),
      scene.allActedFor(five, since, WAIT_MS),
    ])
    await stand(since)
    return partitionSeen(await scene.mended(since), scene.names(three), scene.names(five))
  })
  report.tell(partitionClaims(trials, repeats))
}

export async function halves(scene: Scene, report: Report): Promise<void> {
  const [low, high] = [EIGHT.slice(0, 4), EIGHT.slice(4)]
  const bounds = { limits: LIMITS.halves, remembered: ['act'] }
  const trials = await timed(scene, report, 1, bounds, async () => {
    const since = await cut(scene, 'partition', low.join(), high.join())
    await scene.allActedFor(low, since, WAIT_MS)
    await stand(since)
    return halvesSeen(await scene.mended(since), scene.names(low), scene.names(high))
  })
  report.tell(halvesClaims(trials))
}

export async function link(scene: Scene, report: Report): Promise<void> {
  const play = async () => {
    const since = await cut(scene, 'partition', '2', '5')
    const shown = await Promise.all([
      scene.linkFault(2, 5, since, LINK_MS),
      scene.linkFault(5, 2, since, LINK_MS),
    ])
    await pause(Math.max(0, since + LINK_MS - monotonicMs()))
    return linkSeen(await scene.mended(since, AFTER_MS), shown)
  }
  const earlier: Samples[number][] = []
  const trials = await timed(scene, report, 1, {}, play, ({ dead }) => earlier.push(dead))
  report.tell(linkClaims(trials, earlier, LINK_MS))
}

/** Cut one way from all others: frames either leave it and never come, or come and never leave it. */
export async function oneway(scene: Scene, report: Report): Promise<void> {
  for (const [fault, host, what] of [
    ['mute', 4, 'cannot send'],
    ['deaf', 6, 'cannot hear'],
  ] as const) {
    const rest = EIGHT.filter(each => each !== host)
    const bounds = { limits: LIMITS.oneway, remembered: ['acts'] }
    const trials = await timed(scene, report, 1, bounds, async () => {
      const since = await cut(scene, fault, String(host))
      await scene.allActedFor(rest, since, WAIT_MS)
      await stand(since)
      return onewaySeen(await scene.mended(since), `n${host}`)
    })
    report.tell(onewayClaims(trials, what))
  }
}

/** In seconds, of what a trial saw in ms. */
interface Bounds {
  readonly limits?: Readonly<Record<string, number>>
  /** Those of them that a silence has to pass first; how long one is borne comes from the minute before. */
  readonly remembered?: readonly string[]
}

/** The network is whole again after each trial. */
function timed<Seen extends { readonly healed: Healed }>(
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

/** Breaks the network at any moment from now on; the time of it. */
async function cut(scene: Scene, ...fault: readonly string[]): Promise<number> {
  await pause(STEP_MS + Math.random() * STEP_MS)
  return scene.hosts.fault(...fault)
}

async function stand(since: number): Promise<void> {
  await pause(Math.max(0, since + STAND_MS - monotonicMs()))
}
