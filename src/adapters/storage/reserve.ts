import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { CONSTRAINED, PRIVATE_FILE, systemCode } from './disk.ts'

/** Written in one go when the reserve is made: some milliseconds, in which a commit waits. */
const SLICE_BYTES = 1024 * 1024

/** Of a small disk it takes no more than this. */
const DISK_SHARE_MAX = 1 / 8

/** The file beside the store that is there to be given up. */
export const reservePath = (store: string): string => `${store}-reserve`

/**
 * Room on the disk that is kept for what must still be written when there is no other: how accepted work goes on and
 * ends. It is a file of random bytes (a file system may pack or skip zeros), made when the store is opened, and removed
 * when a write finds the disk full.
 */
export class Reserve {
  readonly #store: string
  readonly #path: string
  readonly #bytes: number

  /**
   * Throws what is wrong with the disk.
   * @param store whose reserve it is
   * @param bytes how much to keep, where that is not more than its share of the disk; 0: nothing
   */
  constructor(store: string, bytes: number) {
    const { blocks, bsize } = statfsSync(dirname(store))
    this.#store = store
    this.#path = reservePath(store)
    this.#bytes = Math.min(bytes, Math.floor(blocks * bsize * DISK_SHARE_MAX))
  }

  /** Bytes that are kept now. */
  get kept(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Gives the room to whoever writes next. */
  release(): void {
    if (existsSync(this.#path)) rmSync(this.#path)
  }

  /**
   * Makes a part of it.
   *
   * @returns whether all of it is there now, or more can be made, or the disk has no room for it and half as much again:
   * with less it would be full again at once. Throws what else is wrong with the disk.
   */
  grow(): 'whole' | 'more' | 'no-room' {
    const { kept } = this
    if (kept >= this.#bytes) return 'whole'
    const { bavail, bsize } = statfsSync(dirname(this.#store))
    if (bavail * bsize < 1.5 * this.#bytes - kept) return 'no-room'
    const slice = Buffer.alloc(Math.min(SLICE_BYTES, this.#bytes - kept))
    try {
      append(this.#path, randomFillSync(slice), kept)
    } catch (error) {
      if (!CONSTRAINED.has(systemCode(error))) throw error
      this.release() // a quota, which the file system does not count as used
      return 'no-room'
    }
    return this.kept >= this.#bytes ? 'whole' : 'more'
  }
}

function append(path: string, bytes: Buffer, at: number): void {
  const fd = openSync(path, existsSync(path) ? 'r+' : 'wx', PRIVATE_FILE)
  try {
    for (let done = 0; done < bytes.length; )
      done += writeSync(fd, bytes, done, bytes.length - done, at + done)
  } catch (error) {
    ftruncateSync(fd, at)
    throw error
  } finally {
    closeSync(fd)
  }
}
