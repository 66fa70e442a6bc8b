/**
 * The voter's side of finding records again: under which rings may anybody have written, and on which disks?
 *
 * The intuition: a record lies on the holders that its writer's ring named. Whoever takes the key over later can only ask
 * the right nodes when it knows that ring. Members forget rings; so the voters, whom everybody asks anyway, note each ring
 * on their disks before anybody counts a copy under it. A quorum that noted and a quorum that is asked share a voter.
 *
 * The rules:
 *   1. A voter that grants a request notes its ring, if it has no note of it, and the sender's disk, if that is another
 *      than it knows. `seq` counts both, so that it says which came first.
 *   2. A disk that replaces another, or whose predecessors this voter may have forgotten, is not `born`: the answers of its
 *      node say nothing of rings noted before it. The present ring is noted anew after it.
 *   3. A member that has all that it owns under the present ring, complete and on its new holders, says so with the `seq` of
 *      the notes that it knows. When all members of the ring say so of the newest notes, the others may go.
 *   4. Notes that were made under another voter list, or lost with a disk, or dropped because there were too many, the largest
 *      first, leave the voter `lost`: it may not know of every ring. Rule 3 mends that as well, since it rests on no older note. Who votes no more
 *      drops its notes at once: the others settle without it, and when it votes again what it noted then, above all of disks
 *      that were replaced since, is long over.
 *   5. A takeover that went on without members that were forgotten leaves a gap: what those had was answered for by nobody. Whoever
 *      ended it so says its term with every request until the voter has it on its disk, and so before it is done. The highest stays
 *      for good, also when the rings of then go: by it a copy that comes back is told from one that has ended and was dropped.
 *   6. A voter never forgets the members of a ring of its notes (`Rings.keep`). After a start of all at once everybody else may
 *      have, and a takeover waits for them: a name that nobody can explain would stop it for ever.
 *   7. A ring is told by its members, of which its name follows from the parameters of rings too. Where these have changed, as all nodes were
 *      down, the note has the name that such members have now, and the voter is `lost`: nobody knows their holders of then.
 *   8. Who leaves is known by its disk no more once no ring noted here names it, unless this voter is `lost`. By such notes it waits for
 *      nobody (`Ledger.names`); but where notes are lost later, as with another list, all must answer whose disks are known.
 *
 * Road not taken: noting a ring when a term is taken under it. A tenure outlives its ring: when another node joins, the
 * owner of a key goes on under the term that it has, with other holders, and nobody would ever be told of that ring.
 */
import type { NodeId } from '../base/ids.ts'
import type { Now } from '../base/time.ts'
import type { Ring } from '../ring/ring.ts'
import type { GrantsEffect } from './effects.ts'
import {
  DISKS_MAX,
  type DiskNote,
  NOTES_MAX,
  type NotesTell,
  type Renew,
  type StoredNotes,
} from './messages.ts'
import type { Rings } from './rings.ts'
import type { Voters } from './voters.ts'

export interface NotesParts {
  readonly self: NodeId
  readonly stored: StoredNotes | undefined
  readonly rings: Rings
  readonly voters: Voters
  readonly nextMark: () => number
  readonly out: { push(effect: GrantsEffect): unknown }
}

export class Notes {
  readonly #parts: NotesParts
  readonly #disks = new Map<NodeId, DiskNote>()
  /** What was decided last; it may be on its way to the disk. */
  #row: StoredNotes
  #onDisk: StoredNotes | undefined
  readonly #marks = new Map<number, StoredNotes>()
  /** What members of the present ring say that they are done with. */
  readonly #done = new Map<NodeId, number>()
  #ring: Ring | undefined
  /** Since then a disk is gone that was told before: who has not heard of that is told all. Of before a start nobody knows when. */
  #dismissedAt: number
  /** Times that notes were settled, and that some had to be dropped. */
  readonly counts = { notesSettled: 0, notesOverflowed: 0 }

  constructor(parts: NotesParts, now: Now) {
    this.#parts = parts
    this.#onDisk = parts.stored && namedAnew(parts.stored, parts.rings)
    // The clock's part is for a voter that lost its disk: a number that it told once is never another set of notes.
    this.#row = this.#onDisk ?? { seq: Math.floor(now.wall), lost: true, list: '', rings: [], disks: [] }
    this.#dismissedAt = this.#row.seq
    for (const note of this.#row.disks) this.#disks.set(note.node, note)
    parts.rings.keep(new Set(this.checksums))
  }

  get size(): number {
    return this.#row.rings.length
  }

  /** Counts the changes; what was decided last may be on its way to the disk. */
  get seq(): number {
    return this.#row.seq
  }

  /** May there have been notes that this voter does not have? */
  get lost(): boolean {
    return this.#row.lost
  }

  /** Is something on its way to the disk? */
  get pending(): boolean {
    return this.#row !== this.#onDisk
  }

  get checksums(): readonly string[] {
    return this.#row.rings.map(({ ring }) => ring)
  }

  viewChanged(ring: Ring): void {
    if (this.#ring?.checksum !== ring.checksum) this.#done.clear()
    this.#ring = ring
  }

  /** Other names vote. */
  listChanged(): void {
    const { voters, self } = this.#parts
    const { rings, disks } = this.#row
    if (voters.name === undefined || voters.includes(self) || rings.length + disks.length === 0) return
    this.#disks.clear()
    this.#row = { ...this.#row, seq: this.#row.seq + 1, lost: true, rings: [], disks: [] }
    this.#write()
  }

  /** A request that is granted, so its ring is the voter's own. */
  heard(from: NodeId, renew: Renew): void {
    const ring = this.#ring
    if (ring === undefined) return
    if (renew.done !== undefined) this.#done.set(from, renew.done)
    else this.#done.delete(from)
    const before = this.#row
    this.#listed()
    this.#hadGap(renew.gap)
    const anew = this.#isOver(from, renew) ? this.#dismiss(from) : this.#enrol(from, renew.disk)
    if (anew || !this.#row.rings.some(note => note.ring === ring.checksum)) this.#note(ring)
    this.#settle(ring)
    if (this.#row !== before) this.#write()
  }

  /** What the sender of this request is to be told, of what is on the disk. */
  told({ known }: Renew): { readonly notes?: NotesTell } {
    const row = this.#onDisk
    if (row === undefined || known === row.seq) return {}
    const { seq, lost, gap } = row
    const noted = gap === undefined ? { lost } : { lost, gap }
    const rings = row.rings.map(note => ({ seq: note.seq, ring: note.ring }))
    const tellsAll = known === undefined || known > seq || known < this.#dismissedAt
    if (tellsAll) return { notes: { seq, ...noted, rings, disks: row.disks } }
    const disks = row.disks.filter(note => note.seq > known)
    return { notes: { seq, since: known, ...noted, rings, disks } }
  }

  /** True when the mark was one of these. */
  persisted(mark: number): boolean {
    const row = this.#marks.get(mark)
    if (row === undefined) return false
    this.#marks.delete(mark)
    this.#onDisk = row
    return true
  }

  /** Another list may have had quorums of which this voter knows nothing. */
  #listed(): void {
    const { name } = this.#parts.voters
    const list = name === undefined ? '' : `${name.version} ${name.hash}`
    if (list !== this.#row.list) this.#row = { ...this.#row, seq: this.#row.seq + 1, list, lost: true }
  }

  /** Rule 5. */
  #hadGap(gap = 0): void {
    if (gap > (this.#row.gap ?? 0)) this.#row = { ...this.#row, seq: this.#row.seq + 1, gap }
  }

  /** Rule 8. */
  #isOver(node: NodeId, { scope }: Renew): boolean {
    const { lost, rings } = this.#row
    if (!scope.leaving || lost || this.#ring?.has(node) !== false) return false
    return rings.every(({ members }) => members.every(({ id }) => id !== node))
  }

  /** No ring need be noted for that. */
  #dismiss(node: NodeId): false {
    if (!this.#disks.delete(node)) return false
    const seq = this.#row.seq + 1
    this.#row = { ...this.#row, seq, disks: [...this.#disks.values()] }
    this.#dismissedAt = seq
    return false
  }

  /** True when the present ring must be noted after this disk. */
  #enrol(node: NodeId, disk: string | undefined): boolean {
    const known = this.#disks.get(node)
    if (disk === undefined || known?.disk === disk) return false
    const born = known === undefined && !this.#row.lost
    const seq = this.#row.seq + 1
    this.#disks.delete(node)
    const replaced = known === undefined ? {} : ({ replaced: true } as const)
    this.#disks.set(node, { node, disk, seq, born, ...replaced })
    let { lost } = this.#row
    if (this.#disks.size > DISKS_MAX) {
      this.#disks.delete(this.#disks.keys().next().value as NodeId)
      lost = true
      this.counts.notesOverflowed++
    }
    this.#row = { ...this.#row, seq, lost, disks: [...this.#disks.values()] }
    return !born
  }

  #note(ring: Ring): void {
    const { checksum, members } = ring
    const seq = this.#row.seq + 1
    // Of what is lost anyway one note of each ring is enough.
    const others = this.#row.lost ? this.#row.rings.filter(note => note.ring !== checksum) : this.#row.rings
    const note = { seq, ring: checksum, members }
    const fits = others.length < NOTES_MAX
    if (!fits) this.counts.notesOverflowed++
    const rings = [...(fits ? others : smallest(others)), note]
    this.#row = { ...this.#row, seq, rings, lost: this.#row.lost || !fits }
  }

  /** Rule 3. */
  #settle(ring: Ring): void {
    const { seq, rings, lost } = this.#row
    if (this.pending || (rings.length === 1 && !lost)) return
    // With all cordoned or leaving nobody is a member, and nobody has said that what lies elsewhere is with those of now.
    if (ring.members.length === 0 || this.#done.size < ring.members.length) return
    if (!ring.members.every(({ id }) => this.#done.get(id) === seq)) return
    const last = rings.findLast(note => note.ring === ring.checksum)
    if (last === undefined) return
    this.counts.notesSettled++
    // What lay on disks before has been written to those of now, so none of these has a predecessor that anybody needs, and
    // nobody needs those of nodes that are no members any more.
    for (const note of this.#disks.values()) {
      if (!ring.has(note.node)) this.#disks.delete(note.node)
      else if (!note.born)
        this.#disks.set(note.node, { node: note.node, disk: note.disk, seq: seq + 1, born: true })
    }
    const disks = [...this.#disks.values()]
    this.#row = { ...this.#row, seq: seq + 1, rings: [last], lost: false, disks }
  }

  #write(): void {
    const mark = this.#parts.nextMark()
    const row = this.#row
    this.#parts.rings.keep(new Set(this.checksums))
    this.#marks.set(mark, row)
    const writes = [{ table: 'grants', key: 'notes', value: row }] as const
    this.#parts.out.push({ kind: 'persist', writes, then: [{ kind: 'persisted', mark }] })
  }
}

/** Rule 7. It is as good as on the disk: the next start makes the same of what is there. */
function namedAnew(stored: StoredNotes, known: Rings): StoredNotes {
  const rings = stored.rings.map(note => ({ ...note, ring: known.build(note.members).checksum }))
  if (rings.every(({ ring }, i) => ring === stored.rings[i]?.ring)) return stored
  return { ...stored, seq: stored.seq + 1, lost: true, rings }
}

/** Half of them, those with the fewest members: whoever was a ring of its own may have what nobody else has. The later before the earlier. */
function smallest(notes: StoredNotes['rings']): StoredNotes['rings'] {
  const bySize = [...notes].sort((x, y) => x.members.length - y.members.length || y.seq - x.seq)
  const kept = new Set(bySize.slice(0, NOTES_MAX / 2))
  return notes.filter(note => kept.has(note))
}
