/** Draws the faults that a run has besides the usual ones, each kind from a generator of its own: see `Extras`. */
import { Random } from '../../src/base/random.ts'
import type { Fault, Pair } from './fault.ts'
import type { Shape } from './shape.ts'

/** Makes another generator than those of everything else. */
const FRAMES = 0xf4_a3
const LAG_MS_MAX = 3_000

/** @param until in virtual ms: all of it is over by then */
export function drawFrames({ seed, extras, profile, nodes }: Shape, until: number): Fault[] {
  if ((extras !== 'frames' && extras !== 'both') || profile !== 'mixed') return []
  const random = new Random(seed + FRAMES)
  return [...drawCrossed(random, nodes, until), ...drawGossip(random, until)]
}

/** Frames by two connections, between two nodes or among all. */
function drawCrossed(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  for (let at = random.between(1_000, 8_000); at < until - 1_000; at += random.between(1_000, 10_000)) {
    const ms = Math.min(random.between(1_000, 12_000), until - at - 1)
    const from = random.below(nodes)
    const pair: Pair = [from, (from + 1 + random.below(nodes - 1)) % nodes]
    const lagMs = random.between(5, random.chance(0.5) ? 200 : LAG_MS_MAX)
    const share = random.between(0.05, 0.7)
    faults.push({ at, kind: 'crossed', pair: random.chance(0.5) ? 'all' : pair, share, lagMs, ms })
  }
  return faults
}

function drawGossip(random: Random, until: number): Fault[] {
  const faults: Fault[] = []
  for (let at = random.between(0, 8_000); at < until - 1_000; at += random.between(12_000, 20_000)) {
    const ms = Math.min(random.between(2_000, 12_000), until - at - 1)
    const [late, again] = [random.between(0, 0.5), random.between(0, 0.5)]
    faults.push({ at, kind: 'gossip-unrest', late, again, ms })
  }
  return faults
}
