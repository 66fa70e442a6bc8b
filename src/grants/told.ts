/** What one voter has told of its notes, and what that says of the disks of nodes. */
import type { NodeId } from '../base/ids.ts'
import { DISKS_MAX, type DiskNote, type NotesTell, type RingNote } from './messages.ts'

/** The notes of one voter, as it told them last. */
export interface Told {
  readonly seq: number
  readonly lost: boolean
  readonly gap: number
  readonly rings: readonly RingNote[]
  readonly disks: Map<NodeId, DiskNote>
  /** Ring of the latest request that was granted on it; undefined: it was asked under another since, or the right to act has ended. */
  under: string | undefined
  /** The highest term of those that were. */
  term: number
  /** The ring under which this node told the voter, in answer to just this, that all is done. */
  doneUnder?: string
}

/** Has the voter settled its notes since it told these? */
export function hasSettled(before: Told | undefined, { lost, rings }: NotesTell): boolean {
  const [only] = rings
  if (before === undefined || lost || only === undefined || rings.length > 1) return false
  return before.lost || before.rings.length !== 1 || before.rings[0]?.seq !== only.seq
}

/**
 * May the node have been counted, as far as this voter knows, for what it wrote under the ring on another disk than this one? So it
 * may where the voter knows another, or noted the ring before this disk came in place of another.
 */
export function knowsNoOther(node: NodeId, disk: string, ring: string, { disks, rings }: Told): boolean {
  const known = disks.get(node)
  if (known === undefined) return true
  if (known.disk !== disk) return false
  return known.born || !rings.some(note => note.ring === ring && note.seq < known.seq)
}

/** A voter that knows of more drops these itself, in the same order, says that it is lost, and does not tell which. */
export function dropOldest(disks: Map<NodeId, DiskNote>): void {
  for (const node of disks.keys()) {
    if (disks.size <= DISKS_MAX) return
    disks.delete(node)
  }
}
