import { asNodeId } from '../../../src/base/ids.ts'
import type { NodePlan } from '../../../src/cli/cluster/daemon-process.ts'
import type { Sample } from '../../../src/cli/cluster/watch.ts'
import type { NodeStatus } from '../../../src/node/status.ts'
import type { TaskState } from '../../../src/tasks/task.ts'

type Counts = Partial<Record<TaskState, number>>

const NONE = { scheduled: 0, ready: 0, running: 0, succeeded: 0, retrying: 0, dead: 0, cancelled: 0 }

const AVAILABLE: NodeStatus['grants'] = {
  enabled: false,
  session: 1,
  voters: undefined,
  voter: false,
  granting: false,
  grantedBy: [],
  term: 0,
  top: 0,
  exceptions: 0,
  topUnheard: [],
  keeps: [],
}

/** A node in quorum mode, with the right to act for so many ms or without. */
export const quorumGrants = (leaseForMs?: number): NodeStatus['grants'] => ({
  ...AVAILABLE,
  enabled: true,
  ...(leaseForMs === undefined ? {} : { leaseForMs }),
})

interface Twist {
  readonly takingOver?: boolean
  readonly rings?: readonly string[]
  readonly alive?: number
  readonly grants?: NodeStatus['grants']
}

/** A sample of healthy nodes that own so many tasks each; `undefined` is one that does not answer. */
export function sampleOf(
  owned: readonly (Counts | undefined)[],
  elapsedMs: number,
  twist: Twist = {},
): Sample {
  return {
    elapsedMs,
    nodes: owned.map((counts, index) => ({
      plan: planOf(`node-${index + 1}`),
      status: counts === undefined ? undefined : statusOf(counts, owned.length, index, twist),
      share: counts === undefined ? undefined : 1 / owned.length,
    })),
  }
}

export function planOf(name: string): NodePlan {
  return { name, dataDir: '', logFile: '', configFile: '', gossip: '127.0.0.1:1', http: '127.0.0.1:2' }
}

function statusOf(counts: Counts, nodes: number, index: number, twist: Twist): NodeStatus {
  const succeeded = counts.succeeded ?? 0
  return {
    nodeId: asNodeId(`node-${index + 1}`),
    peerId: 'p',
    cluster: 'c',
    version: '0',
    incarnation: 1,
    boot: 1,
    uptimeMs: 1,
    mode: twist.grants?.enabled ? 'quorum' : 'available',
    grants: twist.grants ?? AVAILABLE,
    cordoned: false,
    addresses: [],
    phase: 'ready',
    ready: { ready: true, reasons: [] },
    members: { alive: twist.alive ?? nodes, suspect: 0, dead: 0, left: 0 },
    ring: { checksum: twist.rings?.[index] ?? 'same', members: nodes, agreement: 1 },
    tasks: {
      owned: { ...NONE, ...counts },
      held: 0,
      started: succeeded,
      succeeded,
      failedAttempts: 0,
      retried: 0,
      forwarded: 0,
      takingOver: twist.takingOver ?? false,
      queue: { types: [], groups: [], keys: 0 },
    },
  }
}
