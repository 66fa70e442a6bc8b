/**
 * What goes wrong in one run, and when: drawn from the seed before the run starts, as plain values that can be printed.
 * After the last fault everything is healed and a quiet period follows, in which the cluster must come to agree.
 *
 * Profiles: `mixed` is everything; `mild` is what a healthy cluster must bear without calling anybody dead (20 % loss,
 * 20 to 180 ms of delay, pauses to 2 s); in `pauses` the network is perfect and processes stand still for up to 10 s
 * or are flooded with work, so whoever accuses a member that did not, mistook its own pause for the other's; `calm` has
 * no faults, and there every task runs exactly once.
 */
import { Random } from '../../src/base/random.ts'
import { type PrefixMode, VOTERS_MAX } from '../../src/grants/config.ts'
import { drawBusy } from './busy-draws.ts'
import type { ClockOptions } from './clock.ts'
import { drawExtraFaults, drawJoinDelays, drawModes } from './extra-draws.ts'
import { type Fault, SEED_HOSTS, STARTS_MS } from './fault.ts'
import { drawChanges, drawFaults, drawFullDisks, drawLate } from './fault-draws.ts'
import { drawSecondLosses } from './second-losses.ts'
import type { Profile, Shape } from './shape.ts'
import { drawSlots, type SlotPlan, tamed } from './slots.ts'
import { withTwins } from './twins.ts'
import { drawWork, type WorkPlan } from './work.ts'

export interface HostPlan {
  readonly clock: ClockOptions
  readonly startAt: number
  /** Hosts that it has as seeds. */
  readonly seeds: readonly number[]
  /** So long, in ms, it owns nothing once it has come. */
  readonly joinDelayMs: number
}

export interface Schedule extends Shape {
  readonly hosts: readonly HostPlan[]
  /** One-way delay of the network when nothing is wrong. */
  readonly latencyMs: number
  readonly jitterMs: number
  /** In order of time. */
  readonly faults: readonly Fault[]
  /** When everything is healed. */
  readonly quietAt: number
  readonly endAt: number
  /** Tasks in the list that every node has. */
  readonly listTasks: number
  /** Share of attempts that take seconds instead of milliseconds. */
  readonly longShare: number
  /** The same of commands. */
  readonly longShareInRunner: number
  readonly voters: VoterPlan
  readonly trustRefused: boolean
  readonly work: WorkPlan
  readonly slots: SlotPlan
  /** Disks that must have a change before it counts; one fewer may be lost in the run. */
  readonly durability: 2 | 3
  /** In quorum mode: what is not. */
  readonly modes: readonly PrefixMode[]
}

/** Quorum mode: the first so many, or these hosts. */
export interface VoterPlan {
  readonly expectedNodes: number | undefined
  readonly named: readonly number[]
  /** Hosts that are running when the quiet begins, whatever befell them: without voters nobody acts. */
  readonly revived: readonly number[]
}

/** What the cluster gets to agree in: the caution about a mass death (5 s), then the rarest redial (6 s), and a little. */
export const QUIET_MS = 12_000

/** Makes another generator than that of the faults: what is drawn from it moves nothing else. */
const MORE = 0x40_4e
const DISKS = 0xd1_5c
const DURABILITY = 0xd0_2a
const LOSSES = 0x10_55
/** Share of runs in quorum mode with three copies, and the nodes that it takes: two disks may go, and most voters stay. */
const THREE_COPIES_SHARE = 0.2
const THREE_COPIES_NODES = 5
/** Share of mixed runs in which every clock is as wrong as is borne, one way or the other. */
const APART_SHARE = 0.25

/** Tasks submitted besides in a busy run, and their numbers. */
const BUSY_SUBMITS = 24
const FIRST_OF_BUSY = 100
/** The last of them comes so long before the quiet, in ms; most commands take seconds, all else is short. */
const BUSY_ENDS_MS = 15_000
const BUSY_LONG_SHARE = 0.6

export function makeSchedule(options: Shape): Schedule {
  const { seed, profile, mode, nodes, seconds } = options
  const random = new Random(seed).fork()
  const endAt = seconds * 1000
  const quietAt = profile === 'calm' ? STARTS_MS : Math.max(STARTS_MS, endAt - QUIET_MS)
  const more = new Random(seed + MORE)
  const apart = profile === 'mixed' && more.chance(APART_SHARE)
  const drawn = planHosts(random, profile, nodes)
  const slots = drawSlots(options, quietAt)
  const asked = apart ? drawn.map(plan => withRate(plan, more.chance(0.5) ? 0.9 : 1.1)) : drawn
  const tame = slots.tame ? asked.map(plan => ({ ...plan, clock: tamed(plan.clock) })) : asked
  const joinsMs = drawJoinDelays(options)
  const three = mode === 'quorum' && nodes >= THREE_COPIES_NODES
  const durability = three && new Random(seed + DURABILITY).chance(THREE_COPIES_SHARE) ? 3 : 2
  const faults = allFaults(random, more, { ...options, quietAt, durability })
  const shape = { ...options, until: quietAt }
  const submits =
    mode === 'quorum' || random.chance(0.5) ? planSubmits(random, 1 + random.below(12), 0, shape) : []
  // Where work is always under way, some of it is when the right to it ends.
  const busy = mode === 'quorum' && profile === 'mixed' && more.chance(0.5)
  if (busy)
    submits.push(
      ...planSubmits(more, BUSY_SUBMITS, FIRST_OF_BUSY, {
        ...shape,
        until: Math.max(STARTS_MS, quietAt - BUSY_ENDS_MS),
      }),
    )
  const wide = random.chance(0.2)
  const asks = drawWork(options, profile === 'calm' ? endAt - QUIET_MS : quietAt)
  const work = withTwins(asks, options, faults, quietAt)
  const [latencyMs, jitterMs] = wide
    ? [random.between(5, 40), random.between(0, 10)]
    : [random.between(0.1, 2), random.between(0, 1)]
  const listTasks = random.below(4) * 8
  const longShare = mode === 'quorum' && profile === 'mixed' ? (random.pick([0, 0.1, 0.3]) ?? 0) : 0
  return {
    ...options,
    hosts: tame.map((plan, index) => ({ ...plan, joinDelayMs: joinsMs[index] ?? 0 })),
    latencyMs,
    jitterMs,
    faults: [...faults, ...submits, ...work.asks, ...slots.orders].toSorted((a, b) => a.at - b.at),
    quietAt,
    endAt,
    listTasks,
    longShare: busy ? 0 : longShare,
    longShareInRunner: busy ? BUSY_LONG_SHARE : longShare,
    voters: mode === 'quorum' ? planVoters(random, nodes, durability) : NO_VOTERS,
    trustRefused: random.chance(0.6),
    work,
    slots,
    durability,
    modes: drawModes(options),
  }
}

function allFaults(
  random: Random,
  more: Random,
  shape: Shape & Pick<Schedule, 'quietAt' | 'durability'>,
): Fault[] {
  const { seed, profile, mode, nodes, quietAt, durability } = shape
  const faults = drawFaults(random, shape, quietAt, durability - 1)
  if (profile === 'mixed')
    faults.push(
      ...drawChanges(more, faults, nodes, quietAt),
      ...drawLate(more, quietAt),
      ...drawFullDisks(new Random(seed + DISKS), nodes, quietAt),
    )
  if (profile === 'pauses') faults.push(...drawBusy(seed, nodes, quietAt))
  faults.push(...drawExtraFaults(shape, faults, quietAt, durability - 1))
  if (mode === 'quorum') faults.push(...drawSecondLosses(new Random(seed + LOSSES), faults, nodes, quietAt))
  return faults
}

const NO_VOTERS: VoterPlan = { expectedNodes: undefined, named: [], revived: [] }

function planVoters(random: Random, nodes: number, durability: number): VoterPlan {
  const everyone = Array.from({ length: nodes }, (_, index) => index)
  if (random.chance(0.6) || durability > 2) {
    const lowest = everyone.toSorted((a, b) => (`n${a + 1}` < `n${b + 1}` ? -1 : 1)).slice(0, VOTERS_MAX)
    return { expectedNodes: nodes, named: [], revived: nodes <= VOTERS_MAX ? everyone : lowest }
  }
  const named = random.shuffle(everyone).slice(0, 3 + random.below(Math.min(VOTERS_MAX, nodes) - 2))
  return { expectedNodes: undefined, named, revived: named }
}

function planHosts(random: Random, profile: Profile, nodes: number): HostPlan[] {
  const together = random.chance(0.5) || profile === 'mild' || profile === 'pauses'
  const fewSeeds = random.chance(0.5)
  const everyone = Array.from({ length: nodes }, (_, index) => index)
  const seeds = fewSeeds ? everyone.slice(0, SEED_HOSTS) : everyone
  const startOf = (): number => {
    if (profile === 'mild' && random.chance(0.1)) return random.between(5_000, 20_000)
    return together ? random.between(0, 100) : random.between(0, STARTS_MS)
  }
  return everyone.map(() => ({
    clock: {
      offsetMs: random.between(1_000, 1e7),
      rate: random.chance(0.4)
        ? 1
        : random.chance(0.3)
          ? (random.pick([0.9, 1.1]) ?? 1)
          : random.between(0.9, 1.1),
      wallOffsetMs: random.chance(0.3) ? random.between(-60_000, 60_000) : random.between(-50, 50),
    },
    startAt: startOf(),
    seeds,
    joinDelayMs: 0,
  }))
}

const withRate = (plan: HostPlan, rate: number): HostPlan => ({ ...plan, clock: { ...plan.clock, rate } })

/** @param first number of the first task; the others follow */
function planSubmits(
  random: Random,
  count: number,
  first: number,
  shape: Shape & { until: number },
): Fault[] {
  return Array.from({ length: count }, (_, index) => ({
    at: random.between(2_000, shape.until),
    kind: 'submit' as const,
    host: random.below(shape.nodes),
    task: first + index,
  }))
}
