/** Draws what befalls a daemon that has too little CPU time, or too much to do. */
import { Random } from '../../src/base/random.ts'
import { type Fault, STARTS_MS } from './fault.ts'

/** Each makes another generator than that of the other faults: what is drawn from it moves nothing else. */
const FLOODS = 0xf1_0d
const STUTTERS = 0x57_07

export function drawBusy(seed: number, nodes: number, until: number): Fault[] {
  return [
    ...drawFloods(new Random(seed + FLOODS), nodes, until),
    ...drawStutters(new Random(seed + STUTTERS), nodes, until),
  ]
}

/** A daemon that stands still for a part of each second, as one short of CPU time does. */
function drawStutters(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  if (random.chance(0.6)) return faults
  const [host, pauseMs] = [random.below(nodes), random.between(320, 950)]
  const from = random.between(STARTS_MS, until / 2)
  const end = Math.min(until - 1_000, from + random.between(12_000, 40_000))
  for (let at = from; at < end; at += 1_000) faults.push({ at, kind: 'freeze', host, ms: pauseMs })
  return faults
}

/** Work that keeps a daemon from reading what comes. */
function drawFloods(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  if (random.chance(0.5)) return faults
  for (let at = STARTS_MS + 2_000; at < until - 1_000; at += random.between(2_000, 10_000)) {
    const ms = Math.min(random.between(200, 6_000), until - at - 1)
    faults.push({ at, kind: 'flood', host: random.below(nodes), ms })
  }
  return faults
}
