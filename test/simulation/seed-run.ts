/** One seed: a schedule, a cluster, the faults, the invariants, and what came of it. */
import { asNodeId } from '../../src/base/ids.ts'
import type { GrantsConfig } from '../../src/grants/config.ts'
import { answersOf } from './answers.ts'
import { Clients } from './clients.ts'
import { Cluster, makeList } from './cluster.ts'
import { Faults } from './faults.ts'
import type { Violation } from './findings.ts'
import { Invariants } from './invariants.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { hasExtra, type Shape } from './shape.ts'
import { type Counts, Tally } from './tally.ts'
import { TraceHash, Transcript } from './trace.ts'
import { VoterOperator } from './voter-operator.ts'

export interface SeedResult {
  readonly shape: Shape
  readonly violation: Violation | undefined
  /** Which faults really occurred, and what came of them. */
  readonly counts: Counts
  /** The last telling events before the violation; empty unless asked for. */
  readonly transcript: readonly string[]
  /** Of the whole run; empty unless asked for. */
  readonly traceHash: string
}

export interface SeedOptions extends Shape {
  /** Lines of transcript to keep. */
  readonly lines?: number
  readonly hashed?: boolean
}

/** Runs one seed to its end, or to its first violation. Same options, same result. */
export function runSeed({ lines = 0, hashed = false, ...shape }: SeedOptions): SeedResult {
  const schedule = makeSchedule(shape)
  const tally = new Tally()
  const answers = answersOf(shape, schedule.quietAt)
  const cluster = new Cluster({
    seed: shape.seed,
    answers,
    hosts: schedule.hosts,
    list: makeList(schedule.listTasks),
    grants: grantsOf(schedule),
    tasks: { ...schedule.work.tasks, durability: schedule.durability },
    ...(schedule.slots.configured.length > 0 && { schedules: schedule.slots.configured }),
  })
  const { world } = cluster
  const invariants = new Invariants(cluster, schedule, tally)
  const transcript = new Transcript(world, lines)
  const hash = new TraceHash()
  if (lines > 0) world.watch(transcript)
  if (hashed) world.watch(hash)
  world.watch(invariants)
  const clients = new Clients(cluster, schedule, tally)
  world.watch(clients)
  new Faults(cluster, schedule, tally, clients).plan()
  clients.begin()
  if (changesVoters(shape)) {
    const operator = new VoterOperator(cluster, schedule, tally)
    world.watch(operator)
    operator.begin()
  }
  invariants.begin()
  world.runUntil(schedule.endAt, () => invariants.over())
  if (invariants.violation === undefined) invariants.checkEnd()
  if (answers !== undefined) tally.count('seeds with small answers')
  tallyEnd(cluster, schedule, tally)
  return {
    shape,
    violation: invariants.violation,
    counts: tally.counts,
    transcript: transcript.lines,
    traceHash: hashed ? hash.value : '',
  }
}

const changesVoters = (shape: Shape): boolean => shape.mode === 'quorum' && hasExtra(shape, 'voters')

function grantsOf({ mode, modes, voters, trustRefused }: Schedule): Partial<GrantsConfig> {
  if (mode === 'available') return {}
  const { expectedNodes, named } = voters
  return { mode, modes, expectedNodes, voters: named.map(index => asNodeId(`n${index + 1}`)), trustRefused }
}

function tallyEnd({ world }: Cluster, { mode, profile, extras }: Schedule, tally: Tally): void {
  tally.count('events', world.queue.ran)
  tally.count('task runs', world.collector.runs.length)
  tally.count(`seeds in ${mode} mode`)
  tally.count(`seeds ${profile}`)
  tally.count(`seeds with extras ${extras}`)
  tally.count(`overlaps in ${mode} mode`, world.collector.overlaps)
  tally.count('tokens that fell under one owner', world.collector.fallen)
  for (const { executor } of world.hosts) {
    tally.count('attempts fenced', executor.counts.fenced)
    tally.count('attempts killed at their deadline', executor.counts.killedAtDeadline)
    tally.count('daemon killed for a frozen runner', executor.counts.standIns)
    tally.count('attempts with nobody left to kill them', executor.counts.unguarded)
  }
}
