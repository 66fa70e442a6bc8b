/**
 * A scene that no seed draws: from the first packet on a fifth of all that is sent is lost, and now and then all connections of one
 * node go silent for longer than silence is borne, while new ones get through as well as anything does. Whoever opens a second
 * connection to a silent node hears it; whoever waits for TCP calls the living dead.
 *
 *   SEED=n node test/simulation/lossy-stall.ts
 *
 * Exit 1 when an invariant does not hold, and which.
 */
import { argv, env, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { Random } from '../../src/base/random.ts'
import { Clients } from './clients.ts'
import { Cluster, makeList } from './cluster.ts'
import type { Fault } from './fault.ts'
import { Faults } from './faults.ts'
import type { Violation } from './findings.ts'
import { Invariants } from './invariants.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { Tally } from './tally.ts'

const NODES = 5
const SECONDS = 60
const LOSS_SHARE = 0.2
/** A node is silent for as long, in ms, and then nothing but the loss is wrong. */
const STALL_MS = 8_000
const BETWEEN_MS = 3_000
const FIRST_MS = 10_000

/** A mild run of that seed, with these faults instead of those that it draws. */
function lossySchedule(seed: number): Schedule {
  const drawn = makeSchedule({
    ...{ seed, profile: 'mild', mode: 'available', nodes: NODES, seconds: SECONDS, extras: 'none' },
  })
  const random = new Random(seed)
  const faults: Fault[] = [{ at: 0, kind: 'loss', pair: 'all', share: LOSS_SHARE, ms: drawn.quietAt }]
  for (let at = FIRST_MS; at + STALL_MS < drawn.quietAt; at += STALL_MS + BETWEEN_MS)
    faults.push({ at, kind: 'stall-all', host: random.below(NODES), ms: STALL_MS })
  return { ...drawn, faults }
}

/** What did not hold, and how often each fault came. */
export function playLossyStall(seed: number): { violation: Violation | undefined; counts: Tally['counts'] } {
  const schedule = lossySchedule(seed)
  const { hosts, durability, work, listTasks } = schedule
  const tally = new Tally()
  const list = makeList(listTasks)
  const cluster = new Cluster({ seed, hosts, list, grants: {}, tasks: { ...work.tasks, durability } })
  const invariants = new Invariants(cluster, schedule, tally)
  const clients = new Clients(cluster, schedule, tally)
  cluster.world.watch(invariants)
  cluster.world.watch(clients)
  new Faults(cluster, schedule, tally, clients).plan()
  clients.begin()
  invariants.begin()
  cluster.world.runUntil(schedule.endAt, () => invariants.over())
  if (invariants.violation === undefined) invariants.checkEnd()
  return { violation: invariants.violation, counts: tally.counts }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const seed = Number(env['SEED'] ?? 1)
  const { violation } = playLossyStall(seed)
  if (violation === undefined) console.log(`seed ${seed}: everything holds`)
  else console.error(`seed ${seed}: "${violation.invariant}" does not hold: ${violation.detail}`)
  exit(violation === undefined ? 0 : 1)
}
