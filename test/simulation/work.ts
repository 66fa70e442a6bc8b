/**
 * What applications ask for in one run, drawn from the seed: tasks of every kind (delays, times, priorities, groups, dedupe
 * keys, claims, tasks without a key), and orders and questions about them, each to any node. Drawn apart from the faults,
 * which stay as they are.
 */
import { asTaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TasksConfig } from '../../src/tasks/config.ts'
import { BACKOFFS, PLACEMENTS, type TaskSpec } from '../../src/tasks/task.ts'
import { WALL_START_MS } from './clock.ts'
import type { Fault } from './fault.ts'
import type { Shape } from './shape.ts'

/** What an application asks a node for. Tasks are numbers; what they are is in the plan. */
export type Ask =
  | { readonly kind: 'submit' | 'cancel' | 'retry'; readonly number: number }
  | { readonly kind: 'get'; readonly number: number; readonly waitMs: number }

export interface WorkPlan {
  /** By number. One without a key has the key that its id is, which is made when it is first submitted. */
  readonly specs: readonly PlannedSpec[]
  readonly asks: readonly Fault[]
  readonly tasks: Partial<TasksConfig>
  /** Records of what has ended are dropped during the run, and dedupe keys with them. */
  readonly forgetful: boolean
}

export interface PlannedSpec extends TaskSpec {
  readonly keyless: boolean
}

/** Type of tasks that clients beside the nodes carry out. */
export const CLAIM_TYPE = 'claimed'
/** Makes another generator than those of faults. */
const WORK = 0x30_4c
const KEYS = 16
/** Share of runs with tasks of every kind. */
const WORK_SHARE = 0.7
const TASKS = 30
/** The last task comes so long before the quiet, in ms; later ones would still be under way at the end. */
const LEAD_MS = 6_000
const GROUPS = 3
export const GROUP_LIMIT = 2
const DEDUPE_TTL_MS = 600_000
const NOTHING: WorkPlan = { specs: [], asks: [], tasks: {}, forgetful: false }

/** @param until in virtual ms: nothing is asked for after it */
export function drawWork({ seed, mode, nodes }: Shape, until: number): WorkPlan {
  const random = new Random(seed + WORK)
  const last = until - LEAD_MS
  if (!random.chance(WORK_SHARE) || last < 4_000) return NOTHING
  const count = mode === 'quorum' ? TASKS : TASKS / 2
  const specs: PlannedSpec[] = []
  const asks: Fault[] = []
  const ask = (at: number, what: Ask): void => {
    asks.push({ at, kind: 'ask', host: random.below(nodes), ask: what })
  }
  while (specs.length < count) {
    const at = random.between(3_000, last)
    const spec = drawSpec(random, specs.length, at)
    ask(at, { kind: 'submit', number: specs.length })
    drawOrders(random, specs.length, at, until, ask)
    specs.push(spec)
    if (spec.dedupe === undefined) continue
    const again = Math.min(at + random.between(0, random.chance(0.5) ? 500 : 15_000), last)
    ask(again, { kind: 'submit', number: specs.length })
    specs.push({ ...spec, id: asTaskId(`work-${specs.length}`) })
  }
  const forgetful = random.chance(0.3) && mode === 'quorum'
  return { specs, asks, tasks: drawConfig(random, forgetful), forgetful }
}

function drawConfig(random: Random, forgetful: boolean): Partial<TasksConfig> {
  return {
    ...(random.chance(0.5) && { typeConcurrency: { unreliable: 1, [CLAIM_TYPE]: 2 } }),
    ...(random.chance(0.5) && { groupConcurrency: { g0: 1 } }),
    ...(forgetful && { settledMax: random.below(6), settledMs: 10_000 }),
  }
}

function drawSpec(random: Random, number: number, at: number): PlannedSpec {
  const keyless = random.chance(0.15)
  const id = asTaskId(`work-${number}`)
  const placement = keyless ? random.pick(PLACEMENTS) : undefined
  const backoff = random.pick(BACKOFFS)
  const runAt = random.chance(0.2) ? wallAt(at + random.between(500, 8_000)) : undefined
  const expiresAt = random.chance(0.1) ? wallAt(at + random.between(1_000, 12_000)) : undefined
  const grouped = random.chance(0.25)
  return {
    id,
    keyless,
    key: keyless ? id : `key ${random.below(KEYS)}`,
    type: random.pick(['echo', 'exec', 'exec', 'unreliable', CLAIM_TYPE]) ?? 'echo',
    payload: null,
    priority: random.pick([0, 1, 2, 3] as const) ?? 1,
    maxAttempts: random.chance(0.15) ? 2 : 20,
    backoffMs: 100,
    backoffMsMax: 1_000,
    timeoutMs: 10_000,
    ...(backoff !== undefined && backoff !== 'exponential' && { backoff }),
    ...(placement !== undefined && placement !== 'ring' && { placement }),
    ...(runAt !== undefined && { runAt }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(grouped && { group: `g${random.below(GROUPS)}`, groupLimit: GROUP_LIMIT }),
    ...(random.chance(0.2) && { concurrent: true as const }),
    ...(!keyless && random.chance(0.15) && { dedupe: { key: `once-${number}`, ttlMs: DEDUPE_TTL_MS } }),
  }
}

/** Orders and questions about a task, some at once, some when it has long ended. */
function drawOrders(
  random: Random,
  number: number,
  at: number,
  until: number,
  ask: (at: number, what: Ask) => void,
): void {
  const soon = (): number => Math.min(at + random.between(0, random.chance(0.5) ? 200 : 12_000), until - 1)
  if (random.chance(0.25)) {
    const cancelAt = soon()
    ask(cancelAt, { kind: 'cancel', number })
    if (random.chance(0.4)) {
      const retryAt = Math.min(cancelAt + random.between(10, 4_000), until - 1)
      ask(retryAt, { kind: 'retry', number })
    }
  } else if (random.chance(0.15)) ask(soon(), { kind: 'retry', number })
  if (random.chance(0.4)) ask(soon(), { kind: 'get', number, waitMs: random.chance(0.5) ? 3_000 : 0 })
}

const wallAt = (virtualMs: number): ReturnType<typeof wallOf> => wallOf(Math.floor(WALL_START_MS + virtualMs))
