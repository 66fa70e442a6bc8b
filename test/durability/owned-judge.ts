/** Does every task have an owner? Judged from what the nodes say of themselves; one that is silent says nothing at all. */
import type { NodeStatus } from '../../src/node/status.ts'

/** What some nodes own together, in whatever state, and whether all of them are done with taking over. */
export interface Owned {
  readonly tasks: number
  readonly settled: boolean
}

type Told = { readonly tasks: Pick<NodeStatus['tasks'], 'owned' | 'takingOver'> }

/** @param all what each of them said; undefined: it did not. Then nobody knows what they own together. */
export function ownedOf(all: readonly (Told | undefined)[]): Owned | undefined {
  const known = all.filter(status => status !== undefined)
  if (known.length < all.length) return undefined
  const counts = known.flatMap(({ tasks }) => Object.values(tasks.owned))
  return { tasks: counts.reduce((a, b) => a + b, 0), settled: known.every(({ tasks }) => !tasks.takingOver) }
}

/** So many tasks are there before anything is broken. @throws when there are fewer than were handed in */
export function wholeOf({ tasks }: Owned, handedIn: number): number {
  if (!(tasks >= handedIn)) throw new Error(`${tasks} tasks have an owner, and ${handedIn} were handed in`)
  return tasks
}

/** Have so many tasks an owner, for good? */
export const allOwned = (owned: Owned | undefined, total: number): boolean =>
  owned?.settled === true && total > 0 && owned.tasks >= total
