/**
 * How much of its CPU time and memory this container or machine uses: what heartbeats tell of a node, for placement.
 *
 * CPU: where the control group has a quota, the time that the group used of it; else the time that the machine's cores were
 * not idle. Memory: what Node.js calls available of what it calls constrained, so the group's limit where there is one.
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Enqueue } from '../../runtime/ports.ts'

/** How often, in ms. */
const LOOK_MS = 1_000
/** The control group (version 2) as its own processes see it. */
const GROUP = '/sys/fs/cgroup'

/** Used time up to now, and what could have been used, in any one unit. */
export interface CpuTimes {
  readonly used: number
  readonly total: number
}

export interface VitalsSource {
  cpuTimes(): Promise<CpuTimes>
  /** Share of the memory in use, 0 to 1. */
  memory(): number
}

/** Cores that the group may use, of the content of `cpu.max`; undefined when it has no quota. */
export function quotaOf(cpuMax: string | undefined): number | undefined {
  const [quota = '', period = ''] = (cpuMax ?? '').trim().split(' ')
  const cores = Number(quota) / Number(period)
  return quota !== '' && Number.isFinite(cores) && cores > 0 ? cores : undefined
}

/** Microseconds that the group used, of the content of `cpu.stat`. */
export function usageOf(cpuStat: string | undefined): number | undefined {
  const found = /^usage_usec (\d+)$/m.exec(cpuStat ?? '')?.[1]
  return found === undefined ? undefined : Number(found)
}

/** What was used between two looks; undefined where no time went by. */
export function shareOf(before: CpuTimes, now: CpuTimes): number | undefined {
  const total = now.total - before.total
  return total > 0 ? within((now.used - before.used) / total) : undefined
}

const within = (share: number): number => Math.min(1, Math.max(0, Math.round(share * 1_000) / 1_000))

/** Of this process's own container, or of the machine. */
export function localVitals(): VitalsSource {
  return {
    async cpuTimes() {
      const [max, stat] = await Promise.all([textOf(`${GROUP}/cpu.max`), textOf(`${GROUP}/cpu.stat`)])
      const cores = quotaOf(max)
      const used = usageOf(stat)
      if (cores === undefined || used === undefined) return machineTimes()
      // A quota above what there is to use would make a full machine look idle.
      return { used, total: performance.now() * 1_000 * Math.min(cores, availableParallelism()) }
    },
    memory() {
      const limit = process.constrainedMemory()
      const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
      return within(1 - process.availableMemory() / total)
    },
  }
}

function machineTimes(): CpuTimes {
  let used = 0
  let total = 0
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.irq + times.idle
    total += all
    used += all - times.idle
  }
  return { used, total }
}

/** Of a small file of the kernel; undefined where there is none, which is no error: not every system has groups. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Tells the core of them about once a second, from the second look on.
 *
 * @returns ends it; idempotent. A look that waits, as for threads that wait for a disk that hangs, is left behind
 */
export function watchVitals(
  enqueue: Enqueue,
  source: VitalsSource = localVitals(),
  lookMs: number = LOOK_MS,
): () => void {
  let before: CpuTimes | undefined
  let looking = false
  let stopped = false
  const look = async (): Promise<void> => {
    const times = await source.cpuTimes()
    const cpu = before && shareOf(before, times)
    before = times
    if (cpu !== undefined && !stopped) enqueue({ kind: 'vitals', vitals: { cpu, memory: source.memory() } })
  }
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }, lookMs).unref()
  return () => {
    stopped = true
    clearInterval(timer)
  }
}
