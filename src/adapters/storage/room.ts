import type { DatabaseSync } from 'node:sqlite'
import { reasonOf, systemCode } from './disk.ts'
import type { Condition } from './protocol.ts'
import type { Reserve } from './reserve.ts'
import type { Trouble } from './trouble.ts'

/** How often it is looked whether there is room again, in ms. */
const LOOK_MS = 1_000

export interface RoomParts {
  readonly database: DatabaseSync
  readonly reserve: Reserve
  /** Pages that the database may have. */
  readonly pagesMax: number
  /** How many of them are kept for when the disk counts as full. */
  readonly pagesReserved: number
  /** Told of every change. */
  readonly say: (condition: Condition, detail: string) => void
  /** Writes something, however small, and reports what came of it. True when it was done; false also where it cannot be tried now. */
  readonly tryWrite: () => boolean
  /** The reserve was made or given up. */
  readonly reserved: () => void
  /** Something is wrong with the disk that does not pass. */
  readonly fail: (error: unknown) => void
}

/**
 * Whether new work may come to this disk. When a write finds no room, the reserve is given up, so that what was accepted
 * can go on; the disk counts as full until the reserve could be made again. Thereby it is not full and not full by turns.
 */
export class Room {
  readonly #parts: RoomParts
  #condition: Condition = 'ok'
  /** A write was refused, and none has been done since: nothing less proves that the disk can be written. */
  #unwritable = false
  #timer: NodeJS.Timeout | undefined

  constructor(parts: RoomParts) {
    this.#parts = parts
  }

  /** Makes the reserve; where there is no room for it, the disk is full from the start. */
  begin(): void {
    this.#limitPages(this.#pagesUsual)
    this.#look()
  }

  /** A write could not be done, or somebody else found no room. */
  shortage(trouble: Trouble, detail: string): void {
    if (trouble === 'full') this.#openReserve()
    this.#unwritable = trouble === 'read-only'
    this.#become(trouble, detail)
    this.#lookLater(LOOK_MS)
  }

  /** A write was done. */
  wrote(): void {
    if (!this.#unwritable) return
    this.#unwritable = false
    this.#look()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  get #pagesUsual(): number {
    return this.#parts.pagesMax - this.#parts.pagesReserved
  }

  #become(condition: Condition, detail: string): void {
    if (condition === this.#condition) return
    this.#condition = condition
    this.#parts.say(condition, detail)
  }

  #lookLater(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), ms)
  }

  #look(): void {
    // New work is refused, so it may be that nobody else comes to write.
    if (this.#unwritable && !this.#parts.tryWrite()) {
      this.#lookLater(LOOK_MS)
      return
    }
    this.#unwritable = false
    try {
      this.#restore()
    } catch (error) {
      if (systemCode(error) === 'EROFS') {
        this.#become('read-only', reasonOf(error))
        this.#lookLater(LOOK_MS)
      } else this.#parts.fail(error)
    }
  }

  #restore(): void {
    const { database, pagesReserved, reserve } = this.#parts
    const used = pageCounts(database)
    const pages = used.pages - used.freePages
    const margin = this.#condition === 'full' ? pagesReserved / 2 : 0
    if (pages + margin > this.#pagesUsual) {
      this.#isFull(`the store has ${pages} pages of the ${this.#pagesUsual} that it may have`)
      return
    }
    const grown = reserve.grow()
    if (grown === 'more') this.#lookLater(0)
    else if (grown === 'no-room') this.#isFull('the disk has no room for the reserve')
    else {
      this.#parts.reserved()
      this.#limitPages(this.#pagesUsual)
      this.#become('ok', this.#condition === 'full' ? 'there is room again' : 'it can be written again')
    }
  }

  #isFull(detail: string): void {
    this.#openReserve()
    this.#become('full', detail)
    this.#lookLater(LOOK_MS)
  }

  /** Also while the disk is full already: a part of the reserve may be there again, and nothing else would give it up. */
  #openReserve(): void {
    if (this.#condition === 'full' && this.#parts.reserve.kept === 0) return
    this.#parts.reserve.release()
    this.#parts.reserved()
    this.#limitPages(this.#parts.pagesMax)
  }

  #limitPages(pages: number): void {
    this.#parts.database.exec(`PRAGMA max_page_count = ${pages}`)
  }
}

/** A transaction that changes nothing and is written all the same: the number on the first page that is for us to use. */
export function rewriteHeader(database: DatabaseSync): void {
  const { user_version } = database.prepare('PRAGMA user_version').get() ?? {}
  database.exec(`PRAGMA user_version = ${Number(user_version)}`)
}

/** Pages of the database, those that hold nothing included, and the number of these. */
export function pageCounts(database: DatabaseSync): { pages: number; freePages: number } {
  const count = (pragma: string): number =>
    Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
  return { pages: count('page_count'), freePages: count('freelist_count') }
}
