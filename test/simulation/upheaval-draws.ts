/**
 * Draws what befalls all at once, or follows from an operator's hand: all are cordoned and few come back, all leave and return
 * late, the power fails everywhere, a member is forgotten and comes back all the same, a full disk gets room by and by. Each
 * from a generator of its own.
 */
import { asNodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { ControlRequest } from '../../src/node/control.ts'
import type { Fault } from './fault.ts'
import { hasExtra, type Shape } from './shape.ts'
import type { Ask } from './work.ts'

/** Each makes another generator than those of everything else. */
const CORDONS = 0xc0_4d
const EXODUS = 0xe0_d5
const BLACKOUT = 0xb1_ac
const RETURNS = 0x4e_74
const ROOM = 0x40_03
/** With less time for faults, in ms, there is no room for any of it. */
const UNTIL_MIN = 26_000
/** A leave is over by then, in ms: its deadline, the farewell, and a little. */
const LEFT_MS = 6_500
/** An operator who forgets a member asks so often, each time somebody else. */
const FORGETS = 6
const FORGET_EVERY_MS = 900
/** Full disks get room so often, at most. */
const ROOMS_MAX = 12
/** After all were cordoned so much is asked for, of the first tasks, within so long, in ms. */
const QUESTIONS = 16
const QUESTIONED = 24
const QUESTIONS_MS = 4_000

interface Run {
  readonly nodes: number
  /** Faults are over by then, in virtual ms. */
  readonly until: number
}

/**
 * @param until in virtual ms: all of it is over by then
 * @param wipes disks that may still be lost in the run; one of these draws loses one at most
 */
export function drawUpheavals(shape: Shape, until: number, wipes: number): Fault[] {
  if (!hasExtra(shape, 'upheavals') || shape.profile !== 'mixed' || until < UNTIL_MIN) return []
  const { seed, nodes } = shape
  const run: Run = { nodes, until }
  return [
    ...drawCordons(new Random(seed + CORDONS), run),
    ...drawExodus(new Random(seed + EXODUS), run, wipes > 0),
    ...drawBlackout(new Random(seed + BLACKOUT), run),
    ...drawReturns(new Random(seed + RETURNS), run),
    ...drawRoom(new Random(seed + ROOM), run),
  ]
}

const everyone = ({ nodes }: Run): number[] => Array.from({ length: nodes }, (_, host) => host)

const tell = (at: number, host: number, request: ControlRequest): Fault => ({
  at,
  kind: 'control',
  host,
  request,
})

const start = (at: number, host: number, disk: 'kept' | 'lost' | 'lost-but-key' = 'kept'): Fault => ({
  at,
  kind: 'start',
  host,
  address: 'same',
  disk,
})

/**
 * All are cordoned, for a moment nobody owns anything; then one or some own all of it, and the others come late. A minority may be
 * out of reach when they do, and they are asked about what was there before.
 */
function drawCordons(random: Random, run: Run): Fault[] {
  if (random.chance(0.4)) return []
  const { nodes, until } = run
  const faults: Fault[] = []
  for (let at = random.between(5_000, 20_000); at < until - 8_000; at += random.between(9_000, 25_000)) {
    const spreadMs = random.pick([30, 700, 3_000]) ?? 700
    const back = at + spreadMs + random.between(50, 5_000)
    const [first = 0, ...others] = random.shuffle(everyone(run))
    const away = random.chance(0.6) ? others.slice(0, Math.floor((nodes - 1) / 2)) : []
    faults.push(...drawAway(random, away, random.between(at + spreadMs, back), until))
    faults.push(...drawQuestions(random, run, back))
    for (const host of everyone(run)) {
      const lateMs =
        host === first || random.chance(0.2) ? random.between(0, 300) : random.between(500, 9_000)
      faults.push(tell(at + random.between(0, spreadMs), host, { kind: 'cordon' }))
      faults.push(tell(Math.min(back + lateMs, until), host, { kind: 'uncordon' }))
    }
  }
  // Who was suspended when it was told so has not heard it.
  return [...faults, ...everyone(run).map(host => tell(until, host, { kind: 'uncordon' }))]
}

/** Some are down, or cut off, for a few seconds. */
function drawAway(random: Random, left: readonly number[], at: number, until: number): Fault[] {
  const ms = Math.min(random.between(3_000, 9_000), until - at - 1)
  if (left.length === 0 || ms <= 0) return []
  if (random.chance(0.5)) return [{ at, kind: 'partition', left, way: 'both', ms }]
  const kind = random.chance(0.5) ? 'power-off' : 'crash'
  return left.flatMap((host): Fault[] => [{ at, kind, host }, start(at + ms, host)])
}

/** Somebody asks for tasks of before, or sends them again. What was never sent is sent then, or not known. */
function drawQuestions(random: Random, { nodes, until }: Run, from: number): Fault[] {
  return Array.from({ length: QUESTIONS }, (): Fault => {
    const number = random.below(QUESTIONED)
    const ask: Ask = random.chance(0.5) ? { kind: 'get', number, waitMs: 0 } : { kind: 'submit', number }
    const at = Math.min(from + random.between(0, QUESTIONS_MS), until - 1)
    return { at, kind: 'ask', host: random.below(nodes), ask }
  })
}

/** All leave, at once or one after the other; some come back soon, others late, and one may have lost its disk. */
function drawExodus(random: Random, run: Run, mayLose: boolean): Fault[] {
  if (random.chance(0.6)) return []
  const { nodes, until } = run
  const at = random.between(8_000, until - 18_000)
  const spreadMs = random.pick([30, 1_500, 5_000]) ?? 1_500
  const back = at + spreadMs + random.between(200, 5_000)
  const loser = mayLose && random.chance(0.6) ? random.below(nodes) : undefined
  const disk = random.chance(0.5) ? 'lost' : 'lost-but-key'
  return everyone(run).flatMap((host): Fault[] => {
    const leaves: Fault = { at: at + random.between(0, spreadMs), kind: 'leave', host }
    const lateMs = random.chance(0.4) ? random.between(0, 800) : random.between(800, 10_000)
    if (host === loser) return [leaves, start(Math.min(leaves.at + LEFT_MS + lateMs, until), host, disk)]
    const comes = back + lateMs
    // One that still leaves when it is started is started again.
    return [leaves, ...[comes, comes + LEFT_MS].map(when => start(Math.min(when, until), host))]
  })
}

/** The power fails everywhere, or every daemon is killed, and all start again. */
function drawBlackout(random: Random, run: Run): Fault[] {
  if (random.chance(0.65)) return []
  const { until } = run
  const at = random.between(6_000, until - 9_000)
  const kind = random.chance(0.5) ? 'power-off' : 'crash'
  const spreadMs = random.pick([1, 500, 3_000]) ?? 500
  const backMs = random.pick([30, 1_500, 4_000]) ?? 1_500
  return everyone(run).flatMap((host): Fault[] => {
    const down = at + random.between(0, spreadMs)
    return [{ at: down, kind, host }, start(at + spreadMs + random.between(0, backMs), host)]
  })
}

/** A member is down for long, an operator has it forgotten, and then it is there again, with all that it had. */
function drawReturns(random: Random, run: Run): Fault[] {
  if (random.chance(0.55)) return []
  const { nodes, until } = run
  const faults: Fault[] = []
  for (let at = random.between(6_000, 20_000); at < until - 10_000; at += random.between(10_000, 25_000)) {
    const host = random.below(nodes)
    faults.push({ at, kind: random.pick(['crash', 'power-off', 'leave'] as const) ?? 'crash', host })
    const first = at + random.between(300, 7_000)
    const request = { kind: 'forget', node: asNodeId(`n${host + 1}`) } as const
    for (let time = 0; time < FORGETS; time++) {
      const other = (host + 1 + random.below(nodes - 1)) % nodes
      faults.push(tell(Math.min(first + time * FORGET_EVERY_MS, until), other, request))
    }
    faults.push(start(Math.min(first + random.between(200, 10_000), until), host))
  }
  return faults
}

/** A disk is full, gets room for some rows now and then, or for all, and is full again. */
function drawRoom(random: Random, run: Run): Fault[] {
  if (random.chance(0.5)) return []
  const { nodes, until } = run
  const faults: Fault[] = []
  for (let at = random.between(4_000, 15_000); at < until - 6_000; at += random.between(8_000, 25_000)) {
    const host = random.below(nodes)
    let from = at
    for (let time = 0; time < 1 + random.below(4) && from < until - 1_000; time++) {
      const ms = Math.min(random.between(300, 6_000), until - from - 1)
      faults.push({ at: from, kind: 'disk-full', host, ms, rows: random.pick([0, 2, 20]) ?? 0 })
      for (let room = random.below(ROOMS_MAX); room > 0; room--)
        faults.push({ at: from + random.between(0, ms), kind: 'disk-room', host, rows: 1 + random.below(8) })
      from += ms + random.between(10, 1_000)
    }
  }
  return faults
}
