/** Draws the faults that a run has besides the usual ones, each kind from a generator of its own: see `Extras`. */
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { PrefixMode } from '../../src/grants/config.ts'
import type { Fault, Pair } from './fault.ts'
import { hasExtra, type Shape } from './shape.ts'
import { drawUpheavals } from './upheaval-draws.ts'

/** Makes another generator than those of everything else. */
const FRAMES = 0xf4_a3
const JOINS = 0x10_14
const ALL_JOIN = 0xa1_10
const GONE = 0x90_4e
const MODES = 0x30_de
const LAG_MS_MAX = 3_000
/** A member that is gone for good is forgotten by an operator that asks so often. */
const FORGETS = 6
/** The keys that begin so are in available mode where a run has both modes: 7 of 16. */
const AVAILABLE = 'key 1'

/**
 * @param faults those of the profile
 * @param until in virtual ms: all of it is over by then
 * @param wipes disks that may be lost in the run
 */
export function drawExtraFaults(
  shape: Shape,
  faults: readonly Fault[],
  until: number,
  wipes: number,
): Fault[] {
  const lost = faults.filter(fault => fault.kind === 'start' && fault.disk !== 'kept').length
  const gone = lost < wipes ? drawGone(shape, until) : []
  const left = wipes - lost - gone.filter(({ kind }) => kind === 'gone').length
  return [...drawFrames(shape, until), ...gone, ...drawUpheavals(shape, until, left)]
}

function drawFrames(shape: Shape, until: number): Fault[] {
  const { seed, profile, nodes } = shape
  if (!hasExtra(shape, 'frames') || profile !== 'mixed') return []
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

const isMore = ({ extras, profile }: Shape): boolean => extras !== 'none' && profile === 'mixed'

/** For how long, in ms, a node that has just come owns nothing; 0 for most. */
export function drawJoinDelays(shape: Shape): readonly number[] {
  const random = new Random(shape.seed + JOINS)
  const all = hasExtra(shape, 'upheavals') && isMore(shape) && new Random(shape.seed + ALL_JOIN).chance(0.3)
  const some = isMore(shape) && random.chance(0.3)
  return Array.from({ length: shape.nodes }, () =>
    (some && random.chance(0.5)) || all ? random.between(200, 5_000) : 0,
  )
}

/** In quorum mode some keys may have a mode of their own. */
export function drawModes(shape: Shape): readonly PrefixMode[] {
  const some = isMore(shape) && shape.mode === 'quorum' && new Random(shape.seed + MODES).chance(0.25)
  return some ? [{ prefix: AVAILABLE, mode: 'available' }] : []
}

/** A member that is dead for good, its disk with it, and an operator who says so, here and there. */
function drawGone(shape: Shape, until: number): Fault[] {
  const random = new Random(shape.seed + GONE)
  const some = isMore(shape) && shape.mode === 'quorum' && random.chance(0.4)
  if (!some || until < 22_000) return []
  const { nodes } = shape
  const at = random.between(8_000, until - 12_000)
  const host = random.below(nodes)
  const gone: Fault = { at, kind: 'gone', host }
  const first = at + random.between(500, 6_000)
  const request = { kind: 'forget', node: asNodeId(`n${host + 1}`) } as const
  const forgets = Array.from({ length: FORGETS }, (_, time): Fault => {
    const other = (host + 1 + random.below(nodes - 1)) % nodes
    return { at: first + time * 900, kind: 'control', host: other, request }
  })
  return [gone, ...forgets]
}
