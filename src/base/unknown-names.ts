import type { Problem } from './errors.ts'

/** Unknown names that are told one by one; the others are only counted. */
export const UNKNOWN_TOLD_MAX = 10
/** Characters of a name that are shown. */
const SHOWN_MAX = 80

/**
 * What is wrong with names that are not among the known ones. Each problem names all that would be right, so of a megabyte of
 * made-up names an answer of fifty megabytes would come, for which the node stands still.
 *
 * @param expected what would be right instead, in words
 * @param what one of them is, such as `field`
 */
export function unknownNames(
  given: Iterable<string>,
  known: readonly string[],
  expected: string,
  what: string,
): Problem[] {
  const unknown = [...given].filter(name => !known.includes(name))
  const problems = unknown
    .slice(0, UNKNOWN_TOLD_MAX)
    .map(name => ({ at: shown(name), expected, got: `an unknown ${what}` }))
  const more = unknown.length - problems.length
  if (more > 0) problems.push({ at: `${more} more`, expected, got: `unknown ${what}s` })
  return problems
}

/** Without control characters and halves of characters. */
function shown(name: string): string {
  const text = JSON.stringify(name).slice(1, -1)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX).toWellFormed()}...` : text
}
