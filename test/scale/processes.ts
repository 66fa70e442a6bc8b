/**
 * Real daemons on loopback, more and more of them, until this machine gives out: how long until all agree, what one
 * takes at rest, and how soon all know of a kill -9. Prints what was seen and what it is held to; exit code 1 when a claim
 * does not hold.
 *
 *   node test/scale/processes.ts [--sizes=8,16,32,48,64,80,112,160] [--idle-s=20] [--out=FILE] [--json]
 *
 * That the cores or the memory give out, as measured, is a result and no failure, and without --sizes it has to come to that;
 * the claims (`process-claims.ts`) are about sizes below that.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { argv, stderr, stdout } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { NodeStatus } from '../../src/node/status.ts'
import { cpuSecondsOf, type Machine, machine, type Reading, reading } from './load.ts'
import {
  type Busy,
  claimsOf,
  givenOut,
  givesOut,
  median,
  type Ran,
  type Rest,
  short,
} from './process-claims.ts'
import { RealCluster } from './real-cluster.ts'
import { type Column, table } from './table.ts'

/** Nothing is waited for longer than this, in ms. */
const PATIENCE_MS = 120_000
const KILL_PATIENCE_MS = 30_000
/** After agreement: what a start needed is compiled, settled and closed. */
const SETTLE_MS = 10_000
/** One kill of eight is seen by seven: a second one makes samples enough. */
const KILLS = 2

/** Up to where two cores, or their memory, are not enough. */
const SIZES = '8,16,32,48,64,80,112,160'

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    sizes: { type: 'string' },
    'idle-s': { type: 'string', default: '20' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const idleMs = Number(values['idle-s']) * 1_000

const agrees =
  (size: number) =>
  (status: NodeStatus, first: NodeStatus): boolean =>
    status.members.alive === size &&
    status.ring.members === size &&
    status.ring.checksum === first.ring.checksum

async function run(size: number, signal: AbortSignal): Promise<Ran> {
  const [begun, before] = [performance.now(), await machine()]
  const cluster = await RealCluster.start(size, signal)
  try {
    const startMs = performance.now() - begun
    stderr.write(`${size} daemons listen after ${(startMs / 1_000).toFixed(1)} s\n`)
    const listening = performance.now()
    const agreeMs = await cluster.until(agrees(size), PATIENCE_MS)
    const good = agrees(size)
    const isReady = (status: NodeStatus, first: NodeStatus) => good(status, first) && status.ready.ready
    const toReady = performance.now() - listening
    const ready = agreeMs && (await cluster.until(isReady, PATIENCE_MS))
    const readyMs = ready && toReady + Math.max(...ready)
    stderr.write(`${size} agree after ${shown(mostOf(agreeMs))}, all ready after ${shown(readyMs)}\n`)
    const starting = await busySince(cluster, before, begun)
    const seen = { size, startMs, agreeMs, readyMs, starting }
    if (ready === undefined) return { ...seen, killMs: [], falseDeaths: cluster.falseDeaths }
    await pause(SETTLE_MS, undefined, { signal })
    const rest = await atRest(cluster, signal)
    const killMs: (number | undefined)[] = []
    for (let kill = 0; kill < KILLS; kill++) killMs.push(...(await cluster.kill(KILL_PATIENCE_MS)))
    await pause(SETTLE_MS, undefined, { signal })
    return { ...seen, rest, killMs, falseDeaths: cluster.falseDeaths }
  } finally {
    await cluster.stop()
  }
}

/** From before the first was started. */
async function busySince(cluster: RealCluster, before: Machine, begun: number): Promise<Busy> {
  const [now, seconds] = [await machine(), (performance.now() - begun) / 1_000]
  const spent = await Promise.all(cluster.running.map(cpuSecondsOf))
  return {
    share: spent.reduce((sum, each) => sum + each, 0) / seconds / availableParallelism(),
    machineShare: (now.busySeconds - before.busySeconds) / (now.totalSeconds - before.totalSeconds),
  }
}

async function atRest(cluster: RealCluster, signal: AbortSignal): Promise<Rest> {
  const before = await readings(cluster)
  const [began, at] = [await machine(), performance.now()]
  await pause(idleMs, undefined, { signal })
  const [ended, seconds] = [await machine(), (performance.now() - at) / 1_000]
  const after = await readings(cluster)
  const mean = (of: (one: Reading) => number): number =>
    after.reduce((sum, one, i) => sum + of(one) - of(before[i] ?? one), 0) / after.length / seconds
  const cores = availableParallelism()
  return {
    cpu: after.map((one, i) => (100 * (one.cpuSeconds - (before[i] ?? one).cpuSeconds)) / seconds),
    rssMiB: after.map(one => one.rssMiB),
    loopP99Ms: after.map(one => one.loopP99Ms),
    framesPerS: mean(one => one.frames),
    bytesPerS: mean(one => one.bytes),
    share: (mean(one => one.cpuSeconds) * after.length) / cores,
    machineShare: (ended.busySeconds - began.busySeconds) / (ended.totalSeconds - began.totalSeconds),
    freeMiB: ended.freeMiB,
  }
}

async function readings(cluster: RealCluster): Promise<readonly Reading[]> {
  const all: Reading[] = []
  for (const daemon of cluster.running) all.push(await reading(daemon))
  return all
}

const shown = (ms: number | undefined): string => (ms === undefined ? 'not' : `${(ms / 1_000).toFixed(2)} s`)
const mostOf = (of: readonly number[] | undefined): number | undefined => of && Math.max(...of)
const most = (of: readonly number[] | undefined, digits: number): string =>
  of === undefined ? '-' : `${median(of).toFixed(digits)} / ${Math.max(...of).toFixed(digits)}`
const known = ({ killMs }: Ran): number[] => killMs.filter(ms => ms !== undefined)

const COLUMNS: readonly Column<Ran>[] = [
  ['daemons', one => String(one.size)],
  ['start', one => shown(one.startMs)],
  ['agree', one => shown(mostOf(one.agreeMs))],
  ['all ready', one => shown(one.readyMs)],
  ['CPU % each, median / max', one => most(one.rest?.cpu, 2)],
  ['RSS MiB', one => most(one.rest?.rssMiB, 0)],
  ['loop p99 ms', one => most(one.rest?.loopP99Ms, 1)],
  ['frames/s', one => one.rest?.framesPerS.toFixed(0) ?? '-'],
  ['kB/s', one => (one.rest === undefined ? '-' : (one.rest.bytesPerS / 1_000).toFixed(1))],
  ['cores %', one => (one.rest === undefined ? '-' : (100 * one.rest.share).toFixed(0))],
  ['machine %', one => (one.rest === undefined ? '-' : (100 * one.rest.machineShare).toFixed(0))],
  ['kill known ms, median / last', one => (one.killMs.length === 0 ? '-' : most(known(one), 0))],
  ['false deaths', one => String(one.falseDeaths.length)],
]

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => interrupted.abort(new Error(`ended by ${name}`)))

const runs: Ran[] = []
const sizes = (values.sizes ?? SIZES).split(',').map(Number)
let end = 'the sizes asked for are through: the cores did not give out'
for (const size of sizes) {
  const last = runs.at(-1)
  const why = last && short(last, size)
  if (why !== undefined) {
    end = `given out at ${last?.size}: ${why}`
    break
  }
  const ran = await run(size, interrupted.signal)
  runs.push(ran)
  const out = givesOut(ran)
  if (out !== undefined) end = `given out at ${size}: ${out}`
  else if (ran.rest === undefined) {
    end = `${size} failed: not all agree and are ready in ${PATIENCE_MS / 1_000} s, and the cores are not full`
    break
  }
}
const claims = [...claimsOf(runs, sizes), ...(values.sizes === undefined ? [givenOut(runs, sizes)] : [])]
const what = `real daemons on ${availableParallelism()} cores, quorum mode, loopback`
const options = { ...values, sizes: sizes.join() }
const document = JSON.stringify(
  { what, options, cores: availableParallelism(), runs, end, claims },
  undefined,
  2,
)
if (values.out !== undefined) await writeFile(values.out, `${document}\n`)
const lines = [
  `real daemons on ${availableParallelism()} cores, quorum mode, at rest for ${values['idle-s']} s\n`,
  table(COLUMNS, runs),
  `\n${end}\n`,
  ...claims.map(
    one => `${one.holds ? 'holds' : `FAILS at ${one.failing.join(', ')}`}  ${one.claim}: ${one.seen}`,
  ),
]
// The table is for people, the document for programs: who asks for the one gets the other beside it.
if (values.json) stderr.write(`${lines.join('\n')}\n`)
stdout.write(`${values.json ? document : lines.join('\n')}\n`)
if (claims.some(({ holds }) => !holds)) process.exitCode = 1
