/** Which faults can make somebody take a living member for dead. */
import type { Fault } from './fault.ts'

/** So long after a fault, in ms, it may still be the cause: the longest caution (5 s), a hold, and a late redial. */
const ECHO_MS = 12_000

/** Does a fault that touches one of these hosts, or the whole network, explain what is believed wrongly now? */
export function hasCause(faults: readonly Fault[], hosts: readonly number[], now: number): boolean {
  return faults.some(fault => {
    const until = fault.at + ('ms' in fault ? fault.ms : 0) + ECHO_MS
    return fault.at <= now && now <= until && hosts.some(host => touches(fault, host))
  })
}

function touches(fault: Fault, host: number): boolean {
  switch (fault.kind) {
    case 'partition':
      return true
    case 'loss':
    case 'delay':
      return fault.pair === 'all' || fault.pair.includes(host)
    case 'cut':
    case 'cut-one-way':
    case 'stall':
      return fault.pair.includes(host)
    case 'start':
    case 'crash':
    case 'gone':
    case 'lose-again':
    case 'power-off':
    case 'leave':
    case 'freeze':
    case 'freeze-tree':
    case 'suspend':
    case 'flood':
    case 'stall-all':
    case 'disk-fails':
      return fault.host === host
    case 'late':
    case 'crossed':
    case 'gossip-unrest':
    case 'submit':
    case 'control':
    case 'wall-step':
    case 'slow-disk':
    case 'disk-full':
    case 'disk-room':
    case 'disk-read-only':
    case 'ask':
    case 'schedule':
    case 'kill-runner':
    case 'freeze-runner':
      return false
  }
}
