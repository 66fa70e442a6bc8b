/** Waits until a cordoned node has nothing in its hands any more, or the operator has waited long enough. */
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
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
  return { nodeId: node.nodeId, drained: done, running, unsafe, tasks: done ? [] : await runningHere(node) }
}

/**
 * Tasks that this node runs; it need not own them any more. Page by page, since one ends after so many tasks that were looked
 * at: of a node that has run more than these a first page names those that ended long ago, or none.
 */
async function runningHere(node: NodeFace): Promise<readonly string[]> {
  const named: string[] = []
  let after: string | undefined
  do {
    const page = node.tasks({
      state: 'running',
      scope: 'ran',
      limit: NAMED_MAX,
      ...(after !== undefined && { after }),
    })
    for (const { spec, attempts } of page.tasks) {
      const last = attempts.at(-1)
      if (last?.node === node.nodeId && last.endedAt === undefined) named.push(spec.id)
    }
    after = page.next
    await nextTurn()
  } while (after !== undefined && named.length < NAMED_MAX)
  return named.slice(0, NAMED_MAX)
}
