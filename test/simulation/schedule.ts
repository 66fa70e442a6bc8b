/**
 * What goes wrong in one run, and when: drawn from the seed before the run starts, as plain values that can be printed.
 * After the last fault everything is healed and a quiet period follows, in which the cluster must come to agree.
 *
 * Profiles: `mixed` is everything; `mild` is what a healthy cluster must bear without calling anybody dead (20 % loss,
 * 20 to 180 ms of delay, pauses to 2 s); in `pauses` the network is perfect and processes stand still for up to 10 s, so
 * whoever accuses a member that did not, mistook its own pause for the other's; `calm` has no faults, and there every
 * task runs exactly once.
 */
import { Random } from '../../src/base/random.ts'
import type { ClockOptions } from './clock.ts'

export type Profile = 'mixed' | 'mild' | 'pauses' | 'calm'

export const PROFILES: readonly Profile[] = ['mixed', 'mild', 'pauses', 'calm']

/** Which profile a seed has when all are wanted: most are `mixed`. */
export const profileOf = (seed: number): Profile => {
  const digit = seed % 10
  return digit === 0 ? 'calm' : digit === 1 ? 'pauses' : digit <= 3 ? 'mild' : 'mixed'
}

/** Hosts are numbers; `ms` is how long a fault lasts. */
export type Fault =
  | {
      readonly at: number
      readonly kind: 'start'
      readonly host: number
      readonly address: 'same' | 'new' | 'reused'
      readonly wiped: boolean
    }
  | { readonly at: number; readonly kind: 'crash' | 'power-off' | 'leave'; readonly host: number }
  | { readonly at: number; readonly kind: 'freeze'; readonly host: number; readonly ms: number }
  | {
      readonly at: number
      readonly kind: 'loss'
      readonly pair: Pair | 'all'
      readonly share: number
      readonly ms: number
    }
  | {
      readonly at: number
      readonly kind: 'delay'
      readonly pair: Pair | 'all'
      readonly latencyMs: number
      readonly jitterMs: number
      readonly ms: number
    }
  | { readonly at: number; readonly kind: 'partition'; readonly left: readonly number[]; readonly ms: number }
  | { readonly at: number; readonly kind: 'cut' | 'cut-one-way'; readonly pair: Pair; readonly ms: number }
  | { readonly at: number; readonly kind: 'slow-disk'; readonly host: number; readonly ms: number }
  | { readonly at: number; readonly kind: 'wall-step'; readonly host: number; readonly byMs: number }
  | { readonly at: number; readonly kind: 'submit'; readonly host: number; readonly task: number }

export type Pair = readonly [from: number, to: number]

export interface HostPlan {
  readonly clock: ClockOptions
  readonly startAt: number
  /** Hosts that it has as seeds. */
  readonly seeds: readonly number[]
}

export interface Schedule {
  readonly seed: number
  readonly profile: Profile
  readonly hosts: readonly HostPlan[]
  /** Round trip of the network when nothing is wrong. */
  readonly latencyMs: number
  readonly jitterMs: number
  /** In order of time. */
  readonly faults: readonly Fault[]
  /** When everything is healed. */
  readonly quietAt: number
  readonly endAt: number
  /** Tasks in the list that every node has. */
  readonly listTasks: number
}

/** What the cluster gets to agree in: the caution about a mass death (5 s), then the rarest redial (6 s), and a little. */
export const QUIET_MS = 12_000
const STARTS_MS = 3_000
/** Pauses that bury nobody. Of two nodes each hears the other only twice a second, so a silence is longer than the pause. */
const PAUSE_MS_MAX = 2_000
const PAUSE_MS_MAX_OF_TWO = 1_500

export interface ScheduleOptions {
  readonly seed: number
  readonly profile: Profile
  readonly nodes: number
  readonly seconds: number
}

export function makeSchedule({ seed, profile, nodes, seconds }: ScheduleOptions): Schedule {
  const random = new Random(seed).fork()
  const endAt = seconds * 1000
  const quietAt = profile === 'calm' ? STARTS_MS : Math.max(STARTS_MS, endAt - QUIET_MS)
  const hosts = planHosts(random, profile, nodes)
  const drawn = { mixed: mixedFaults, mild: mildFaults, pauses: pauseFaults, calm: (): Fault[] => [] }[
    profile
  ](random, nodes, quietAt)
  const submits = random.chance(0.5) ? planSubmits(random, nodes, quietAt) : []
  const wide = random.chance(0.2)
  return {
    seed,
    profile,
    hosts,
    latencyMs: wide ? random.between(5, 40) : random.between(0.1, 2),
    jitterMs: wide ? random.between(0, 10) : random.between(0, 1),
    faults: [...drawn, ...submits].toSorted((a, b) => a.at - b.at),
    quietAt,
    endAt,
    listTasks: random.below(4) * 8,
  }
}

function planHosts(random: Random, profile: Profile, nodes: number): HostPlan[] {
  const together = random.chance(0.5)
  const fewSeeds = random.chance(0.5)
  const everyone = Array.from({ length: nodes }, (_, index) => index)
  const seeds = fewSeeds ? everyone.slice(0, SEED_HOSTS) : everyone
  return everyone.map(() => ({
    clock: {
      offsetMs: random.between(1_000, 1e7),
      rate: random.chance(0.5) ? 1 : random.between(0.9, 1.1),
      wallOffsetMs: random.chance(0.3) ? random.between(-60_000, 60_000) : random.between(-50, 50),
    },
    startAt:
      together || profile === 'mild' || profile === 'pauses'
        ? random.between(0, 100)
        : random.between(0, STARTS_MS),
    seeds,
  }))
}

/** These are in every seed list, so they always come back. */
const SEED_HOSTS = 3

function planSubmits(random: Random, nodes: number, until: number): Fault[] {
  return Array.from({ length: 1 + random.below(12) }, (_, task) => ({
    at: random.between(2_000, until),
    kind: 'submit' as const,
    host: random.below(nodes),
    task,
  }))
}

function mildFaults(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  const from = STARTS_MS + 2_000
  if (random.chance(0.8)) {
    faults.push({
      at: from,
      kind: 'loss',
      pair: 'all',
      share: random.chance(0.5) ? 0.2 : random.between(0.05, 0.2),
      ms: until - from,
    })
  }
  if (random.chance(0.8)) {
    const jitterMs = random.between(20, 160)
    faults.push({ at: from, kind: 'delay', pair: 'all', latencyMs: 20, jitterMs, ms: until - from })
  }
  for (let at = from; at < until - 4_000; at += random.between(3_000, 6_000)) {
    const ms = random.between(200, nodes === 2 ? PAUSE_MS_MAX_OF_TWO : PAUSE_MS_MAX)
    faults.push({ at, kind: 'freeze', host: random.below(nodes), ms })
  }
  return faults
}

function pauseFaults(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  for (let at = STARTS_MS + 2_000; at < until; at += random.between(500, 5_000)) {
    const ms = random.chance(0.5) ? random.between(200, 2_000) : random.between(2_000, 10_000)
    faults.push({ at, kind: 'freeze', host: random.below(nodes), ms: Math.min(ms, until - at) })
  }
  return faults
}

function mixedFaults(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  const pauseMs = random.pick([1_500, 3_000, 6_000]) ?? 3_000
  let at = random.between(500, STARTS_MS + 2_000)
  while (at < until - 1_000) {
    faults.push(...drawFault(random, nodes, at, until))
    at += random.between(0.2, 1.8) * pauseMs
  }
  return faults
}

function drawFault(random: Random, nodes: number, at: number, until: number): Fault[] {
  const host = random.below(nodes)
  const ms = Math.min(random.between(500, 12_000), until - at - 1)
  const pair = drawPair(random, nodes)
  switch (random.below(11)) {
    case 0:
    case 1:
      return [{ at, kind: 'crash', host }, ...maybeStart(random, host, at, until, 0.8)]
    case 2:
      return [{ at, kind: 'power-off', host }, ...maybeStart(random, host, at, until, 0.8)]
    case 3:
      return [{ at, kind: 'leave', host }, ...maybeStart(random, host, at + 3_000, until, 0.6)]
    case 4:
    case 5:
      return [
        {
          at,
          kind: 'freeze',
          host,
          ms: random.chance(0.5)
            ? random.between(200, 2_000)
            : Math.min(random.between(2_000, 10_000), ms + 200),
        },
      ]
    case 6:
      return [
        { at, kind: 'loss', pair: random.chance(0.5) ? 'all' : pair, share: random.between(0.01, 0.2), ms },
      ]
    case 7:
      return [
        {
          at,
          kind: 'delay',
          pair: random.chance(0.5) ? 'all' : pair,
          latencyMs: random.between(1, 150),
          jitterMs: random.between(0, 160),
          ms,
        },
      ]
    case 8:
      return [{ at, kind: 'partition', left: drawSide(random, nodes), ms }]
    case 9:
      return [{ at, kind: random.chance(0.5) ? 'cut' : 'cut-one-way', pair, ms }]
    default:
      return random.chance(0.5)
        ? [{ at, kind: 'slow-disk', host, ms }]
        : [{ at, kind: 'wall-step', host, byMs: random.between(-30_000, 30_000) }]
  }
}

function drawPair(random: Random, nodes: number): Pair {
  const from = random.below(nodes)
  return [from, (from + 1 + random.below(Math.max(1, nodes - 1))) % nodes]
}

function drawSide(random: Random, nodes: number): number[] {
  const everyone = Array.from({ length: nodes }, (_, index) => index)
  return random.shuffle(everyone).slice(0, 1 + random.below(Math.max(1, Math.floor(nodes / 2))))
}

function maybeStart(random: Random, host: number, from: number, until: number, chance: number): Fault[] {
  if (host >= SEED_HOSTS && !random.chance(chance)) return []
  const at = Math.min(
    from + (random.chance(0.3) ? random.between(20, 500) : random.between(500, 10_000)),
    until,
  )
  const moved = random.chance(0.3)
  const address = moved ? (random.chance(0.3) ? 'reused' : 'new') : 'same'
  return [{ at, kind: 'start', host, address, wiped: random.chance(0.1) }]
}
