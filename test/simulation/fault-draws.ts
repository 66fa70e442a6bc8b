/** Draws the faults of a run from its seed. */
import type { Random } from '../../src/base/random.ts'
import type { ControlRequest } from '../../src/node/control.ts'
import { type Fault, type Pair, SEED_HOSTS, STARTS_MS } from './fault.ts'
import type { Shape } from './shape.ts'

/** Pauses that bury nobody. Of two nodes each hears the other only twice a second, so a silence is longer than the pause. */
const PAUSE_MS_MAX = 2_000
const PAUSE_MS_MAX_OF_TWO = 1_500
/** What carries nothing more is replaced within so long. */
const REPLACED_MS_MAX = 2_000

/** What draws share within one run. */
interface Run {
  readonly random: Random
  readonly nodes: number
  /** Faults are over by then. */
  readonly until: number
  /** Disks that may still be lost: the promises hold while a quorum of voters keeps theirs. */
  wipesLeft: number
}

/** @param wipes disks that may be lost, in quorum mode: fewer than copies, and so few that a quorum of voters keeps theirs */
export function drawFaults(
  random: Random,
  { profile, mode, nodes }: Shape,
  until: number,
  wipes: number,
): Fault[] {
  const run: Run = { random, nodes, until, wipesLeft: mode === 'quorum' ? wipes : Number.POSITIVE_INFINITY }
  switch (profile) {
    case 'calm':
      return []
    case 'mild':
      return mildFaults(run)
    case 'pauses':
      return pauseFaults(run)
    case 'mixed':
      return random.chance(0.1) ? rollingRestart(run) : mixedFaults(run)
  }
}

/** Faults that keep somebody from hearing of a new ring in time. */
const DEAFENING: ReadonlySet<Fault['kind']> = new Set([
  'partition',
  'cut',
  'cut-one-way',
  'freeze',
  'freeze-tree',
  'stall',
  'stall-all',
])
/** A change comes so soon after, in ms: within the lease of whoever does not hear of it. */
const CHANGE_MS_MAX = 3_000

/**
 * Changes of the ring while somebody is deaf: one after the other within a lease. Who may act is decided by what each
 * has heard of them, and drawn apart from each other, faults and changes seldom meet.
 */
export function drawChanges(random: Random, faults: readonly Fault[], nodes: number, until: number): Fault[] {
  const deaf = faults.filter(({ kind }) => DEAFENING.has(kind) && random.chance(0.3))
  return deaf.flatMap(({ at }) =>
    Array.from({ length: 1 + random.below(4) }, () => {
      const when = Math.min(at + random.between(0, CHANGE_MS_MAX), until)
      return drawChange(random, random.below(nodes), when, until, [100, 2_000])
    }).flat(),
  )
}

/** Disks that take nothing more for a while. */
export function drawFullDisks(random: Random, nodes: number, until: number): Fault[] {
  const faults: Fault[] = []
  if (random.chance(0.6)) return faults
  for (let at = random.between(4_000, 15_000); at < until - 2_000; at += random.between(6_000, 30_000)) {
    const ms = Math.min(random.between(500, 10_000), until - at - 1)
    const host = random.below(nodes)
    const rows = random.pick([0, 5, 50, 500]) ?? 0
    faults.push(
      random.chance(0.7)
        ? { at, kind: 'disk-full', host, ms, rows }
        : { at, kind: 'disk-read-only', host, ms },
    )
  }
  return faults
}

/** Frames that overtake each other, now and then for a while. */
export function drawLate(random: Random, until: number): Fault[] {
  const faults: Fault[] = []
  if (random.chance(0.5)) return faults
  for (let at = random.between(0, 10_000); at < until - 2_000; at += random.between(5_000, 30_000)) {
    const ms = Math.min(random.between(2_000, 20_000), until - at - 1)
    faults.push({ at, kind: 'late', pair: 'all', share: random.between(0.05, 0.5), ms })
  }
  return faults
}

/** @param lastsMs bounds of the time that a node is cordoned */
function drawChange(
  random: Random,
  host: number,
  at: number,
  until: number,
  lastsMs: readonly [number, number],
): Fault[] {
  const tell = (when: number, request: ControlRequest): Fault => ({
    at: when,
    kind: 'control',
    host,
    request,
  })
  if (random.chance(0.5)) return [tell(at, { kind: 'weight', weight: random.pick([0.5, 1, 2, 4]) ?? 1 })]
  const over = Math.min(at + random.between(...lastsMs), until)
  return [tell(at, { kind: 'cordon' }), tell(over, { kind: 'uncordon' })]
}

function mildFaults({ random, nodes, until }: Run): Fault[] {
  const faults: Fault[] = []
  const from = STARTS_MS + 2_000
  const lossy = random.chance(0.7)
  if (lossy) {
    const share = random.chance(0.5) ? 0.2 : random.between(0.05, 0.2)
    // From the first packet, or once the cluster has formed.
    const at = random.chance(0.5) ? 0 : from
    faults.push({ at, kind: 'loss', pair: 'all', share, ms: until - at })
  }
  if (random.chance(0.8)) {
    const jitterMs = random.between(20, 160)
    faults.push({ at: from, kind: 'delay', pair: 'all', latencyMs: 20, jitterMs, ms: until - from })
  }
  for (let at = from; at < until - 4_000; at += random.between(3_000, 6_000)) {
    const ms = random.between(200, nodes === 2 ? PAUSE_MS_MAX_OF_TWO : PAUSE_MS_MAX)
    faults.push({ at, kind: random.chance(0.5) ? 'freeze' : 'freeze-tree', host: random.below(nodes), ms })
  }
  // On top of 20 % loss this could take longer than silence is borne.
  if (lossy) return faults
  const at = random.between(from, until - 10_000)
  const stalled = random.below(nodes)
  const borne = faults.filter(
    fault => !('host' in fault && fault.host === stalled && meetsStall(fault.at, at)),
  )
  return [...borne, { at, kind: 'stall-all', host: stalled, ms: 10_000 }]
}

/** Is a host silent from its pause and, before or after it, for as long as its links take to be replaced? */
const meetsStall = (pauseAt: number, stallAt: number): boolean =>
  pauseAt > stallAt - PAUSE_MS_MAX && pauseAt < stallAt + REPLACED_MS_MAX

function pauseFaults({ random, nodes, until }: Run): Fault[] {
  const faults: Fault[] = []
  for (let at = STARTS_MS + 2_000; at < until; at += random.between(500, 5_000)) {
    const ms = random.chance(0.5) ? random.between(200, 2_000) : random.between(2_000, 10_000)
    const kind = random.chance(0.5) ? 'freeze' : 'freeze-tree'
    const host = random.below(nodes)
    faults.push({ at, kind, host, ms: Math.min(ms, until - at) })
    if (random.chance(0.5)) continue
    // Another one pauses while the first one is suspected or has just come back.
    const also = Math.min(at + random.between(0, ms + 1_000), until - 1)
    const other = (host + 1 + random.below(nodes - 1)) % nodes
    faults.push({ at: also, kind, host: other, ms: Math.min(random.between(200, 4_000), until - also) })
  }
  return faults
}

function mixedFaults(run: Run): Fault[] {
  const { random, until } = run
  const faults: Fault[] = []
  const pauseMs = random.pick([1_500, 3_000, 6_000]) ?? 3_000
  let at = random.chance(0.3)
    ? random.between(500, STARTS_MS + 2_000)
    : STARTS_MS + random.between(3_000, 6_000)
  while (at < until - 1_000) {
    faults.push(...drawOne(run, at))
    at += random.between(0.2, 1.8) * pauseMs
  }
  return faults
}

/** One after the other leaves and comes back, while the network is as it likes. */
function rollingRestart(run: Run): Fault[] {
  const { random, nodes, until } = run
  const faults: Fault[] = []
  const gapMs = Math.min(random.between(1_000, 4_000), (until - 8_000) / nodes)
  for (let host = 0; host < nodes; host++) {
    const at = 6_000 + host * gapMs
    faults.push({ at, kind: random.chance(0.8) ? 'leave' : 'crash', host })
    faults.push(start(host, Math.min(at + random.between(0.2, 0.9) * gapMs, until)))
  }
  return random.chance(0.5) ? [...faults, ...drawOne(run, random.between(6_000, until - 2_000))] : faults
}

type Draw = (run: Run, at: number) => Fault[]

/** Each line as likely as its number says. */
const DRAWS: readonly (readonly [weight: number, draw: Draw])[] = [
  [4, (run, at) => onHost(run, host => [{ at, kind: 'crash', host }, ...maybeStart(run, host, at, 0.8)])],
  [
    2,
    (run, at) =>
      onHost(run, host => [{ at, kind: 'crash', host }, start(host, at + run.random.between(20, 300))]),
  ],
  [2, (run, at) => onHost(run, host => [{ at, kind: 'power-off', host }, ...maybeStart(run, host, at, 0.8)])],
  [
    2,
    (run, at) =>
      onHost(run, host => [{ at, kind: 'leave', host }, ...maybeStart(run, host, at + 3_000, 0.6)]),
  ],
  [3, (run, at) => onHost(run, host => [{ at, kind: 'freeze', host, ms: drawPause(run, at) }])],
  [3, (run, at) => onHost(run, host => [{ at, kind: 'freeze-tree', host, ms: drawPause(run, at) }])],
  [1, (run, at) => onHost(run, host => [{ at, kind: 'freeze-runner', host, ms: drawPause(run, at) }])],
  [1, (run, at) => onHost(run, host => [{ at, kind: 'kill-runner', host }])],
  [1, (run, at) => onHost(run, host => [{ at, kind: 'suspend', host, ms: drawPause(run, at) }])],
  [
    2,
    (run, at) => [
      { at, kind: 'loss', pair: drawPairs(run), share: run.random.between(0.01, 0.2), ms: lasts(run, at) },
    ],
  ],
  [2, drawDelay],
  [4, drawPartition],
  [3, drawCut],
  [2, (run, at) => [{ at, kind: 'stall', pair: drawPair(run), ms: lasts(run, at) }]],
  [1, (run, at) => onHost(run, host => [{ at, kind: 'stall-all', host, ms: lasts(run, at) }])],
  [1, (run, at) => onHost(run, host => [{ at, kind: 'slow-disk', host, ms: lasts(run, at) }])],
  [1, drawFailingDisk],
  [
    1,
    (run, at) =>
      onHost(run, host => [{ at, kind: 'wall-step', host, byMs: run.random.between(-30_000, 30_000) }]),
  ],
  [2, drawControl],
]

const WEIGHTS = DRAWS.reduce((sum, [weight]) => sum + weight, 0)

function drawOne(run: Run, at: number): Fault[] {
  let lot = run.random.next() * WEIGHTS
  for (const [weight, draw] of DRAWS) {
    lot -= weight
    if (lot < 0) return draw(run, at)
  }
  return []
}

const onHost = (run: Run, draw: (host: number) => Fault[]): Fault[] => draw(run.random.below(run.nodes))

const lasts = ({ random, until }: Run, at: number): number =>
  Math.min(random.between(500, 12_000), until - at - 1)

function drawPause({ random, until }: Run, at: number): number {
  const ms = random.chance(0.5) ? random.between(200, 2_000) : random.between(2_000, 10_000)
  return Math.min(ms, until - at - 1)
}

function drawDelay(run: Run, at: number): Fault[] {
  const { random } = run
  const [latencyMs, jitterMs] = [random.between(1, 150), random.between(0, 160)]
  return [{ at, kind: 'delay', pair: drawPairs(run), latencyMs, jitterMs, ms: lasts(run, at) }]
}

/** Any two parts, or one host from all the others: both ways, or one way only. */
function drawPartition(run: Run, at: number): Fault[] {
  const { random, nodes } = run
  const everyone = Array.from({ length: nodes }, (_, index) => index)
  const size = random.chance(0.25) ? 1 : 1 + random.below(Math.max(1, Math.floor(nodes / 2)))
  const some = random.shuffle(everyone)
  const left = random.chance(0.5) ? some.slice(0, size) : some.slice(size)
  return [{ at, kind: 'partition', left, way: random.chance(0.7) ? 'both' : 'one-way', ms: lasts(run, at) }]
}

function drawCut(run: Run, at: number): Fault[] {
  const kind = run.random.chance(0.5) ? 'cut' : 'cut-one-way'
  return [{ at, kind, pair: drawPair(run), ms: lasts(run, at) }]
}

function drawFailingDisk(run: Run, at: number): Fault[] {
  return onHost(run, host => {
    const ms = Math.min(run.random.between(200, 3_000), run.until - at - 1)
    return [{ at, kind: 'disk-fails', host, ms }, ...maybeStart(run, host, at + ms, 0.8)]
  })
}

function drawControl(run: Run, at: number): Fault[] {
  return onHost(run, host => drawChange(run.random, host, at, run.until, [500, 8_000]))
}

function drawPair({ random, nodes }: Run): Pair {
  const from = random.below(nodes)
  return [from, (from + 1 + random.below(Math.max(1, nodes - 1))) % nodes]
}

const drawPairs = (run: Run): Pair | 'all' => (run.random.chance(0.5) ? 'all' : drawPair(run))

const start = (host: number, at: number): Fault => ({
  at,
  kind: 'start',
  host,
  address: 'same',
  disk: 'kept',
})

function maybeStart(run: Run, host: number, from: number, chance: number): Fault[] {
  const { random, until } = run
  if (host >= SEED_HOSTS && !random.chance(chance)) return []
  const soon = random.chance(0.3) ? random.between(20, 500) : random.between(500, 10_000)
  const at = Math.min(from + soon, until)
  const moved = random.chance(0.3)
  const address = moved ? (random.chance(0.3) ? 'reused' : 'new') : 'same'
  const lost = random.chance(0.1) && run.wipesLeft-- > 0
  const disk = !lost ? 'kept' : random.chance(0.5) ? 'lost' : 'lost-but-key'
  return [{ at, kind: 'start', host, address, disk }]
}
