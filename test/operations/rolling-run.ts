/** One rolling restart of all eight under load, and everything that can be seen of it from outside. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readLedger } from '../e2e/act-ledger.ts'
import { Cluster, ringOf, until } from './cluster.ts'
import { Load } from './load.ts'
import { type ActingSpan, bothActed, OwnerPolls } from './owner-polls.ts'
import { judged, passages, type Rolled, ringsSeen, type TaskSign } from './rolling-judges.ts'

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
  const [rings, falseDeaths] = [
    ringsSeen(cluster.names, cluster.lines, keys, since),
    cluster.falseDeaths(since, []).length,
  ]
  return {
    tookMs,
    rings,
    falseDeaths,
    ...passages(cluster.names, spans),
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

/** How long both said yes. */
const sharedMs = ([one, other]: readonly [ActingSpan, ActingSpan]): number =>
  Math.min(one.to, other.to) - Math.max(one.from, other.from)
