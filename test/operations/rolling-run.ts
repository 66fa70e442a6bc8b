/** One rolling restart of all eight under load, and everything that can be seen of it from outside. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { overlaps, readLedger, type Sign, staleAccepted } from '../e2e/act-ledger.ts'
import { Cluster, ringOf, until } from './cluster.ts'
import { Load, type Settled } from './load.ts'
import { type ActingSpan, bothActed, OwnerPolls } from './owner-polls.ts'

const REGISTER = fileURLToPath(new URL('../testbed/register.mjs', import.meta.url))
const ACTOR = fileURLToPath(new URL('actor.pl', import.meta.url))

/** Keys of each other node that are watched although they do not move. */
const STAYING_PER_NODE = 2
/** A key may pass to one of so many nodes while its owner and perhaps another one are away. */
const HEIRS = 3
const LOAD = { shortMs: 30, longMs: 1_500, longShare: 0.1, seed: 1 }

export interface RollOptions {
  readonly joinDelayMs: number
  readonly keyCount: number
  /** Tasks. */
  readonly perSecond: number
}

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

export interface Rolled {
  readonly tookMs: number
  readonly rings: { readonly ideal: number; readonly movedMost: number; readonly changesMost: number }
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
type TaskSign = Sign & { readonly task: string }

export async function roll({ joinDelayMs, keyCount, perSecond }: RollOptions): Promise<Rolled> {
  const directory = await mkdtemp(join(tmpdir(), 'roundtable-rolling-'))
  const [socket, out] = [join(directory, 'socket'), join(directory, 'ledger')]
  const register = spawn(process.execPath, [REGISTER, 'serve', `--socket=${socket}`, `--out=${out}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let cluster: Cluster | undefined
  try {
    await once(createInterface({ input: register.stdout }), 'line')
    const act = { path: 'perl', args: [ACTOR, socket], taskArgs: true }
    const config = { joinDelayMs, tasks: { concurrency: 4 }, executors: { exec: { commands: { act } } } }
    cluster = await Cluster.start({ config })
    const keys = Array.from({ length: keyCount }, (_, i) => `rolling/${i}`)
    const load = new Load({ cluster, keys, perSecond, ...LOAD })
    const seen = await restartAll(cluster, keys, load)
    const settled = await load.settled()
    await ended(register)
    const ledger = readLedger(out) as readonly TaskSign[]
    return { ...seen, ...judged(ledger, settled), acceptMs: load.acceptMs, refusals: load.refusals }
  } finally {
    await cluster?.stop()
    register.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function restartAll(cluster: Cluster, keys: readonly string[], load: Load) {
  const polls = new OwnerPolls()
  const returning: Promise<void>[] = []
  load.start()
  await until('work is done', () => (load.accepted.size > keys.length / 10 ? true : undefined))
  const since = Date.now()
  for (const victim of cluster.names) {
    console.error(`restarting ${victim}`)
    const step = watch(cluster, polls, victim, keys)
    await step.acting(since)
    const stoppedAt = Date.now()
    cluster.signal(victim, 'SIGTERM')
    const { code, signal } = await cluster.process(victim).exited
    if (code !== 0) throw new Error(`${victim} ended with ${signal ?? code}`)
    const startedAt = Date.now()
    cluster.launch(victim)
    await cluster.ready(victim)
    console.error(
      `  away for ${startedAt - stoppedAt} ms, ready ${Date.now() - startedAt} ms after its start`,
    )
    returning.push(step.acting(startedAt).then(step.end))
  }
  await Promise.all(returning)
  const tookMs = Date.now() - since
  await load.stop()
  await polls.stop()
  const { spans, errorsMs } = polls
  const [rings, falseDeaths] = [ringsSeen(cluster, keys, since), cluster.falseDeaths(since, []).length]
  return {
    tookMs,
    rings,
    falseDeaths,
    ...passages(cluster, spans),
    bothActingMs: bothActed(spans).map(sharedMs),
    errorsMs,
  }
}

/** Follows the keys of a node at all that may act for them, and a few keys that stay where they are. */
function watch(cluster: Cluster, polls: OwnerPolls, victim: string, keys: readonly string[]) {
  const ring = ringOf(cluster.names)
  const own = keys.filter(key => ring.owner(key) === victim)
  const asked = new Map<string, string[]>(cluster.names.map(name => [name, []]))
  for (const key of own) for (const node of ring.preferenceList(key, 1 + HEIRS)) asked.get(node)?.push(key)
  for (const other of cluster.others(victim))
    asked.get(other)?.push(...keys.filter(key => ring.owner(key) === other).slice(0, STAYING_PER_NODE))
  let wanted = true
  for (const [node, theirs] of asked)
    polls.follow({ node, url: cluster.url(node), keys: theirs }, () => wanted)
  return {
    acting: async (since: number): Promise<void> => {
      const acts = () => own.every(key => polls.acting(victim, key, since) !== undefined)
      await until(`${victim} acts for its ${own.length} keys`, () => (acts() ? true : undefined))
    },
    end: () => {
      wanted = false
    },
  }
}

/** By the rings that each node went through: how many keys changed owner, compared with what cannot be less. */
function ringsSeen(cluster: Cluster, keys: readonly string[], since: number): Rolled['rings'] {
  const full = ringOf(cluster.names)
  const away = cluster.names.map(name => ringOf(cluster.others(name)))
  const differing = (a: typeof full, b: typeof full) =>
    keys.filter(key => a.owner(key) !== b.owner(key)).length
  const ideal = 2 * away.reduce((sum, ring) => sum + differing(full, ring), 0)
  const seen = cluster.names.map(name => {
    let [before, moved, changes] = [full, 0, 0]
    for (const { members } of ringsOfLives(cluster, name, since)) {
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
function ringsOfLives(cluster: Cluster, node: string, since: number) {
  const lines = cluster.lines.filter(line => line.node === node && line.at >= since)
  let joined = true
  return lines.flatMap(({ event, fields }) => {
    if (event === 'listening') joined = false
    if (event === 'ready') joined = true
    if (event !== 'ring-changed' || !joined) return []
    return [{ members: (fields['members'] as readonly unknown[]).map(String) }]
  })
}

/** How long both said yes. */
const sharedMs = ([one, other]: readonly [ActingSpan, ActingSpan]): number =>
  Math.min(one.to, other.to) - Math.max(one.from, other.from)

/** Who acted for each key after whom. */
function passages(cluster: Cluster, spans: readonly ActingSpan[]): Pick<Rolled, 'moves' | 'lapsesMs'> {
  const home = ringOf(cluster.names)
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

function judged(ledger: readonly TaskSign[], settled: readonly Settled[]) {
  const actors = Map.groupBy(ledger, sign => sign.task)
  const runs = (id: string) => new Set(actors.get(id)?.map(sign => sign.actor)).size
  const repeated = settled.filter(({ id }) => runs(id) > 1)
  const explained = ({ id, attempts }: Settled) =>
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
