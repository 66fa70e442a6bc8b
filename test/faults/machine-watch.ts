/**
 * Says when this machine stood still: a machine that is shared is taken away by what is beneath it, a core at a time, now
 * and then for longer than a lease. One line each, `pause AT MS`; a line on standard input is answered by itself, behind
 * all that was to be said before it.
 *
 * Two signs. What the kernel counts as stolen, by core. And a short sleep that took long; only where this process may go
 * before all others and is in no group with a quota of CPU time, since what holds it up then is no work of this machine.
 */
import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline'
import { monotonicMs } from './started.ts'

const EVERY_MS = 20

/** A core that is taken away for so long within so much time, in ms, has paused. */
const PAUSE_MS = 150
const WINDOW_MS = 500

/** The kernel counts in these, ms. */
const JIFFY_MS = 10

const STOLEN = 8

const goesFirst = raisePriority() && !hasQuota()
const windows = new Map<string, { readonly at: number; readonly ms: number }[]>()
let before = stolen()
let last = monotonicMs()

createInterface({ input: stdin })
  .on('line', line => {
    look()
    stdout.write(`${line}\n`)
  })
  .on('close', () => process.exit())
setInterval(look, EVERY_MS)

function look(): void {
  const now = monotonicMs()
  const after = stolen()
  for (const [core, ms] of after) count(core, ms - (before.get(core) ?? ms), now)
  if (goesFirst) count('sleep', now - last - EVERY_MS, now)
  before = after
  last = now
}

function count(lane: string, ms: number, now: number): void {
  if (ms < JIFFY_MS) return
  const recent = (windows.get(lane) ?? []).filter(({ at }) => at > now - WINDOW_MS)
  recent.push({ at: now, ms })
  const sum = recent.reduce((total, each) => total + each.ms, 0)
  windows.set(lane, sum < PAUSE_MS ? recent : [])
  if (sum >= PAUSE_MS) stdout.write(`pause ${now.toFixed(3)} ${sum.toFixed(0)}\n`)
}

/** Ms since the start of the machine, by core; nothing where there is no such count. */
function stolen(): ReadonlyMap<string, number> {
  try {
    const lines = readFileSync('/proc/stat', 'utf8').matchAll(/^(cpu\d+) (.*)$/gm)
    return new Map(
      Array.from(lines, ([, core = '', counts = '']) => [
        core,
        Number(counts.split(' ')[STOLEN - 1] ?? 0) * JIFFY_MS,
      ]),
    )
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return new Map()
    throw error
  }
}

/** Of cgroup 2, of this process's own group as a container sees it. */
function hasQuota(): boolean {
  try {
    return !readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').startsWith('max')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') return false
    throw error
  }
}

function raisePriority(): boolean {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST)
    return true
  } catch (error) {
    const { info } = error as { info?: { code?: string } }
    if (info?.code === 'EACCES' || info?.code === 'EPERM') return false
    throw error
  }
}
