/**
 * Many exceptions told as few. After a change of a large ring nearly every promise is under the ring before: listed one
 * by one, to everybody, they are the square of the cluster, and more than a tenure can bear. So they are told as "all
 * but you, under that ring". That may be more than was promised and never less; it is exact again once few are left.
 */
import { type Exception, KEEPS_MAX, NO_RING, type Scope } from './messages.ts'

/** So many are told one by one. */
export const LISTED_MAX = 8
/** More than so many characters of kept keys are not told at all: a grant has to fit a frame of 1 MiB. */
export const KEPT_CHARACTERS_MAX = 128 * 1_024

/** Under a ring that nobody has: every key may be claimed. */
const EVERYTHING: Exception = { scopes: [{ ring: NO_RING, leaving: false, keeps: [] }] }

export function gathered(exceptions: readonly Exception[]): readonly Exception[] {
  const few = exceptions.length <= LISTED_MAX ? exceptions : merged(exceptions)
  return charactersOf(few) <= KEPT_CHARACTERS_MAX ? few : [EVERYTHING]
}

function merged(exceptions: readonly Exception[]): readonly Exception[] {
  const groups = new Map<
    string,
    { readonly of: Exception[]; readonly scope: Scope; readonly keeps: Set<string> }
  >()
  for (const exception of exceptions) {
    const scope = simplest(exception)
    if (scope === undefined) continue
    const name = scope.leaving ? '' : scope.ring
    const group = groups.get(name) ?? { of: [], scope, keeps: new Set() }
    groups.set(name, group)
    group.of.push(exception)
    for (const key of scope.keeps) group.keeps.add(key)
  }
  return [...groups.values()].flatMap(({ of, scope, keeps }) => {
    if (of.length === 1) return of
    return chunks([...keeps].sort()).map(some => ({ scopes: [{ ...scope, keeps: some }] }))
  })
}

/** A scope names `KEEPS_MAX` keys at most. One chunk at least: without keeps a ring is a scope all the same. */
function chunks(keys: readonly string[]): readonly (readonly string[])[] {
  const count = Math.max(1, Math.ceil(keys.length / KEEPS_MAX))
  return Array.from({ length: count }, (_, i) => keys.slice(i * KEEPS_MAX, (i + 1) * KEEPS_MAX))
}

/** A promise covers what all of its scopes cover: so any one of them covers all of it. */
const simplest = ({ scopes }: Exception): Scope | undefined =>
  scopes.find(({ leaving }) => leaving) ?? scopes.at(-1)

function charactersOf(exceptions: readonly Exception[]): number {
  let sum = 0
  for (const { scopes } of exceptions)
    for (const { keeps } of scopes) for (const key of keeps) sum += key.length
  return sum
}
