/**
 * Real daemons on loopback, more and more of them, until this machine gives out: how long until all agree, what one
 * takes at rest, and how soon all know of a kill -9. Prints what was seen and what it is held to; exit code 1 when a claim
 * does not hold.
 *
 *   node test/scale/processes.ts [--sizes=8,16,32,48,64,80] [--idle-s=20] [--out=FILE] [--json]
 *
 * That the cores or the memory give out is a result and no failure; the claims are about sizes below that.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { argv, stderr, stdout } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { NodeStatus } from '../../src/node/status.ts'
import { machine, type Reading, reading } from './load.ts'
import { RealCluster } from './real-cluster.ts'
import { type Column, table } from './table.ts'

/** Nothing is waited for longer than this, in ms. */
const PATIENCE_MS = 120_000
const KILL_PATIENCE_MS = 30_000
/** After agreement: what a start needed is compiled, settled and closed. */
const SETTLE_MS = 10_000
/** Daemons at rest that take this share of all cores leave nothing for work: the cores give out. */
const CORES_FULL = 0.8
/** And so does a machine of which so much is busy, most of it with them. */
const MACHINE_FULL = 0.97
const MEMORY_SPARE_MIB = 1_024
/** Held to, in ms, at sizes where the cores did not give out. */
const AGREE_MS = 5_000
const KILL_MS = 1_000

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    sizes: { type: 'string', default: '8,16,32,48,64,80' },
    'idle-s': { type: 'string', default: '20' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const idleMs = Number(values['idle-s']) * 1_000

interface Ran {
  readonly size: number
  readonly startMs: number
  /** From when the last one listens: same ring checksum, all members alive. */
  readonly agreeMs: number | undefined
  /** And ready, which in quorum mode needs a lease. */
  readonly readyMs: number | undefined
  readonly rest?: Rest
  readonly killMs: readonly (number | undefined)[]
  readonly falseDeaths: readonly string[]
  readonly givesOut: string | undefined
}

interface Rest {
  /** Of one core, in percent. */
  readonly cpu: readonly number[]
  readonly rssMiB: readonly number[]
  readonly loopP99Ms: readonly number[]
  readonly framesPerS: number
  readonly bytesPerS: number
  /** Of all cores, 0 to 1: these daemons, and everything on this machine. */
  readonly share: number
  readonly machineShare: number
  readonly freeMiB: number
}

const agrees =
  (size: number) =>
  (status: NodeStatus, first: NodeStatus): boolean =>
    status.members.alive === size &&
    status.ring.members === size &&
    status.ring.checksum === first.ring.checksum

async function run(size: number, signal: AbortSignal): Promise<Ran> {
  const begun = performance.now()
  const cluster = await RealCluster.start(size, signal)
  try {
    const startMs = performance.now() - begun
    stderr.write(`${size} daemons listen after ${(startMs / 1_000).toFixed(1)} s\n`)
    const listening = performance.now()
    const agreed = await cluster.until(agrees(size), PATIENCE_MS)
    const agreeMs = agreed && Math.max(...agreed)
    const good = agrees(size)
    const isReady = (status: NodeStatus, first: NodeStatus) => good(status, first) && status.ready.ready
    const toReady = performance.now() - listening
    const ready = agreed && (await cluster.until(isReady, PATIENCE_MS))
    const readyMs = ready && toReady + Math.max(...ready)
    stderr.write(`${size} agree after ${shown(agreeMs)}, all ready after ${shown(readyMs)}\n`)
    if (ready === undefined) {
      const givesOut = agreed === undefined ? 'they do not agree' : 'not all come to be ready'
      const falseDeaths = cluster.falseDeaths
      return {
        size,
        startMs,
        agreeMs,
        readyMs,
        killMs: [],
        falseDeaths,
        givesOut: `${givesOut} in 2 minutes`,
      }
    }
    await pause(SETTLE_MS, undefined, { signal })
    const rest = await atRest(cluster, signal)
    const killMs = await cluster.kill(KILL_PATIENCE_MS)
    const { falseDeaths } = cluster
    return { size, startMs, agreeMs, readyMs, rest, killMs, falseDeaths, givesOut: exhausted(rest) }
  } finally {
    await cluster.stop()
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

/** Where others keep the cores busy these daemons have not given out; the figures are only worse for it. */
function exhausted({ share, machineShare }: Rest): string | undefined {
  const said = `at rest they take ${percent(share)} of all cores, and ${percent(machineShare)} are busy`
  const full = share >= CORES_FULL || (machineShare >= MACHINE_FULL && share >= machineShare / 2)
  return full ? said : undefined
}

/** Why a larger cluster is not tried. */
function short(last: Ran, next: number): string | undefined {
  if (last.givesOut !== undefined || last.rest === undefined) return last.givesOut
  const needed = next * median(last.rest.rssMiB) + MEMORY_SPARE_MIB
  const free = last.rest.freeMiB + last.size * median(last.rest.rssMiB)
  return needed > free
    ? `${next} would need ${needed.toFixed(0)} MiB, ${free.toFixed(0)} are free`
    : undefined
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`
const shown = (ms: number | undefined): string => (ms === undefined ? 'not' : `${(ms / 1_000).toFixed(2)} s`)
const most = (of: readonly number[] | undefined, digits: number): string =>
  of === undefined ? '-' : `${median(of).toFixed(digits)} / ${Math.max(...of).toFixed(digits)}`
const known = ({ killMs }: Ran): number[] => killMs.filter(ms => ms !== undefined)

const COLUMNS: readonly Column<Ran>[] = [
  ['daemons', one => String(one.size)],
  ['start', one => shown(one.startMs)],
  ['agree', one => shown(one.agreeMs)],
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

function claimsOf(runs: readonly Ran[]) {
  const held = runs.filter(one => one.givesOut === undefined)
  const sizes = held.map(one => one.size).join(', ')
  const claim = (text: string, holds: (one: Ran) => boolean) => ({
    claim: `${text} (${sizes || 'no size to hold it to'})`,
    failing: held.filter(one => !holds(one)).map(one => one.size),
    holds: held.length > 0 && held.every(holds),
  })
  return [
    claim(
      `all agree ${AGREE_MS} ms after the last one listens`,
      one => (one.agreeMs ?? Infinity) <= AGREE_MS,
    ),
    claim(
      `all survivors know of a kill -9 in ${KILL_MS} ms`,
      one => one.killMs.length === one.size - 1 && one.killMs.every(ms => (ms ?? Infinity) <= KILL_MS),
    ),
    claim('nobody is buried who runs', one => one.falseDeaths.length === 0),
  ]
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => interrupted.abort(new Error(`ended by ${name}`)))

const runs: Ran[] = []
let end = 'the sizes asked for are through: the cores did not give out'
for (const size of values.sizes.split(',').map(Number)) {
  const last = runs.at(-1)
  const why = last && short(last, size)
  if (why !== undefined) {
    end = `given out at ${last?.size}: ${why}`
    break
  }
  runs.push(await run(size, interrupted.signal))
  const out = runs.at(-1)?.givesOut
  if (out !== undefined) end = `given out at ${size}: ${out}`
}
const claims = claimsOf(runs)
const document = JSON.stringify({ cores: availableParallelism(), runs, end, claims }, undefined, 2)
if (values.out !== undefined) await writeFile(values.out, `${document}\n`)
const lines = [
  `real daemons on ${availableParallelism()} cores, quorum mode, at rest for ${values['idle-s']} s\n`,
  table(COLUMNS, runs),
  `\n${end}\n`,
  ...claims.map(one => `${one.holds ? 'holds' : `FAILS at ${one.failing.join(', ')}`}  ${one.claim}`),
]
stdout.write(`${values.json ? document : lines.join('\n')}\n`)
if (claims.some(({ holds }) => !holds)) process.exitCode = 1
