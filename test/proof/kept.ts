/**
 * What earlier sittings came to on the same files: a proof takes many hours on two cores, and is seldom run through in one.
 * The README may differ, for it is where what they came to is told. Nothing is kept where other files were changed and not
 * committed, since then no commit names what ran.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Shown } from './line.ts'
import type { SectionResult } from './must-show.ts'

export interface Result extends SectionResult {
  readonly shown: readonly Shown[]
  /** When it began, and the load of the machine then: what was left of others. */
  readonly date: string
  readonly load: number
  readonly seconds: number
  readonly raw: unknown
}

/** The code that a proof is of. */
export interface Subject {
  readonly commit: string
  /** Of all files of the commit but the README, see `filesHash`. */
  readonly files: string
  /** With changes that the commit does not have. */
  readonly changed: boolean
}

/**
 * @param file of the sitting before; undefined where there was none
 * @param asked sections that are run anew: what they came to before counts no more
 * @throws when the file is none of a proof
 */
export function keptResults(
  file: string | undefined,
  { files, changed }: Subject,
  asked: readonly string[],
): readonly Result[] {
  if (file === undefined) return []
  const before = JSON.parse(file) as Subject & { readonly results: readonly Result[] }
  if (changed || before.changed || before.files !== files) return []
  return before.results.filter(({ section }) => !asked.includes(section))
}

/**
 * Names what a commit holds, the README left out.
 *
 * @param listing as `git ls-tree -r` prints it: mode, kind, hash of the content and path of each file
 */
export function filesHash(listing: string): string {
  const files = listing.split('\n').filter(line => line !== '' && !line.endsWith('\tREADME.md'))
  return createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 12)
}

/** Undefined when there is none. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
