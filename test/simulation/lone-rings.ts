/**
 * Rings of which more members are gone than may be missing: their disks were lost, or nothing runs there, as where one left that was
 * out of touch, with all that it has. What was accepted under such a ring may have been with those alone, so a takeover that must
 * hear of it waits, and rightly, until one is back or an operator forgets it. Of the holders of a record all but one of as many as
 * copies are wanted may be missing, and of fewer again all but one. Who has it all the same, nobody can know.
 */
import type { StoredNotes } from '../../src/grants/messages.ts'
import type { Host } from './world.ts'

/** Of a record, as the nodes are made (`cluster.ts`). */
const HOLDERS = 3

interface Seen extends Pick<Host, 'name' | 'disk'> {
  readonly process: unknown
}

/** Have voters such a ring still among those under which something may have been written? */
export function mayWaitForGone(hosts: readonly Seen[], durability: number): boolean {
  const isGone = ({ disk, process }: Seen): boolean => disk.wipes > 0 || process === undefined
  const gone = new Set(hosts.filter(isGone).map(({ name }) => name))
  if (gone.size === 0) return false
  return hosts.some(({ disk }) => {
    const notes = disk.rows('grants').get('notes') as StoredNotes | undefined
    return notes?.rings.some(({ members }) => {
      const spare = Math.min(durability, members.length, HOLDERS) - 1
      return members.filter(({ id }) => gone.has(id)).length > Math.max(0, spare)
    })
  })
}
