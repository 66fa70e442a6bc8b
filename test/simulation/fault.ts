import type { ControlRequest } from '../../src/node/control.ts'
import type { Ask } from './work.ts'

/** Hosts have started by then, in ms. */
export const STARTS_MS = 3_000
/** These are in every seed list, so they always come back. */
export const SEED_HOSTS = 3

export type Pair = readonly [from: number, to: number]

/** Hosts are numbers; `ms` is how long a fault lasts. */
export type Fault = { readonly at: number } & (
  | {
      readonly kind: 'start'
      readonly host: number
      readonly address: 'same' | 'new' | 'reused'
      /** An empty disk; the key may be kept elsewhere. */
      readonly disk: 'kept' | 'lost' | 'lost-but-key'
    }
  /** Its power goes, and its disk is lost for good. Another machine comes for it only where the others cannot do without. */
  | { readonly kind: 'gone'; readonly host: number }
  | { readonly kind: 'crash' | 'power-off' | 'leave' | 'kill-runner'; readonly host: number }
  /** Only if what disks had that were lost before lies on others by now; it is down for so long (`second-losses.ts`). */
  | {
      readonly kind: 'lose-again'
      readonly host: number
      readonly disk: 'lost' | 'lost-but-key'
      readonly ms: number
    }
  | {
      /** `flood`: what comes for the daemon waits in its own queue, and its ticks come in time. */
      readonly kind: 'freeze' | 'freeze-tree' | 'freeze-runner' | 'suspend' | 'flood'
      readonly host: number
      readonly ms: number
    }
  | {
      readonly kind: 'slow-disk' | 'disk-fails' | 'disk-read-only'
      readonly host: number
      readonly ms: number
    }
  /** `rows`: so many are still taken of what was accepted. */
  | { readonly kind: 'disk-full'; readonly host: number; readonly ms: number; readonly rows: number }
  /** Where it is full still: so many rows more are taken. */
  | { readonly kind: 'disk-room'; readonly host: number; readonly rows: number }
  /** What an application asks of the node on a host. */
  | { readonly kind: 'ask'; readonly host: number; readonly ask: Ask }
  | { readonly kind: 'late'; readonly pair: Pair | 'all'; readonly share: number; readonly ms: number }
  | { readonly kind: 'loss'; readonly pair: Pair | 'all'; readonly share: number; readonly ms: number }
  | {
      readonly kind: 'delay'
      readonly pair: Pair | 'all'
      readonly latencyMs: number
      readonly jitterMs: number
      readonly ms: number
    }
  | {
      readonly kind: 'partition'
      readonly left: readonly number[]
      /** `one-way`: nothing gets from the left to the right. */
      readonly way: 'both' | 'one-way'
      readonly ms: number
    }
  | {
      /** `stall`: the connections there are go silent, new ones work; what was sent on them comes late, behind newer things. */
      readonly kind: 'cut' | 'cut-one-way' | 'stall'
      readonly pair: Pair
      readonly ms: number
    }
  /** All connections of one host go silent, as when a firewall forgets them; new ones work. */
  | { readonly kind: 'stall-all'; readonly host: number; readonly ms: number }
  /** A share of the frames goes by a second, slower connection: in order there, but behind what was sent later. */
  | {
      readonly kind: 'crossed'
      readonly pair: Pair | 'all'
      readonly share: number
      readonly lagMs: number
      readonly ms: number
    }
  /** Shares of gossip that come late, and again. */
  | { readonly kind: 'gossip-unrest'; readonly late: number; readonly again: number; readonly ms: number }
  | { readonly kind: 'wall-step'; readonly host: number; readonly byMs: number }
  | { readonly kind: 'submit'; readonly host: number; readonly task: number }
  | {
      readonly kind: 'schedule'
      readonly host: number
      readonly name: string
      readonly op: 'pause' | 'resume'
    }
  | { readonly kind: 'control'; readonly host: number; readonly request: ControlRequest }
)
