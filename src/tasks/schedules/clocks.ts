/**
 * Is this node's wall clock to be trusted with slots? The heartbeats of the others carry theirs; the median of all, this one
 * included, is taken for the time. One clock that is wrong moves no median of three or more; of two clocks that differ
 * nobody can tell which is wrong, and each is off by half of it.
 */

/** Off by more than this, in ms, a node makes no slots. Also how long after its time a slot counts as on time. */
export const CLOCK_APART_MS = 5_000

/**
 * How far this node's wall clock is ahead of the median (behind, when negative), in ms; 0 when nobody else is heard.
 * @param others for each other member, how far its clock is ahead of this one's, in ms
 */
export function clockAheadMs(others: readonly number[]): number {
  const all = [0, ...others].sort((a, b) => a - b)
  const middle = all.length >> 1
  const upper = all[middle] ?? 0
  const median = all.length % 2 === 1 ? upper : ((all[middle - 1] ?? 0) + upper) / 2
  return median === 0 ? 0 : -median
}
