import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { PRIVATE_FILE, syncDirectory } from './disk.ts'
import { sumOf } from './sum.ts'

/** Always this long, so that writing it needs no new block of the disk. */
const MARK_BYTES = 128

/** What a mark says. */
interface Marked {
  readonly diskId: string
  /** Transactions that were acknowledged. */
  readonly transactions: number
}

/** The file beside the store. */
export const markPath = (store: string): string => `${store}-mark`

/**
 * How far a store must reach at the least: the number of its last acknowledged transaction, written after its fsync and
 * before anybody is told of it. It is not synced itself, which would double the price of a commit: after a power cut
 * it may be some seconds old and then finds less; it is never ahead of what was durable. An unreadable one counts as none.
 */
export class Mark {
  readonly #fd: number
  readonly #diskId: string

  /** @param path of the store, not of the mark */
  constructor(path: string, diskId: string) {
    const file = markPath(path)
    this.#diskId = diskId
    if (existsSync(file)) this.#fd = openSync(file, 'r+')
    else {
      this.#fd = openSync(file, 'wx+', PRIVATE_FILE)
      this.write(0)
      fsyncSync(this.#fd)
      syncDirectory(dirname(file))
    }
  }

  /** Throws what the operating system says; the mark is then an old one, which is safe. */
  write(transactions: number): void {
    const text = JSON.stringify({ diskId: this.#diskId, transactions } satisfies Marked)
    writeSync(this.#fd, `${text} ${sumOf('mark', text)}`.padEnd(MARK_BYTES - 1).concat('\n'), 0)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** How far the store of this id must reach; undefined when there is no mark, or another store's, or a damaged one. */
export function readMark(path: string, diskId: string): number | undefined {
  const file = markPath(path)
  if (!existsSync(file)) return undefined
  const line = readFileSync(file, 'utf8').trimEnd()
  const cut = line.lastIndexOf(' ')
  const text = line.slice(0, cut)
  if (cut < 0 || Number(line.slice(cut + 1)) !== sumOf('mark', text)) return undefined
  const marked = JSON.parse(text) as Marked
  return marked.diskId === diskId ? marked.transactions : undefined
}
