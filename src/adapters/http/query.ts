/** Reads the query of a request. What a route does not take is refused: a misspelt filter would else filter nothing. */
import { CodedError, type Failure, type Problem } from '../../base/errors.ts'
import { unknownNames } from '../../base/unknown-names.ts'

export const parametersOf = (query: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof query === 'object' && query !== null ? Object.entries(query) : [])

/**
 * Why the query of this URL cannot be read. A parser takes what is badly encoded as it stands, and a filter would then look
 * for another text than was meant, and find nothing.
 */
export function refusesEncoding(url: string): Failure | undefined {
  const at = url.indexOf('?')
  if (at < 0 || !url.includes('%', at)) return undefined
  try {
    decodeURIComponent(url.slice(at))
    return undefined
  } catch {
    return { code: 'BAD_REQUEST', detail: 'Expected a query whose percent-encoding is valid UTF-8.' }
  }
}

/** What is wrong with parameters that are not among the known ones. */
export function unknownAmong(given: ReadonlyMap<string, unknown>, known: readonly string[]): Problem[] {
  const expected = known.length === 0 ? 'no parameters' : `one of ${known.join(', ')}`
  return unknownNames(given.keys(), known, expected, 'parameter')
}

/** A whole number among the parameters, where it is given. */
export function wholeOf(
  given: ReadonlyMap<string, unknown>,
  name: string,
  min: number,
  max: number,
): { readonly value: number | undefined; readonly problems: readonly Problem[] } {
  const text = given.get(name)
  if (text === undefined) return { value: undefined, problems: [] }
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return { value, problems: [] }
  const got = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : 'it several times'
  return { value: undefined, problems: [{ at: name, expected: `a whole number from ${min} to ${max}`, got }] }
}

/** @throws CodedError BAD_REQUEST with all problems, if there are any */
export function refuseQuery(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const detail = problems.map(each => `${each.at}: expected ${each.expected}, got ${each.got}`).join('; ')
  throw new CodedError('BAD_REQUEST', `In the query: ${detail}.`, { problems })
}
