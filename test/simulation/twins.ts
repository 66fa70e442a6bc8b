/**
 * Twins: one id under two keys, sent to two nodes by clients that know nothing of each other, at one moment or soon after, when
 * nothing is wrong or while somebody is cut off. Each key has an owner of its own, so both may be accepted.
 */
import { asTaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import { WALL_START_MS } from './clock.ts'
import type { Fault } from './fault.ts'
import { hasExtra, type Shape } from './shape.ts'
import type { PlannedSpec, WorkPlan } from './work.ts'

/** Makes another generator than those of everything else. */
const TWINS = 0x2_1d5
const PAIRS = 8
const KEYS = 16
const PREFIX = 'twin-'
/** The last come so long before the quiet, in ms. */
const LEAD_MS = 8_000
/** While one of these lasts, twins come more often. */
const CUTS: ReadonlySet<Fault['kind']> = new Set(['partition', 'cut', 'cut-one-way'])

/** May another task have its id? */
export const isTwin = (task: string): boolean => task.startsWith(PREFIX)

/** The same work, in some runs with twins. @param until in virtual ms: nothing is asked for after it */
export function withTwins(work: WorkPlan, shape: Shape, faults: readonly Fault[], until: number): WorkPlan {
  const random = new Random(shape.seed + TWINS)
  const some = hasExtra(shape, 'upheavals') && shape.profile === 'mixed' && random.chance(0.6)
  if (!some || until < 20_000) return work
  const cuts = faults.filter(({ kind }) => CUTS.has(kind)).map(({ at }) => at)
  const specs = [...work.specs]
  const asks = [...work.asks]
  for (let pair = 0; pair < PAIRS; pair++) {
    const cut = random.chance(0.5) ? random.pick(cuts) : undefined
    const at = Math.min((cut ?? random.between(4_000, until)) + random.between(0, 3_000), until - LEAD_MS)
    const gapMs = random.between(0, random.pick([30, 4_000, 14_000]) ?? 30)
    const first = random.below(KEYS)
    const keys = [first, (first + 1 + random.below(KEYS - 1)) % KEYS]
    for (const [place, key] of keys.entries()) {
      const when = Math.min(at + place * gapMs, until - LEAD_MS)
      const ask = { kind: 'submit', number: specs.length } as const
      asks.push({ at: when, kind: 'ask', host: random.below(shape.nodes), ask })
      specs.push(drawSpec(random, `${PREFIX}${pair}`, `key ${key}`, when))
    }
  }
  // An end that is dropped soon makes way for the other one of its id.
  const forgetful = work.forgetful || (shape.mode === 'quorum' && random.chance(0.5))
  const dropped = { settledMax: random.below(6), settledMs: 10_000 }
  return { specs, asks, tasks: { ...work.tasks, ...(forgetful && dropped) }, forgetful }
}

function drawSpec(random: Random, id: string, key: string, at: number): PlannedSpec {
  const runAt = random.chance(0.4)
    ? wallOf(Math.floor(WALL_START_MS + at + random.between(500, 9_000)))
    : undefined
  return {
    id: asTaskId(id),
    keyless: false,
    key,
    type: random.pick(['echo', 'exec', 'unreliable']) ?? 'echo',
    payload: null,
    priority: 1,
    maxAttempts: 20,
    backoffMs: 100,
    backoffMsMax: 1_000,
    timeoutMs: 10_000,
    ...(runAt !== undefined && { runAt }),
  }
}
