/** Plays one run of the ledger from the start of the daemons to the last word on every task. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../src/base/random.ts'
import { metricOf } from '../bench/metric-of.ts'
import { Collector } from '../faults/collector.ts'
import { olderThanAny, writtenAs } from '../faults/stale-write.ts'
import { monotonicMs } from '../faults/started.ts'
import { Chaos, type Profile, type Step } from './chaos.ts'
import type { History, Mark } from './history.ts'
import { Nodes } from './nodes.ts'
import type { Places } from './places.ts'
import { Stations } from './stations.ts'
import { Submitting } from './submitting.ts'

export interface PlayOptions {
  readonly directory: string
  readonly where: Places
  readonly profile: Profile
  readonly tasks: number
  readonly perSecond: number
  readonly keys: number
  readonly commands: number
  readonly random: Random
  /** @param register the socket of the register */
  readonly configOf: (register: string) => object
  readonly say: (text: string) => void
}

export interface Played {
  readonly history: History
  readonly steps: readonly Step[]
  readonly refusals: ReadonlyMap<string, number>
  readonly submitMs: number
  /** Null: not every task came to its end. */
  readonly settleMs: number | null
  /** Of a sample of the accepted tasks, asked of random nodes at the end: how many were not shown as succeeded. */
  readonly sampled: number
  readonly notShown: number
  /** What the register said to a stale act made on purpose; undefined: it had accepted nothing before. */
  readonly stale: 'accepted' | 'refused' | undefined
}

/** Asked for at the end by `GET /v1/tasks/ID`. */
const SAMPLE = 200

/** No task has ended for so long: what has not ended yet never will. */
const STUCK_MS = 90_000
const ASKED_MS = 500

const UNSETTLED = ['scheduled', 'ready', 'running', 'retrying'] as const

export async function play(options: PlayOptions): Promise<Played> {
  const { directory, where, random, say } = options
  const collector = new Collector(directory)
  await collector.start(directory)
  const nodes = new Nodes(where, directory, options.configOf(collector.socket))
  for (const name of nodes.names) nodes.start(name)
  const stations = await Stations.start(where.all, directory, collector.socket)
  const submitting = new Submitting({ ...options, stations, places: where.all })
  const chaos = new Chaos({
    nodes,
    stations,
    random,
    profile: options.profile,
    cuts: where.hosts !== undefined,
    quiet: quiet => submitting.quiet(quiet),
    say,
  })
  for (const name of nodes.names) await chaos.ready(name)
  say('all are ready')
  const submitMs = await throughChaos(chaos, submitting)
  say(`${submitting.accepted.length} tasks accepted in ${(submitMs / 1_000).toFixed(1)} s; all are mended`)
  const settleMs = await settled(nodes, stations)
  const sample = random.shuffle(submitting.accepted).slice(0, SAMPLE)
  let notShown = 0
  for (const task of sample) if (!(await submitting.lookAt(task))) notShown++
  const copies = (await Promise.all(nodes.names.map(name => stations.book(name)))).flat()
  await stations.stop()
  await nodes.end()
  const stale = await staleAct(collector)
  await collector.stop()
  const { answers, shown, refusals } = submitting
  // What was written on purpose is of no task.
  const marks = (collector.signs as readonly Mark[]).filter(({ pid }) => pid !== process.pid)
  const history = { answers, shown, marks, copies, faults: nodes.faults }
  return {
    history,
    steps: chaos.steps,
    refusals,
    submitMs,
    settleMs,
    sampled: sample.length,
    notShown,
    stale,
  }
}

async function staleAct({ signs, socket }: Collector): Promise<Played['stale']> {
  const older = olderThanAny(signs)
  if (older === undefined) return undefined
  return (await writtenAs(socket, older)) ? 'accepted' : 'refused'
}

/** Hands in everything while nodes are broken; all are mended again when it settles. How long the handing in took. */
async function throughChaos(chaos: Chaos, submitting: Submitting): Promise<number> {
  const since = monotonicMs()
  let going = true
  const breaking = chaos.run()
  const looking = submitting.look(() => going)
  try {
    // Who waits for a daemon that does not come back would wait for ever.
    await Promise.race([submitting.run(), breaking, looking])
  } finally {
    going = false
    chaos.stop()
  }
  const tookMs = monotonicMs() - since
  await Promise.all([breaking, looking])
  return tookMs
}

/** Waits until no node owns a task that has no end yet. How long it took; null: none has ended for long. */
async function settled(nodes: Nodes, stations: Stations): Promise<number | null> {
  const since = monotonicMs()
  let [before, progressAt] = [Number.POSITIVE_INFINITY, since]
  for (;;) {
    const left = await unsettled(nodes, stations)
    if (left === 0) return monotonicMs() - since
    if (left !== before) [before, progressAt] = [left, monotonicMs()]
    if (monotonicMs() - progressAt > STUCK_MS) return null
    await pause(ASKED_MS)
  }
}

async function unsettled(nodes: Nodes, stations: Stations): Promise<number> {
  const all = await Promise.all(nodes.names.map(name => stations.ask(name, 'GET', '/metrics')))
  return all.reduce((sum, { status, body }) => {
    if (status !== 200) return Number.POSITIVE_INFINITY
    return UNSETTLED.reduce((each, state) => each + metricOf(body, 'roundtable_tasks_owned', { state }), sum)
  }, 0)
}
