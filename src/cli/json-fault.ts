import { type Loss, lossOf } from '../base/faithful-json.ts'
import { levelsOf } from '../base/levels.ts'

/** The daemon takes no more (`jsonDepthMax`). */
const LEVELS_MAX = 64

/**
 * Why this JSON text cannot be handed on as what was read of it: something would be lost, or it is nested more deeply than any
 * node takes, and perhaps than it can be written again.
 */
export function jsonFault(json: string, value: unknown): Loss | undefined {
  if (levelsOf(json) > LEVELS_MAX) return { expected: `JSON of at most ${LEVELS_MAX} levels`, got: 'more' }
  return lossOf(json, value)
}
