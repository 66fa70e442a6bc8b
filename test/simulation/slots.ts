/**
 * The schedules of a run: drawn in every seventh seed, apart from everything else, so that no other seed moves. Every node has
 * them in its configuration; some are paused and resumed by whoever comes along.
 */
import { Random } from '../../src/base/random.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { parseDefinition } from '../../src/tasks/schedules/definition.ts'
import type { ScheduleDefinition } from '../../src/tasks/schedules/state.ts'
import type { ClockOptions } from './clock.ts'
import type { Fault } from './fault.ts'
import type { Shape } from './shape.ts'

export interface SlotPlan {
  readonly configured: readonly ScheduleDefinition[]
  readonly orders: readonly Fault[]
  /** Clocks agree well enough for slots to be made everywhere. */
  readonly tame: boolean
}

const SEVENTH = 7
/** Makes another generator than those of everything else. */
const SLOTS = 0x51_07
const TAME_SHARE = 0.7
const NOTHING: SlotPlan = { configured: [], orders: [], tame: false }

/** @param until in virtual ms: no order comes after it */
export function drawSlots({ seed, nodes }: Shape, until: number): SlotPlan {
  if (seed % SEVENTH !== 0) return NOTHING
  const random = new Random(seed + SLOTS)
  const configured = Array.from({ length: 1 + random.below(3) }, (_, i) => drawOne(random, `beat-${i}`))
  const orders: Fault[] = []
  for (const { name } of configured) {
    if (!random.chance(0.3) || until < 12_000) continue
    const at = random.between(6_000, until - 4_000)
    const host = (): number => random.below(nodes)
    orders.push({ at, kind: 'schedule', host: host(), name, op: 'pause' })
    orders.push({ at: random.between(at, until), kind: 'schedule', host: host(), name, op: 'resume' })
  }
  return { configured, orders, tame: random.chance(TAME_SHARE) }
}

function drawOne(random: Random, name: string): ScheduleDefinition {
  const given = {
    name,
    everyMs: random.pick([1_000, 1_000, 1_500, 3_000]),
    catchUp: random.pick(['none', 'last', 'all', 'all']),
    overlap: random.pick(['allow', 'allow', 'skip']),
    task: { type: random.pick(['echo', 'exec']), maxAttempts: 20, backoffMs: 100, backoffMsMax: 1_000 },
  }
  const parsed = parseDefinition(given, { defaults: tasksDefaults(2), nextSlot: () => undefined })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.definition
}

/** Within what is taken for one time, for as long as a run lasts. */
export const tamed = (clock: ClockOptions): ClockOptions => ({
  ...clock,
  rate: 1 + (clock.rate - 1) / 10,
  wallOffsetMs: clock.wallOffsetMs / 60,
})
