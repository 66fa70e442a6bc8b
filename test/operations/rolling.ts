/**
 * A rolling restart of all eight nodes under load, as an orchestrator does it: SIGTERM, wait for the end of the process,
 * start it again, wait for `/readyz`, go on with the next one. Short and long tasks keep coming meanwhile.
 *
 *   node test/operations/rolling.ts [--join-delays=0,5000] [--keys=400] [--rate=20] [--json] [--out=FILE]
 *
 * Once for every join delay (ms); about a minute each. Who may act is asked over HTTP at all that may own a key; who did
 * act is written by every task into a register outside of the cluster. Exit code 1 when a claim does not hold. Needs perl.
 */
import { parseArgs } from 'node:util'
import { aimed, atMost, fact, figure, median, type Shown, worst } from '../proof/line.ts'
import { publish, quantile, reportOf, spread } from './report.ts'
import { type Rolled, roll } from './rolling-run.ts'

const { values } = parseArgs({
  options: {
    'join-delays': { type: 'string', default: '0,5000' },
    keys: { type: 'string', default: '400' },
    rate: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const delays = values['join-delays'].split(',').map(Number)
const [keyCount, perSecond] = [Number(values.keys), Number(values.rate)]
if (![...delays, keyCount, perSecond].every(number => Number.isFinite(number) && number >= 0))
  throw new Error('--join-delays=MS,MS --keys=NUMBER --rate=PER_SECOND')

/**
 * What the time in which nobody may act for a key that moves should be on a machine that has time, in ms. Eight daemons under load
 * have two cores here, and take twice as long in a poor hour of a shared machine. Every key is asked for all the time, and whoever
 * was told that it may act uses that to its end: so a handoff waits for what is left of a lease of 2 s. What a handoff
 * takes that nobody asked about is in `repeats.ts`.
 */
const GAP_AIMS_MS = { median: 2_500, p99: 3_500, worst: 4_500 }
/** No key waits for longer than this, in ms, whatever the hour. */
const GAP_MS_MAX = 15_000

/** Each by its length. */
const overlapping = (claim: string, ms: readonly number[]): Shown => ({
  ...fact(claim, ms.length === 0, `${ms.length} overlaps${ms.length === 0 ? '' : `: ${spread(ms)}`}`),
  samples: ms,
})

function shownOf(delayMs: number, rolled: Rolled): readonly Shown[] {
  const { moves, tasks, rings } = rolled
  const gaps = moves.map(move => move.gapMs)
  const shown = [
    figure('the rolling restart took', `${(rolled.tookMs / 1_000).toFixed(1)} s`),
    figure(
      'moves of keys, by the rings: ideal (each key leaves and comes back once)',
      `${rings.ideal} of ${keyCount} keys`,
    ),
    figure('    a restart that no ring noticed would move', '0'),
    ...(delayMs === 0
      ? [atMost('    moved, the most that any node saw', rings.movedMost, rings.ideal, 'moves')]
      : [figure('    moved, the most that any node saw', `${rings.movedMost} moves`)]),
    figure('    changes of the ring, the most that any node saw', `${rings.changesMost}`),
    figure('moves of keys, as those who act said', `${moves.length}`),
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

const report = reportOf('Rolling restart of eight real daemons under load, quorum mode, loopback', values)
const results: Rolled[] = []
for (const joinDelayMs of delays) results.push(await roll({ joinDelayMs, keyCount, perSecond }))
const shown = delays.flatMap((delayMs, i) => {
  const rolled = results[i]
  return rolled === undefined ? [] : shownOf(delayMs, rolled)
})
publish(report(shown, results), { json: values.json, out: values.out })
