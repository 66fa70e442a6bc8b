/** What tests of the voters' notes and of their readers begin with. */

import type { NodeId } from '../../src/base/ids.ts'
import { Ledger, type NotedRing } from '../../src/grants/ledger.ts'
import type { NotesTell } from '../../src/grants/messages.ts'
import { Rings } from '../../src/grants/rings.ts'
import type { Voters } from '../../src/grants/voters.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { a, b, c } from './scene.ts'

export const ringOf = (...ids: NodeId[]): Ring =>
  buildRing(
    ids.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )

export const made = (): Rings => new Rings(members => buildRing(members, ringDefaults()))

/** Three voters, of which two decide. */
export class Three implements Voters {
  version = 1
  readonly list = undefined
  names = [a, b, c]

  get name() {
    return { version: this.version, hash: 'h' }
  }

  includes(node: NodeId): boolean {
    return this.names.includes(node)
  }

  isQuorum(nodes: ReadonlySet<NodeId>): boolean {
    return nodes.size >= 2
  }
}

export const tell = (seq: number, ring: Ring, disks: NotesTell['disks'] = [], lost = false): NotesTell => ({
  seq,
  lost,
  rings: [{ seq, ring: ring.checksum }],
  disks,
})

/** The rings before this term; where none or not every one is known, that. */
export function knownBefore(ledger: Ledger, term: number): readonly NotedRing[] | 'lost' | 'unknown' {
  const found = ledger.ringsBefore(term)
  if (found === 'unknown') return found
  return found.lost ? 'lost' : found.rings
}

export function ledgerOf(...known: Ring[]) {
  const rings = made()
  for (const ring of known) rings.add(ring)
  return new Ledger({ self: a, disk: 'disk-a', rings, voters: new Three() })
}
