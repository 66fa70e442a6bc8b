import { readFile } from 'node:fs/promises'
import { CodedError } from '../../base/errors.ts'
import type { Incarnation } from '../../base/ids.ts'
import { unusable, writeDurably } from './disk.ts'
import { sumOf } from './sum.ts'

/** Which life of this node this is. */
export interface Boot {
  /** 1 at the first start, one more at each. */
  readonly boot: number
  /** max(that of the last boot + 1, wall clock in ms). */
  readonly incarnation: Incarnation
}

/** A boot file is 70 bytes; anything much larger is not one. */
const TEXT_LENGTH_MAX = 1024

/**
 * Counts this boot: the new numbers are on disk before they are returned, so no two lives of a node can share one.
 * A damaged file is refused and left alone: starting again from 1 would be such a sharing.
 *
 * @param wallMs wall clock, ms since 1970
 */
export async function countBoot(path: string, wallMs: number): Promise<Boot> {
  const last = await readBoot(path)
  const boot = {
    boot: (last?.boot ?? 0) + 1,
    incarnation: Math.max((last?.incarnation ?? 0) + 1, Math.floor(wallMs)),
  }
  try {
    await writeDurably(path, `${JSON.stringify({ ...boot, sum: checksumOf(boot) })}\n`)
  } catch (error) {
    throw unusable(path, 'to write the boot number', error)
  }
  return boot
}

/** Of the last life; undefined when this will be the first. Throws DATA_DIR_UNUSABLE for a damaged file. */
export async function readBoot(path: string): Promise<Boot | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw unusable(path, 'a readable boot file', error)
  }
  const boot = parseBoot(text)
  if (boot !== undefined) return boot
  const got = text.length > 80 ? `${JSON.stringify(text.slice(0, 80))} and more` : JSON.stringify(text)
  throw new CodedError(
    'DATA_DIR_UNUSABLE',
    `${path}: expected {"boot": 1 or more, "incarnation": 0 or more, "sum": their checksum}, got ${got}. The file was not changed; restore it, or give this node a new data directory.`,
  )
}

function parseBoot(text: string): Boot | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // the caller says what was there instead
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { boot, incarnation, sum } = value as { boot?: unknown; incarnation?: unknown; sum?: unknown }
  if (!isCount(boot, 1) || !isCount(incarnation, 0)) return undefined
  // Files of earlier versions have none.
  return sum === undefined || sum === checksumOf({ boot, incarnation }) ? { boot, incarnation } : undefined
}

/** One flipped bit makes another number of a number, and an earlier one would be shared by two lives. */
const checksumOf = ({ boot, incarnation }: Boot): number => sumOf(String(boot), String(incarnation))

/** Below 2^52, so that adding to it stays exact. */
function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) < 2 ** 52
}
