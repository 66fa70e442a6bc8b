/** What is done to a cluster of one size, and what came of it. */
import type { Host } from './host.ts'
import { type Counts, KINDS, type Kind } from './traffic.ts'
import { type Spread, World } from './world.ts'

/** All nodes start within this time, in ms. */
const STORM_MS = 1_000
/** Links that a start needed and nothing else does are closed after half a minute: then the cluster is at rest. */
const SETTLED_MS = 15_000
/** The cluster at rest is measured for this long, in ms: two intervals between heartbeats up to 80 members. */
const REST_MS = 10_000
const PAUSE_MS = 3_000
/** Traffic of an event is counted for so long from its beginning on, in ms, or until all agree. */
const EVENT_MS = 5_000
/** Nothing is waited for longer than this, in ms. */
const PATIENCE_MS = 60_000
/** The larger side of the partition. */
const LARGER = 0.7

export interface TrialInit {
  readonly size: number
  readonly seed: number
  readonly quorum: boolean
  /** How long 20 % of all segments are lost, in ms. */
  readonly lossMs: number
  /** Called as the trial goes on. */
  readonly report?: (what: string) => void
}

export interface Rate {
  readonly frames: number
  readonly bytes: number
}

/** Means over some nodes, each second. */
export interface Rates {
  readonly out: Rate
  readonly in: Rate
  readonly kinds: Readonly<Record<Kind, Rate>>
}

export interface Event {
  /** When the first, the middle and the last node had the view that all came to; undefined: not within a minute. */
  readonly agree: Spread | undefined
  readonly rates: Rates
}

export interface Outcome {
  readonly size: number
  readonly quorum: boolean
  /** Those who do not vote; everybody where all vote or nobody does. */
  readonly rest: Rates
  /** Those who vote. */
  readonly restVoters: Rates | undefined
  /** Renewals that one voter receives each second at rest. */
  readonly renewalsPerVoter: number
  readonly links: number
  readonly join: Event
  /** From the last start on: everybody may act for what is theirs. */
  readonly joinActs: Spread | undefined
  readonly crash: Event
  /** The larger side of the partition. */
  readonly majority: Event
  /** The smaller side: no quorum grants it anything any more; in available mode, since the others agreed: its own view. */
  readonly minority: Spread | undefined
  readonly heal: Event
  readonly healActs: Spread | undefined
  readonly loss: Rates
  /** Segments that were lost meanwhile. */
  readonly lossStalls: number
  readonly lossDeaths: number
  readonly lossSuspicions: number
  readonly afterLoss: Spread | undefined
  /** Running members that somebody buried who could reach them, over the whole trial. */
  readonly falseDeaths: number
  readonly longest: Readonly<Record<string, number>>
  readonly virtualMs: number
}

export function trial(init: TrialInit): Outcome {
  const world = new World(init)
  const told = (what: string): void => init.report?.(`${(world.now / 1_000).toFixed(1)} s: ${what}`)
  const { join, acts: joinActs } = joinStorm(world, init.quorum)
  told(`joined ${shown(join.agree)}`)
  if (init.quorum) told(`all act ${shown(joinActs)}`)
  const rest = atRest(world, init.quorum)
  told(`at rest ${rest.rest.out.frames.toFixed(0)} frames/s, ${rest.rest.out.bytes.toFixed(0)} bytes/s`)
  const crash = crashSome(world)
  told(`crash known ${shown(crash.agree)}`)
  world.run(PAUSE_MS)
  const cut = partition(world, init.quorum)
  told(`cut: larger side ${shown(cut.majority.agree)}, smaller side ${shown(cut.minority)}`)
  told(`healed ${shown(cut.heal.agree)}, all act ${shown(cut.healActs)}`)
  world.run(PAUSE_MS)
  const loss = lossy(world, init.lossMs)
  told(`20 % loss: ${loss.lossDeaths} false deaths, ${loss.lossSuspicions} suspicions`)
  return {
    ...{ size: init.size, quorum: init.quorum, join, joinActs, ...rest, crash, ...cut, ...loss },
    ...{ falseDeaths: world.falseDeaths.size, longest: world.fabric.wire.longest, virtualMs: world.now },
  }
}

function joinStorm(world: World, quorum: boolean): { join: Event; acts: Spread | undefined } {
  for (const host of world.hosts) world.wheel.at(world.random.between(0, STORM_MS), () => host.start())
  world.run(STORM_MS + 1)
  const acts = quorum ? world.watch(world.hosts, host => host.acts) : undefined
  const join = event(world, world.hosts, STORM_MS + 1)
  if (acts) world.runUntil(acts, PATIENCE_MS)
  return { join, acts: acts?.end() }
}

/**
 * Runs until these hosts agree.
 * @param begunMs so long ago the event began; since then traffic was counted
 */
function event(world: World, part: readonly Host[], begunMs = 0): Event {
  const from = world.now - begunMs
  const agree = world.agree(part, PATIENCE_MS)
  world.run(Math.max(0, from + EVENT_MS - world.now))
  return { agree, rates: rates(world.traffic(part), world.now - from) }
}

function atRest(
  world: World,
  quorum: boolean,
): Pick<Outcome, 'rest' | 'restVoters' | 'renewalsPerVoter' | 'links'> {
  world.run(Math.max(0, SETTLED_MS - world.now))
  world.traffic()
  world.run(REST_MS)
  const voters = quorum ? new Set(world.voters) : new Set<Host>()
  const others = world.hosts.filter(host => !voters.has(host))
  const counts = new Map(world.hosts.map((host, i) => [host, i]))
  const all = world.traffic(world.hosts)
  const of = (hosts: Iterable<Host>): Counts[] =>
    [...hosts].flatMap(host => all[counts.get(host) ?? -1] ?? [])
  const plain = others.length > 0 ? others : world.hosts
  const renewals = of(voters).reduce((sum, { out }) => sum + out.renewals.frames, 0)
  return {
    rest: rates(of(plain), REST_MS),
    restVoters: voters.size > 0 ? rates(of(voters), REST_MS) : undefined,
    renewalsPerVoter: voters.size > 0 ? renewals / voters.size / (REST_MS / 1_000) : 0,
    links: plain.reduce((sum, host) => sum + host.peers.size, 0) / plain.length,
  }
}

function crashSome(world: World): Event {
  const doomed = world.random.shuffle(world.hosts).slice(0, Math.max(1, Math.trunc(world.hosts.length / 10)))
  world.traffic()
  for (const host of doomed) host.kill()
  return event(world, world.running)
}

/** The larger side has so many of the voters as well, so that it may act. */
function partition(
  world: World,
  quorum: boolean,
): Pick<Outcome, 'majority' | 'minority' | 'heal' | 'healActs'> {
  const hosts = world.running
  const voters = new Set(world.voters.filter(host => host.up))
  const most = (some: readonly Host[]): readonly Host[] =>
    world.random.shuffle(some).slice(0, Math.ceil(some.length * LARGER))
  const many = new Set<Host>([...most([...voters]), ...most(hosts.filter(host => !voters.has(host)))])
  const few = hosts.filter(host => !many.has(host))
  world.traffic()
  world.fabric.cut(host => (many.has(host) ? 0 : 1))
  const fenced = quorum ? world.watch(few, host => !host.hasLease) : undefined
  const majority = event(world, [...many])
  if (fenced) world.runUntil(fenced, PATIENCE_MS)
  const minority = fenced ? fenced.end() : world.agree(few, PATIENCE_MS)
  world.traffic()
  world.fabric.heal()
  const acts = quorum ? world.watch(hosts, host => host.acts) : undefined
  const heal = event(world, hosts)
  if (acts) world.runUntil(acts, PATIENCE_MS)
  return { majority, minority, heal, healActs: acts?.end() }
}

function lossy(
  world: World,
  lossMs: number,
): Pick<Outcome, 'loss' | 'lossStalls' | 'lossDeaths' | 'lossSuspicions' | 'afterLoss'> {
  const [deaths, suspicions, stalls] = [world.falseDeaths.size, world.suspicions, world.fabric.stalls]
  world.traffic()
  world.fabric.loss = 0.2
  world.run(lossMs)
  world.fabric.loss = 0
  const loss = rates(world.traffic(), lossMs)
  const afterLoss = world.agree(world.running, PATIENCE_MS)
  const lossDeaths = world.falseDeaths.size - deaths
  const lossStalls = world.fabric.stalls - stalls
  return { loss, lossStalls, lossDeaths, lossSuspicions: world.suspicions - suspicions, afterLoss }
}

function rates(counts: readonly Counts[], ms: number): Rates {
  const per = Math.max(1, counts.length) * (Math.max(1, ms) / 1_000)
  const rate = (of: (one: Counts) => Rate): Rate => ({
    frames: counts.reduce((sum, one) => sum + of(one).frames, 0) / per,
    bytes: counts.reduce((sum, one) => sum + of(one).bytes, 0) / per,
  })
  const kinds = Object.fromEntries(KINDS.map(kind => [kind, rate(one => one.out[kind])]))
  return { out: rate(one => one.sent), in: rate(one => one.heard), kinds: kinds as Record<Kind, Rate> }
}

const shown = (spread: Spread | undefined): string =>
  spread === undefined
    ? 'not within a minute'
    : `by ${Math.round(spread.first)}, ${Math.round(spread.median)}, ${Math.round(spread.last)} ms`
