/** Waits until a cordoned node has nothing in its hands any more, or the operator has waited long enough. */
import { setTimeout as pause } from 'node:timers/promises'
import type { NodeFace } from '../../runtime/ports.ts'
import type { Face } from './face.ts'

/** How often the node is looked at meanwhile, in ms: a local read of three numbers. */
const LOOK_MS = 50
/** A drain without a deadline of its own gets this one, in ms. */
export const DRAIN_MS_DEFAULT = 60_000
/** Running tasks that are named at most. */
const NAMED_MAX = 100

export interface Drained {
  readonly nodeId: string
  readonly drained: boolean
  readonly running: number
  readonly unsafe: number
  /** Ids of tasks that still run here. */
  readonly tasks: readonly string[]
}

/** @param gone aborted when whoever asked has gone: the node stays cordoned */
export async function drained(face: Face, deadlineMs: number, gone: AbortSignal): Promise<Drained> {
  const { node, counters } = face
  const end = performance.now() + deadlineMs
  counters.waiting++
  try {
    while (!node.work().drained && performance.now() < end && !gone.aborted) {
      await pause(Math.min(LOOK_MS, Math.max(1, end - performance.now())), undefined, { ref: false })
    }
  } finally {
    counters.waiting--
  }
  const { running, unsafe, drained: done } = node.work()
  return { nodeId: node.nodeId, drained: done, running, unsafe, tasks: runningHere(node) }
}

/** Tasks that this node runs; it need not own them any more. */
function runningHere(node: NodeFace): readonly string[] {
  const { tasks } = node.tasks({ state: 'running', scope: 'ran', limit: NAMED_MAX })
  const mine = tasks.filter(({ attempts }) => {
    const last = attempts.at(-1)
    return last?.node === node.nodeId && last.endedAt === undefined
  })
  return mine.map(({ spec }) => spec.id)
}
