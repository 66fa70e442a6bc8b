/** What is done to a cluster of one size, and what came of it. */
import type { Host } from './host.ts'
import type { Counts } from './traffic.ts'
import { World } from './world.ts'

/** All nodes start within this time, in ms. */
const STORM_MS = 1_000
/** The cluster at rest is measured for this long, in ms. */
const REST_MS = 10_000
const SETTLE_MS = 5_000
/** Nothing is waited for longer than this, in ms. */
const PATIENCE_MS = 60_000

export interface TrialInit {
  readonly size: number
  readonly seed: number
  readonly voters: number
  /** How long 20 % of all segments are lost, in ms. */
  readonly lossMs: number
  /** Called as the trial goes on. */
  readonly report?: (what: string) => void
}

/** Means over all nodes, each second. */
export interface Rates {
  readonly framesOut: number
  readonly framesIn: number
  readonly bytesOut: number
  readonly bytesIn: number
  /** Of the frames sent, those that are gossip. */
  readonly gossipOut: number
}

export interface Outcome {
  readonly size: number
  readonly rest: Rates
  readonly joinMs: number | undefined
  readonly join: Rates
  readonly crashMs: number | undefined
  readonly crash: Rates
  readonly majorityMs: number | undefined
  readonly minorityMs: number | undefined
  readonly healMs: number | undefined
  readonly lossDeaths: number
  readonly lossSuspicions: number
  readonly afterLossMs: number | undefined
  /** Running members that somebody buried who could reach them, over the whole trial. */
  readonly falseDeaths: number
}

export function trial(init: TrialInit): Outcome {
  const world = new World(init)
  const told = (what: string): void => init.report?.(`${(world.now / 1_000).toFixed(1)} s ${what}`)
  const join = joinStorm(world)
  told(`joined in ${join.ms} ms`)
  world.run(SETTLE_MS)
  world.traffic()
  world.run(REST_MS)
  const rest = rates(world.traffic(), REST_MS)
  told(`at rest ${JSON.stringify(rest)}`)
  const crash = crashSome(world)
  told(`crash known in ${crash.ms} ms`)
  world.run(SETTLE_MS)
  const cut = partition(world)
  told(`partition known in ${cut.majorityMs} and ${cut.minorityMs} ms, healed in ${cut.healMs} ms`)
  world.run(SETTLE_MS)
  const loss = lossy(world, init.lossMs)
  told(`loss: ${loss.lossDeaths} false deaths, ${loss.lossSuspicions} suspicions`)
  return {
    size: init.size,
    rest,
    joinMs: join.ms,
    join: join.rates,
    crashMs: crash.ms,
    crash: crash.rates,
    ...cut,
    ...loss,
    falseDeaths: world.falseDeaths.size,
  }
}

function joinStorm(world: World): { ms: number | undefined; rates: Rates } {
  for (const host of world.hosts) world.wheel.at(world.random.between(0, STORM_MS), () => host.start())
  world.run(STORM_MS + 1)
  const ms = world.agree(world.hosts, PATIENCE_MS)
  return { ms, rates: rates(world.traffic(), STORM_MS + (ms ?? PATIENCE_MS)) }
}

function crashSome(world: World): { ms: number | undefined; rates: Rates } {
  const doomed = world.random.shuffle(world.hosts).slice(0, Math.max(1, Math.trunc(world.hosts.length / 10)))
  world.traffic()
  for (const host of doomed) host.kill()
  const ms = world.agree(world.running, PATIENCE_MS)
  return { ms, rates: rates(world.traffic(), ms ?? PATIENCE_MS) }
}

function partition(world: World): Pick<Outcome, 'majorityMs' | 'minorityMs' | 'healMs'> {
  const hosts = world.random.shuffle(world.running)
  const many = hosts.slice(0, Math.ceil(hosts.length * 0.7))
  const [majority, minority] = [many, hosts.slice(many.length)]
  const inMany = new Set<Host>(many)
  world.fabric.cut(host => (inMany.has(host) ? 0 : 1))
  const majorityMs = world.agree(majority, PATIENCE_MS)
  const waited = majorityMs ?? PATIENCE_MS
  const rest = world.agree(minority, PATIENCE_MS)
  world.fabric.heal()
  const healMs = world.agree(hosts, PATIENCE_MS)
  return { majorityMs, minorityMs: rest === undefined ? undefined : waited + rest, healMs }
}

function lossy(world: World, lossMs: number): Pick<Outcome, 'lossDeaths' | 'lossSuspicions' | 'afterLossMs'> {
  const [deaths, suspicions] = [world.falseDeaths.size, world.suspicions]
  world.fabric.loss = 0.2
  world.run(lossMs)
  world.fabric.loss = 0
  const afterLossMs = world.agree(world.running, PATIENCE_MS)
  const lossDeaths = world.falseDeaths.size - deaths
  return { lossDeaths, lossSuspicions: world.suspicions - suspicions, afterLossMs }
}

function rates(counts: readonly Counts[], ms: number): Rates {
  const each = (of: (one: Counts) => number): number =>
    (counts.reduce((sum, one) => sum + of(one), 0) * 1_000) / (Math.max(1, counts.length) * Math.max(1, ms))
  return {
    framesOut: each(one => one.linkFrames + one.gossipFrames),
    framesIn: each(one => one.framesIn),
    bytesOut: each(one => one.linkBytes + one.gossipBytes),
    bytesIn: each(one => one.bytesIn),
    gossipOut: each(one => one.gossipFrames),
  }
}
