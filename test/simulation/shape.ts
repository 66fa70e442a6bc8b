/** The shape of a run: everything it depends on. All of it follows from the seed unless it is given. */
import { Random } from '../../src/base/random.ts'
import type { Mode } from '../../src/grants/config.ts'

export type Profile = 'mixed' | 'mild' | 'pauses' | 'calm'

export const PROFILES: readonly Profile[] = ['mixed', 'mild', 'pauses', 'calm']
export const MODES: readonly Mode[] = ['available', 'quorum']

export interface Shape {
  readonly seed: number
  readonly profile: Profile
  readonly mode: Mode
  readonly nodes: number
  readonly seconds: number
}

/** Sizes drawn when none is given. */
const NODES_MIN = 3
const NODES_MAX = 16
const SECONDS = 60

/** Fills in what is not given: of ten seeds six are mixed, of three two run in quorum mode. */
export function shapeOf(seed: number, given: Partial<Shape> = {}): Shape {
  const random = new Random(seed + 0x5ee_d5ee)
  const digit = seed % 10
  return {
    seed,
    profile: digit === 0 ? 'calm' : digit === 1 ? 'pauses' : digit <= 3 ? 'mild' : 'mixed',
    mode: Math.floor(seed / 10) % 3 === 0 ? 'available' : 'quorum',
    nodes: NODES_MIN + random.below(NODES_MAX - NODES_MIN + 1),
    seconds: SECONDS,
    ...given,
  }
}
