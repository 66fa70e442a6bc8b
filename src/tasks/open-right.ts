import { NEVER, type WallMs } from '../base/time.ts'
import type { Right } from './right.ts'
import { Tokens } from './token.ts'

/**
 * The right of available mode: every key, for ever. Each leave has a token of its own, above all before it on this node.
 *
 * @param wall the wall clock as last told, from which the tokens are made
 */
export function openRight(wall: () => WallMs): Right {
  const tokens = new Tokens()
  return { leaveFor: () => ({ until: NEVER, token: tokens.next(wall()) }), version: 0, moves: 0 }
}
