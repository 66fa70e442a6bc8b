/** What changes hands when one ring follows another: the ranges of the circle, so that a takeover can name them. */
import type { NodeId } from '../base/ids.ts'
import { POSITIONS } from './circle.ts'
import type { Ring } from './ring.ts'

/** Positions `from` to `to`, both included and never wrapping, went from one owner to another. */
export interface RangeChange {
  readonly from: number
  readonly to: number
  /** `undefined`: the earlier ring was empty. */
  readonly before: NodeId | undefined
  /** `undefined`: the later ring is empty. */
  readonly after: NodeId | undefined
}

/** Ascending; neighbours with the same two owners are one range. Empty when every key keeps its owner. */
export function diffRings(before: Ring, after: Ring): readonly RangeChange[] {
  if (before.checksum === after.checksum) return []
  const changes: RangeChange[] = []
  let from = 0
  for (const to of boundaries(before, after)) {
    append(changes, { from, to, before: before.ownerAt(to), after: after.ownerAt(to) })
    from = to + 1
  }
  return changes
}

/** Between two of these neither ring changes owner. The last stands for the stretch that wraps to the first token. */
function boundaries(a: Ring, b: Ring): readonly number[] {
  const all = new Set([...a.tokens, ...b.tokens, POSITIONS - 1])
  return [...Float64Array.from(all).sort()]
}

function append(changes: RangeChange[], next: RangeChange): void {
  if (next.before === next.after) return
  const last = changes.at(-1)
  const continues =
    last && last.to + 1 === next.from && last.before === next.before && last.after === next.after
  if (continues) changes[changes.length - 1] = { ...last, to: next.to }
  else changes.push(next)
}
