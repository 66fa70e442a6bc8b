/**
 * After a `kill -9` of daemon and runner together (or of a whole container's processes but one), commands run on
 * without a keeper. The next daemon on the same data directory finds them by a mark kept there and kills them, before
 * it starts any of its own.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunnerInit } from './runner.ts'

const FILE = 'runner-mark'
const MARK_PATTERN = /^[0-9a-f-]{36}$/

export interface FamilyMark {
  readonly mark: string
  /** An earlier daemon had it: something may bear it. */
  readonly inherited: boolean
}

/** The mark of this data directory, made when there is none. Without a directory: a new one, which nobody inherits. */
export function leftoverMark({ dataDir, logger }: RunnerInit): FamilyMark {
  const fresh = { mark: randomUUID(), inherited: false }
  if (dataDir === undefined) return fresh
  const file = join(dataDir, FILE)
  const known = read(file)
  if (known !== undefined && MARK_PATTERN.test(known)) return { mark: known, inherited: true }
  try {
    writeFileSync(file, fresh.mark, { mode: 0o600 })
  } catch (error) {
    logger.log('warn', 'runner-mark-not-kept', { file, error: (error as Error).message })
  }
  return fresh
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined // Not there, or not readable: then writing tells.
  }
}
