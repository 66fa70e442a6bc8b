/** How busy this machine and this process are, looked at every two seconds. */
import { cpus, totalmem } from 'node:os'
import type { Vitals } from '../../tasks/survey.ts'

const LOOK_MS = 2_000

interface Look {
  /** Of all cores together, in ms since the machine started. */
  readonly busyMs: number
  readonly idleMs: number
  /** Of this process, in ms. */
  readonly ownMs: number
  readonly at: number
}

function look(): Look {
  let busyMs = 0
  let idleMs = 0
  for (const { times } of cpus()) {
    idleMs += times.idle
    busyMs += times.user + times.nice + times.sys + times.irq
  }
  const { user, system } = process.cpuUsage()
  return { busyMs, idleMs, ownMs: (user + system) / 1_000, at: performance.now() }
}

/** What happened between two looks. Shares are 0 to 1; in a container with a memory limit that limit is all there is. */
export function vitalsBetween(before: Look, now: Look): Vitals {
  const busy = now.busyMs - before.busyMs
  const all = busy + now.idleMs - before.idleMs
  const limit = process.constrainedMemory()
  const total = limit > 0 && limit < totalmem() ? limit : totalmem()
  return {
    cpu: all > 0 ? share(busy / all) : 0,
    cpuOwn: Math.max(0, (now.ownMs - before.ownMs) / Math.max(1, now.at - before.at)),
    memory: share(1 - process.availableMemory() / total),
    rssBytes: process.memoryUsage.rss(),
  }
}

const share = (value: number): number => Math.min(1, Math.max(0, value))

/** @returns what ends it */
export function watchVitals(tell: (vitals: Vitals) => void): () => void {
  let before = look()
  const timer = setInterval(() => {
    const now = look()
    tell(vitalsBetween(before, now))
    before = now
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
