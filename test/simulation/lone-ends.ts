/**
 * Ends that were told while a ring had one member: they lie on its disk alone until another joins, and that disk may be lost
 * before. Nobody is to blame then for running such a task again.
 */
import { isSettled } from '../../src/tasks/merge.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import type { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

export class LoneEnds {
  readonly #cluster: Cluster
  /** The disks that had the end when it was told, and how often each had been lost by then. */
  readonly #disks = new Map<string, readonly { readonly host: Host; readonly wipes: number }[]>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** An end is told for the first time. */
  told(task: string): void {
    const { hosts } = this.#cluster.world
    const isLone = hosts.some(host => this.#cluster.nodeOf(host)?.ring.members.length === 1)
    const having = hosts.filter(host => this.#hasEnd(host, task))
    if (isLone)
      this.#disks.set(
        task,
        having.map(host => ({ host, wipes: host.disk.wipes })),
      )
    else this.#disks.delete(task)
  }

  /** Are all disks that had it lost since, and no other has it? */
  isLost(task: string): boolean {
    const disks = this.#disks.get(task)
    if (disks === undefined || disks.some(({ host, wipes }) => host.disk.wipes === wipes)) return false
    return !this.#cluster.world.hosts.some(host => this.#hasEnd(host, task))
  }

  #hasEnd({ disk }: Host, task: string): boolean {
    const record = disk.rows('tasks').get(task) as TaskRecord | undefined
    return record !== undefined && isSettled(record)
  }
}
