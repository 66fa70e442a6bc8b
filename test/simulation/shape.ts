/** The shape of a run: everything it depends on. All of it follows from the seed unless it is given. */
import { Random } from '../../src/base/random.ts'
import type { Mode } from '../../src/grants/config.ts'

export type Profile = 'mixed' | 'mild' | 'pauses' | 'calm'

export const PROFILES: readonly Profile[] = ['mixed', 'mild', 'pauses', 'calm']
export const MODES: readonly Mode[] = ['available', 'quorum']

/**
 * What a run has besides the faults of its profile. `voters`: an operator changes the voter list, in quorum mode. `frames`:
 * frames and gossip lose their order, and gossip is doubled, in mixed runs. With any of them some mixed runs also have nodes
 * with a join delay, a member that is gone for good and is forgotten by an operator, or keys in available mode beside those in
 * quorum mode. With `none` a seed plays as it did before there were any.
 */
export type Extras = 'none' | 'voters' | 'frames' | 'both'
export const EXTRAS: readonly Extras[] = ['none', 'voters', 'frames', 'both']

export interface Shape {
  readonly seed: number
  readonly profile: Profile
  readonly mode: Mode
  readonly nodes: number
  readonly seconds: number
  readonly extras: Extras
}

/** Sizes drawn when none is given. */
const NODES_MIN = 3
const NODES_MAX = 16
const SECONDS = 60

/** Makes another generator than those of everything else. */
const EXTRAS_SEED = 0xe8_74

/** Fills in what is not given: of ten seeds six are mixed, of three two run in quorum mode, of two one has extras. */
export function shapeOf(seed: number, given: Partial<Shape> = {}): Shape {
  const random = new Random(seed + 0x5ee_d5ee)
  const digit = seed % 10
  return {
    seed,
    profile: digit === 0 ? 'calm' : digit === 1 ? 'pauses' : digit <= 3 ? 'mild' : 'mixed',
    mode: Math.floor(seed / 10) % 3 === 0 ? 'available' : 'quorum',
    nodes: NODES_MIN + random.below(NODES_MAX - NODES_MIN + 1),
    seconds: SECONDS,
    extras: drawExtras(seed),
    ...given,
  }
}

/** Half of the runs have none. */
function drawExtras(seed: number): Extras {
  const random = new Random(seed + EXTRAS_SEED)
  return random.chance(0.5) ? 'none' : (random.pick(['voters', 'frames', 'both'] as const) ?? 'none')
}
