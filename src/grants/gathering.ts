/**
 * Many exceptions told as few. After a change of a large ring nearly every promise is under the ring before: listed one
 * by one, to everybody, they are the square of the cluster, and more than a tenure can bear. So they are told as "all
 * but you, under that ring". That may be more than was promised and never less; it is exact again once few are left.
 */
import { type Exception, KEEPS_MAX, type Scope } from './messages.ts'

/** So many are told one by one. */
export const LISTED_MAX = 8

export function gathered(exceptions: readonly Exception[]): readonly Exception[] {
  if (exceptions.length <= LISTED_MAX) return exceptions
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
    if (of.length === 1 || keeps.size > KEEPS_MAX) return of
    return [{ scopes: [{ ...scope, keeps: [...keeps].sort() }] }]
  })
}

/** A promise covers what all of its scopes cover: so any one of them covers all of it. */
const simplest = ({ scopes }: Exception): Scope | undefined =>
  scopes.find(({ leaving }) => leaving) ?? scopes.at(-1)
