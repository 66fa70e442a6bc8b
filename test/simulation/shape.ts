/** The shape of a run: everything it depends on. All of it follows from the seed unless it is given. */
import { Random } from '../../src/base/random.ts'
import type { Mode } from '../../src/grants/config.ts'

export type Profile = 'mixed' | 'mild' | 'pauses' | 'calm'

export const PROFILES: readonly Profile[] = ['mixed', 'mild', 'pauses', 'calm']
export const MODES: readonly Mode[] = ['available', 'quorum']

/**
 * What a run has besides the faults of its profile. `voters`: an operator changes the voter list, in quorum mode. `frames`:
 * frames and gossip lose their order, and gossip is doubled, in mixed runs. `both`: these two. `upheavals`: what befalls all at
 * once, what operators and clients do that they should not, and disks that get room by and by, in mixed runs. `all`: the three.
 * With any of them some mixed runs also have nodes with a join delay, a member that is gone for good and is forgotten by an
 * operator, or keys in available mode beside those in quorum mode. With `none` a seed plays as it did before there were any.
 */
export type Extras = 'none' | 'voters' | 'frames' | 'both' | 'upheavals' | 'all'
export const EXTRAS: readonly Extras[] = ['none', 'voters', 'frames', 'both', 'upheavals', 'all']

const PARTS: Record<Extras, readonly Extras[]> = {
  none: [],
  voters: ['voters'],
  frames: ['frames'],
  both: ['voters', 'frames'],
  upheavals: ['upheavals'],
  all: ['voters', 'frames', 'upheavals'],
}

export const hasExtra = ({ extras }: Shape, wanted: 'voters' | 'frames' | 'upheavals'): boolean =>
  PARTS[extras].includes(wanted)

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
const MORE_EXTRAS_SEED = 0xe8_75

/** Fills in what is not given: of ten seeds six are mixed, of three two run in quorum mode, of ten seven have extras. */
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

/** Upheavals came later, and are drawn where there was nothing. */
function drawExtras(seed: number): Extras {
  const random = new Random(seed + EXTRAS_SEED)
  if (!random.chance(0.5)) return random.pick(['voters', 'frames', 'both'] as const) ?? 'none'
  const more = new Random(seed + MORE_EXTRAS_SEED)
  return more.chance(0.6) ? 'none' : more.chance(0.7) ? 'upheavals' : 'all'
}
