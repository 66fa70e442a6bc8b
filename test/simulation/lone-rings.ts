/**
 * Rings of fewer members than copies are wanted, of which one lost its disk. What was accepted under such a ring may have been on
 * that disk alone, so a takeover that must hear of it waits, and rightly, until an operator forgets the member: the promise is
 * of as many disks as there were members, less one. Who has it all the same, nobody can know.
 */
import type { StoredNotes } from '../../src/grants/messages.ts'
import type { Host } from './world.ts'

/** Have voters such a ring still among those under which something may have been written? */
export function mayWaitForLone(hosts: readonly Pick<Host, 'name' | 'disk'>[], durability: number): boolean {
  const lost = new Set(hosts.filter(({ disk }) => disk.wipes > 0).map(({ name }) => name))
  if (lost.size === 0) return false
  return hosts.some(({ disk }) => {
    const notes = disk.rows('grants').get('notes') as StoredNotes | undefined
    return notes?.rings.some(
      ({ members }) => members.length < durability && members.some(({ id }) => lost.has(id)),
    )
  })
}
