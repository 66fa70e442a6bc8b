/**
 * A cancel is promised within a second. The test of it bears a busy machine (it takes as long as a question on the same way
 * does more, and one of three may be late); where nothing else is to be done, as in a proof, the second counts, and each time.
 */
import { atMost, fact, type Shown, worst } from './line.ts'

const LIMIT_MS = 1_000

/** @param told what the tests told: `exec: cancelled from another node in 42 of 1000, 51 of 1000 ms` */
export function cancelClaims(told: readonly Shown[], kinds: readonly string[]): readonly Shown[] {
  return kinds.map(kind => {
    const start = `${kind}: cancelled from another node in `
    const line = told.find(({ figure }) => figure.startsWith(start))
    const claim = `${kind}: cancelled from another node, worst`
    if (line === undefined) return fact(claim, false, 'nobody told')
    const samples = [...line.figure.slice(start.length).matchAll(/(-?\d+) of \d+/g)].map(([, ms]) =>
      Number(ms),
    )
    // Before the order: the attempt had ended by itself, and no cancel was seen.
    const seen = samples.map(ms => (ms > 0 ? ms : null))
    return atMost(claim, worst(seen.length === 0 ? [null] : seen), LIMIT_MS, 'ms', seen)
  })
}
