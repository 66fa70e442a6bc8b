/**
 * Killing what a task started, and nothing else.
 *
 * Every command leads its own process group, so one signal reaches it and all its children. A process id is only a
 * number that the system reuses, so the group is remembered with the start time of its leader: when another process
 * has that number now, nothing is sent. When nobody has it, the group is either empty or still ours: the kernel does
 * not give a number away while a group bears it.
 */
import { readFileSync } from 'node:fs'
import { assert } from '../../base/assert.ts'
import { hurry } from './yielding.ts'

export interface ProcessGroup {
  /** Of the leader, which is the number of the group too. */
  readonly pid: number
  /** Clock ticks from boot to the leader's start, from /proc; null where there is no /proc: then there is no guard. */
  readonly startTicks: string | null
}

/** Number of the first field that `statOf` gives, as proc(5) counts them. */
const STAT_FIRST = 3

/** The group led by a process that was just started. */
export const groupOf = (pid: number): ProcessGroup => ({ pid, startTicks: startTicksOf(pid) })

/** Field 22 of /proc/PID/stat; null when there is no such process or no /proc. */
export const startTicksOf = (pid: number): string | null => statOf(pid)[22 - STAT_FIRST] ?? null

/** Does it stand still (SIGSTOP)? False where there is no /proc. */
export const isStopped = (pid: number): boolean => statOf(pid)[0] === 'T'

/** Number of the group that a process is in, field 5; null when there is no such process or no /proc. */
export function groupNumberOf(pid: number): number | null {
  const group = statOf(pid)[5 - STAT_FIRST]
  return group === undefined ? null : Number(group)
}

/** The fields of /proc/PID/stat from the third on; none when there is no such process or no /proc. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets and may hold anything, brackets included.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/** Sends the signal to every process of the group. False when nobody was there to get it. */
export function signalGroup(group: ProcessGroup, signal: NodeJS.Signals): boolean {
  assert(Number.isSafeInteger(group.pid) && group.pid > 1, 'a process group has a number above 1', {
    ...group,
  })
  const now = startTicksOf(group.pid)
  if (now !== null && group.startTicks !== null && now !== group.startTicks) return false
  if (signal === 'SIGKILL') hurry(group.pid)
  try {
    process.kill(-group.pid, signal)
    return true
  } catch (error) {
    // ESRCH: the group is empty. EPERM: all of it runs as another user by now and is beyond our reach.
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ESRCH' || code === 'EPERM') return false
    throw error
  }
}
