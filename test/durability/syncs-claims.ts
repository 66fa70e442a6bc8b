/** What is claimed of the syncs of stores, judged from what strace saw of them and from what the answers told. Pure. */
import { fact, figure, type Shown } from '../proof/line.ts'
import type { Sync } from './straces.ts'

/** A daemon's copy and that of another one: as is set where nothing else is. */
const COPIES_MIN = 2

/** One task: when it was asked for and answered, wall clock ms, and how many copies the answer told of. */
export interface Handed {
  readonly from: number
  readonly to: number
  readonly copies: number
}

/** The daemons whose store synced, wholly, between a request and its answer. */
export const syncedFor = (syncs: readonly Sync[], { from, to }: Handed): number =>
  new Set(syncs.filter(sync => sync.from >= from && sync.to <= to).map(({ node }) => node)).size

/** @param wanted so many tasks were to be handed in */
export function handedLines(
  what: string,
  handed: readonly Handed[],
  syncs: readonly Sync[],
  wanted: number,
): readonly Shown[] {
  const bare = handed.filter(each => syncedFor(syncs, each) < each.copies)
  const few = handed.filter(each => !(each.copies >= COPIES_MIN))
  const copies = handed.reduce((sum, each) => sum + each.copies, 0)
  const [first, last] = [Math.min(...handed.map(({ from }) => from)), Math.max(...handed.map(({ to }) => to))]
  const during = syncs.filter(({ from, to }) => from >= first && to <= last)
  const all = handed.length >= Math.max(1, wanted)
  return [
    figure(
      `${handed.length} tasks ${what}`,
      `${copies} durable copies told of, ${during.length} syncs seen by strace meanwhile`,
    ),
    fact(
      `${what}: a 202 that tells of less than ${COPIES_MIN} copies`,
      all && few.length === 0,
      `${few.length} of ${handed.length}`,
    ),
    fact(
      `${what}: a 202 before as many stores had synced as it tells of copies`,
      all && bare.length === 0,
      `${bare.length} of ${handed.length}`,
    ),
  ]
}
