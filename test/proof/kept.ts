/**
 * What earlier sittings came to on the same commit: a proof takes many hours on two cores, and is seldom run through in one.
 * Nothing is kept where files were changed, since then the commit does not name what ran.
 */
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
  { commit, changed }: Subject,
  asked: readonly string[],
): readonly Result[] {
  if (file === undefined) return []
  const before = JSON.parse(file) as Subject & { readonly results: readonly Result[] }
  if (changed || before.changed || before.commit !== commit) return []
  return before.results.filter(({ section }) => !asked.includes(section))
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
