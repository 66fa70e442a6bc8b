/** Tasks, node names and rings for tests. */
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'

const rings = new Map<string, Ring>()

export function ringOf(ids: readonly string[]): Ring {
  const name = ids.join()
  const members = () => ids.map(id => ({ id: asNodeId(id), weight: 1 }))
  const ring = rings.get(name) ?? buildRing(members(), ringDefaults())
  rings.set(name, ring)
  return ring
}

export const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i + 1}`)

export function spec(id: string, changes: Partial<TaskSpec> = {}): TaskSpec {
  return {
    id: asTaskId(id),
    key: id,
    type: 'echo',
    payload: null,
    priority: 1,
    maxAttempts: 4,
    backoffMs: 500,
    backoffMsMax: 60_000,
    timeoutMs: 60_000,
    ...changes,
  }
}

export const specs = (count: number, prefix = 'task'): TaskSpec[] =>
  Array.from({ length: count }, (_, i) => spec(`${prefix}-${i}`))
