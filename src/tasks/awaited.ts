/** Whose answers does a round wait for, and what is it that it goes on without? */
import type { NodeId } from '../base/ids.ts'
import type { Ring } from '../ring/ring.ts'
import type { TasksConfig } from './config.ts'
import type { GivenAnswers } from './given-answers.ts'
import type { Loss } from './given-up.ts'
import type { Epochs, NotedRing, RingsBefore } from './right.ts'
import { type Asked, membersOf, type Round } from './rounds.ts'
import type { View } from './view.ts'

export class Awaited {
  readonly #view: View
  readonly #epochs: Epochs
  readonly #config: TasksConfig

  constructor(view: View, epochs: Epochs, config: TasksConfig) {
    this.#view = view
    this.#epochs = epochs
    this.#config = config
  }

  /** So many holders of so many may be missing. */
  spare(holders: number): number {
    return Math.max(0, Math.min(this.#config.durability, holders) - 1)
  }

  /** Of these nodes: whose answers are missing, for this key or whatever the key? */
  missing(noted: NotedRing, nodes: readonly NodeId[], answers: GivenAnswers, key?: string): NodeId[] {
    return nodes.filter(node => {
      if (this.#epochs.forgotten(node)) return false
      const disk = answers.diskOf(node, key)
      return disk === undefined || !(noted.counts(node, disk) || this.#epochs.isOnlyDisk(node, disk))
    })
  }

  /**
   * Where no quorum of voters knows of every ring all members that are known stand for one ring whose holders they are. As many of them
   * may be missing as copies bear; but a ring with fewer members than copies bore less, so one that is known of is asked about, too.
   */
  asked({ rings, lost }: RingsBefore, ring: Ring): readonly Asked[] {
    if (!lost) return rings
    const counts = (node: NodeId, disk: string) => this.#epochs.isDiskOf(node, disk)
    const small = rings.filter(each => each.ring.members.length < this.#config.durability)
    return [{ ring, members: this.#epochs.known(), counts }, ...small.map(each => ({ ...each, counts }))]
  }

  /** Is enough known, whatever the key? */
  isEnough(noted: Asked, { answers }: Round): boolean {
    const members = membersOf(noted)
    return this.missing(noted, members, answers).length <= this.#spareOf(members)
  }

  /** Whose answers for this key are missing, unless enough are there? */
  lackingFor(key: string, noted: Asked, { answers }: Round): readonly NodeId[] {
    const holders = noted.members ?? noted.ring.preferenceList(key, this.#view.replicas)
    const missing = this.missing(noted, holders, answers, key)
    return missing.length > this.#spareOf(holders) ? missing : []
  }

  /** Would it have gone on if nobody had been given up? */
  lossOf(noted: Asked, { answers, term }: Round): Loss[] {
    const members = membersOf(noted)
    const wanted = new Set(this.missing(noted, members, answers))
    const forgotten = members.filter(node => !wanted.has(node) && this.#isGivenUp(noted, node, answers))
    const missing = wanted.size + forgotten.length
    if (forgotten.length === 0 || missing <= this.#spareOf(members)) return []
    return [{ term, ring: noted.ring, forgotten, anyKey: noted.members !== undefined }]
  }

  #spareOf(nodes: readonly NodeId[]): number {
    return this.spare(Math.min(nodes.length, this.#view.replicas))
  }

  /** One that answered from a new disk has said nothing of what it had before. */
  #isGivenUp(noted: Asked, node: NodeId, answers: GivenAnswers): boolean {
    const disk = answers.lastDiskOf(node)
    if (disk === undefined) return this.#epochs.forgotten(node)
    if (noted.counts(node, disk)) return false
    return this.#epochs.forgotten(node) || this.#epochs.isOnlyDisk(node, disk)
  }
}
