/** One node of a `Cluster`: its machine, its disk, and what runs on it. */
import assert from 'node:assert/strict'
import type { Failure } from '../../src/base/errors.ts'
import type { NodeId } from '../../src/base/ids.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { AttemptOrder } from '../../src/tasks/effects.ts'
import type { Outcome, TaskRecord } from '../../src/tasks/task.ts'
import type { Tasks } from '../../src/tasks/tasks.ts'

export interface Execution {
  readonly order: AttemptOrder
  /** End of the right to run it, as last told. */
  until: number
  readonly startedAt: number
  endedAt: number | undefined
  outcome: Outcome | undefined
}

export class Host {
  readonly id: NodeId
  readonly disk = new Map<string, TaskRecord>()
  /** Why the disk takes nothing new, where a test says so. */
  readonly storeSight: { failure: Failure | undefined } = { failure: undefined }
  readonly log: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = []
  readonly attempts = new Map<string, Execution>()
  /** Rises with each life; events of an earlier one do nothing. */
  life = 0
  alive = false
  lastCommitAt = 0
  lastViewAt = 0
  tasks: Tasks | undefined
  /** As last shown to it. */
  ring: Ring | undefined

  constructor(id: NodeId) {
    this.id = id
  }

  get machine(): Tasks {
    assert(this.tasks, `${this.id} runs`)
    return this.tasks
  }

  /** A record as a new process finds it. */
  stored(): TaskRecord[] {
    return [...this.disk.values()]
  }
}

export function metric(host: Host, name: string): number {
  const found = host.machine.metrics().find(candidate => candidate.name === name)
  assert(found, `there is a metric ${name}`)
  return found.samples.reduce((sum, sample) => sum + sample.value, 0)
}
