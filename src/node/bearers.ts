import type { NodeId, PeerId } from '../base/ids.ts'
import type { MemberRecord } from '../membership/member.ts'

/**
 * Who bears the names of living members. A key lies in the data directory, beside the store: a name that is borne by another
 * key has another disk. One that came soon enough was never found dead, so no ring says that anything has changed.
 * Where the key is kept apart from the store it says nothing; in quorum mode the voters know each disk by its own name.
 */
export class Bearers {
  #keys: ReadonlyMap<NodeId, PeerId> = new Map()

  /** The view is another. Returns those who live with another key than they did in the one before. */
  replaced(living: readonly MemberRecord[]): readonly NodeId[] {
    const before = this.#keys
    this.#keys = new Map(living.map(({ id, peerId }) => [id, peerId]))
    return living.filter(({ id, peerId }) => (before.get(id) ?? peerId) !== peerId).map(({ id }) => id)
  }
}
