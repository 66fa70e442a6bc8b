/** One seed: a schedule, a cluster, the faults, the invariants, and what came of it. */
import { Cluster, makeList } from './cluster.ts'
import { Faults } from './faults.ts'
import { Invariants, type Violation } from './invariants.ts'
import { makeSchedule, type ScheduleOptions } from './schedule.ts'
import { TraceHash, Transcript } from './trace.ts'

export interface SeedResult {
  readonly seed: number
  readonly violation: Violation | undefined
  /** Events of the world; how much work the seed was. */
  readonly events: number
  readonly falseDeaths: number
  readonly runs: number
  /** The last telling events before the violation; empty unless asked for. */
  readonly transcript: readonly string[]
  /** Of the whole run; empty unless asked for. */
  readonly traceHash: string
}

export interface SeedOptions extends ScheduleOptions {
  /** Lines of transcript to keep. */
  readonly lines?: number
  readonly hashed?: boolean
}

/** Runs one seed to its end, or to its first violation. Same options, same result. */
export function runSeed(options: SeedOptions): SeedResult {
  const schedule = makeSchedule(options)
  const cluster = new Cluster({
    seed: options.seed,
    hosts: schedule.hosts,
    list: makeList(schedule.listTasks),
  })
  const { world } = cluster
  const invariants = new Invariants(cluster, schedule)
  const transcript = new Transcript(world, options.lines ?? 0)
  const hash = new TraceHash()
  if (options.lines) world.watch(transcript)
  if (options.hashed) world.watch(hash)
  world.watch(invariants)
  new Faults(world, schedule, (host, task) => cluster.submit(host, task)).plan()
  invariants.begin()
  world.runUntil(schedule.endAt, () => invariants.violation !== undefined)
  if (invariants.violation === undefined) invariants.checkEnd()
  return {
    seed: options.seed,
    violation: invariants.violation,
    events: world.queue.ran,
    falseDeaths: invariants.falseDeaths,
    runs: world.runs.length,
    transcript: transcript.lines,
    traceHash: options.hashed ? hash.value : '',
  }
}

/** The command that runs this seed again. */
export const replayCommand = ({ seed, profile, nodes, seconds }: ScheduleOptions): string =>
  `SEED=${seed} PROFILE=${profile} NODES=${nodes} SECONDS=${seconds} npm run simulate`

/** A violation as a person wants to read it. */
export function tellViolation(result: SeedResult, options: ScheduleOptions): string {
  const { violation } = result
  if (violation === undefined) return `seed ${result.seed}: no violation`
  const where = violation.node === undefined ? 'the cluster' : violation.node
  return [
    `seed ${result.seed}: "${violation.invariant}" does not hold at ${(violation.at / 1000).toFixed(3)} s on ${where}`,
    `  ${violation.detail}`,
    `  replay: ${replayCommand(options)}`,
    ...result.transcript.map(line => `  | ${line}`),
  ].join('\n')
}
