/** What is claimed of a rolling restart, judged from who said yes for which key, who acted, and the rings of all. Pure. */
import { overlaps, type Sign, staleAccepted } from '../e2e/act-ledger.ts'
import { aimed, atMost, fact, figure, median, type Shown, worst } from '../proof/line.ts'
import { ringOf } from './cluster.ts'
import type { ActingSpan } from './owner-polls.ts'
import { quantile, spread } from './report.ts'

/** Another node acts for a key than before. */
export interface Move {
  readonly key: string
  readonly from: string
  readonly to: string
  /** It goes from its owner to an heir, or comes back. */
  readonly way: 'leave' | 'return'
  /** Longest that it can have been, from the last yes of the old to the first yes of the new one. */
  readonly gapMs: number
}

export interface Rings {
  readonly ideal: number
  readonly movedMost: number
  readonly changesMost: number
}

export interface Rolled {
  readonly tookMs: number
  readonly rings: Rings
  readonly moves: readonly Move[]
  /** Times in which a node could not act for a key that it had before and after. */
  readonly lapsesMs: readonly number[]
  readonly errorsMs: readonly number[]
  /** Keys for which two might act, and did, by the pair, and for how long: ms. */
  readonly bothActingMs: readonly number[]
  readonly overlapsMs: readonly number[]
  readonly stale: number
  readonly falseDeaths: number
  readonly tasks: {
    readonly accepted: number
    readonly lost: number
    readonly repeated: number
    readonly unexplained: number
  }
  readonly acceptMs: readonly number[]
  readonly refusals: Readonly<Record<string, number>>
}

/** A sign of the register that also says which task it is of. */
export type TaskSign = Sign & { readonly task: string }

/** What a task came to, by its own record. */
export interface Ended {
  readonly id: string
  readonly state: string
  readonly attempts: readonly { readonly outcome?: string }[]
}

/** What a daemon said, as its log has it. */
export interface RingLine {
  readonly at: number
  readonly node: string
  readonly event: string
  readonly fields: object
}

/**
 * What the time in which nobody may act for a key that moves should be on a machine that has time, in ms. Eight daemons under load
 * have two cores here, and take twice as long in a poor hour of a shared machine. Every key is asked for all the time, and whoever
 * was told that it may act uses that to its end: so a handoff waits for what is left of a lease of 2 s. What a handoff
 * takes that nobody asked about is in `repeats.ts`.
 */
const GAP_AIMS_MS = { median: 2_500, p99: 3_500, worst: 4_500 }
/** No key waits for longer than this, in ms, whatever the hour. */
const GAP_MS_MAX = 15_000

/** By the rings that each node went through: how many keys changed owner, compared with what cannot be less. */
export function ringsSeen(
  names: readonly string[],
  lines: readonly RingLine[],
  keys: readonly string[],
  since: number,
): Rings {
  const full = ringOf(names)
  const away = names.map(name => ringOf(names.filter(other => other !== name)))
  const differing = (a: typeof full, b: typeof full) =>
    keys.filter(key => a.owner(key) !== b.owner(key)).length
  const ideal = 2 * away.reduce((sum, ring) => sum + differing(full, ring), 0)
  const seen = names.map(name => {
    let [before, moved, changes] = [full, 0, 0]
    for (const members of ringsOfLives(lines, name, since)) {
      const ring = ringOf(members)
      moved += differing(before, ring)
      changes += ring.checksum === before.checksum ? 0 : 1
      before = ring
    }
    return { moved, changes }
  })
  return {
    ideal,
    movedMost: Math.max(...seen.map(({ moved }) => moved)),
    changesMost: Math.max(...seen.map(({ changes }) => changes)),
  }
}

/** The rings of a node, but for those that it saw while it started and had not met the others. */
function ringsOfLives(
  lines: readonly RingLine[],
  node: string,
  since: number,
): readonly (readonly string[])[] {
  let joined = true
  return lines
    .filter(line => line.node === node && line.at >= since)
    .flatMap(({ event, fields }) => {
      if (event === 'listening') joined = false
      if (event === 'ready') joined = true
      if (event !== 'ring-changed' || !joined) return []
      return [(Reflect.get(fields, 'members') as readonly unknown[]).map(String)]
    })
}

/** Who acted for each key after whom. */
export function passages(
  names: readonly string[],
  spans: readonly ActingSpan[],
): Pick<Rolled, 'moves' | 'lapsesMs'> {
  const home = ringOf(names)
  const moves: Move[] = []
  const lapsesMs: number[] = []
  for (const [key, ofKey] of Map.groupBy(spans, span => span.key)) {
    const sorted = ofKey.toSorted((a, b) => a.from - b.from)
    for (const [i, next] of sorted.entries()) {
      const before = sorted[i - 1]
      if (before === undefined) continue
      const gapMs = next.from - before.to
      const way = home.owner(key) === next.node ? 'return' : 'leave'
      if (before.node !== next.node) moves.push({ key, from: before.node, to: next.node, way, gapMs })
      else if (before.round === next.round) lapsesMs.push(gapMs)
    }
  }
  return { moves, lapsesMs }
}

/** What the tasks came to, by the register and by their own records. */
export function judged(
  ledger: readonly TaskSign[],
  settled: readonly Ended[],
): Pick<Rolled, 'overlapsMs' | 'stale' | 'tasks'> {
  const actors = Map.groupBy(ledger, sign => sign.task)
  const runs = (id: string) => new Set(actors.get(id)?.map(sign => sign.actor)).size
  const repeated = settled.filter(({ id }) => runs(id) > 1)
  const explained = ({ id, attempts }: Ended) =>
    attempts.filter(attempt => attempt.outcome !== 'succeeded').length >= runs(id) - 1
  const lost = settled.filter(({ id, state }) => state !== 'succeeded' || runs(id) === 0)
  return {
    overlapsMs: overlaps(ledger).map(({ from, to }) => to - from),
    stale: staleAccepted(ledger).length,
    tasks: {
      accepted: settled.length,
      lost: lost.length,
      repeated: repeated.length,
      unexplained: repeated.filter(task => !explained(task)).length,
    },
  }
}

/** Each by its length. */
const overlapping = (claim: string, ms: readonly number[]): Shown => ({
  ...fact(claim, ms.length === 0, `${ms.length} overlaps${ms.length === 0 ? '' : `: ${spread(ms)}`}`),
  samples: ms,
})

export function rollingClaims(delayMs: number, keyCount: number, rolled: Rolled): readonly Shown[] {
  const { tasks } = rolled
  const shown = [
    figure('the rolling restart took', `${(rolled.tookMs / 1_000).toFixed(1)} s`),
    ...movesClaims(delayMs, keyCount, rolled),
    overlapping('keys that two might act for at one moment', rolled.bothActingMs),
    overlapping('keys that two did act for at one moment', rolled.overlapsMs),
    fact('writes with a stale token that were accepted', rolled.stale === 0, `${rolled.stale}`),
    fact('nobody was taken for dead', rolled.falseDeaths === 0, `${rolled.falseDeaths}`),
    fact('tasks lost', tasks.accepted > 0 && tasks.lost === 0, `${tasks.lost} of ${tasks.accepted}`),
    figure('tasks run more than once', `${tasks.repeated}`),
    fact('    and their record does not say why', tasks.unexplained === 0, `${tasks.unexplained}`),
    figure('a task is accepted', spread(rolled.acceptMs), rolled.acceptMs),
    figure('    after refusals, by code', JSON.stringify(rolled.refusals)),
  ]
  return shown.map(line => ({ ...line, claim: `join delay ${delayMs} ms: ${line.claim}` }))
}

function movesClaims(delayMs: number, keyCount: number, rolled: Rolled): readonly Shown[] {
  const { moves, rings } = rolled
  const gaps = moves.map(move => move.gapMs)
  const went = (way: Move['way']) =>
    new Set(moves.filter(move => move.way === way).map(({ key }) => key)).size
  return [
    figure(
      'moves of keys, by the rings: ideal (each key leaves and comes back once)',
      `${rings.ideal} of ${keyCount} keys`,
    ),
    figure('    a restart that no ring noticed would move', '0'),
    ...(delayMs === 0
      ? [atMost('    moved, the most that any node saw', rings.movedMost, rings.ideal, 'moves')]
      : [figure('    moved, the most that any node saw', `${rings.movedMost} moves`)]),
    figure('    changes of the ring, the most that any node saw', `${rings.changesMost}`),
    // Where no key is seen to move, no gap is long and no two act for it. One that is back before an heir had it is not seen.
    fact(
      'most keys were seen to leave their node and to come back, by those who act',
      keyCount > 0 && Math.min(went('leave'), went('return')) > keyCount / 2,
      `${moves.length} moves; ${went('leave')} of ${keyCount} keys left, ${went('return')} came back`,
    ),
    figure(
      'nobody acts for a key that moves',
      `${spread(gaps)}, p99 ${quantile(gaps, 0.99)?.toFixed(0)} ms`,
      gaps,
    ),
    ...(['leave', 'return'] as const).map(way => {
      const some = moves.filter(move => move.way === way).map(move => move.gapMs)
      return figure(`    as its node ${way}s`, spread(some), some)
    }),
    aimed('    median', median(gaps), GAP_AIMS_MS.median, 'ms'),
    aimed('    p99', quantile(gaps, 0.99), GAP_AIMS_MS.p99, 'ms'),
    aimed('    worst', worst(gaps), GAP_AIMS_MS.worst, 'ms'),
    atMost('    worst', worst(gaps), GAP_MS_MAX, 'ms', gaps),
    figure('    error of these', spread(rolled.errorsMs)),
    figure('nobody acts for a key that stays where it is', spread(rolled.lapsesMs), rolled.lapsesMs),
  ]
}
