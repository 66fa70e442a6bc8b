import { getPriority, setPriority } from 'node:os'

/**
 * Niceness of commands: heartbeats go before work. On a machine whose cores are all busy with tasks a daemon that has to
 * queue for the processor finds the dead later, and is itself suspected.
 */
const COMMAND_NICENESS = 10

/**
 * Gives the processor to the daemon before this process, and before what it forks from now on. One that yields as much already
 * stays as it is: only with a right of its own could anybody make it less nice. One that has ended has nothing to yield.
 * @returns why the system does not allow it: no reason to do without the work
 */
export function yieldToDaemon(pid: number | undefined): string | undefined {
  if (pid === undefined) return undefined
  try {
    if (getPriority(pid) < COMMAND_NICENESS) setPriority(pid, COMMAND_NICENESS)
    return undefined
  } catch (error) {
    const { message, info } = error as Error & { readonly info?: { readonly code?: string } }
    return info?.code === 'ESRCH' ? undefined : message
  }
}

/**
 * What is killed dies in its own time of the processor. Where all cores are busy, one that has yielded would be dead late, and so it
 * has its turn before that, if the system allows it: mostly only root's processes may become less nice.
 */
export function hurry(pid: number): void {
  try {
    const own = getPriority()
    if (getPriority(pid) > own) setPriority(pid, own)
  } catch {
    // Gone, or not allowed here. Whatever it is, the kill that follows must come: it dies when its turn does.
  }
}
