/** What is claimed of a takeover, judged from the records of the survivors and from the times of all repeats. Pure. */
import type { TaskRecord } from '../../src/tasks/task.ts'
import { atMost, fact, figure, type Shown, worst } from '../proof/line.ts'

const FIRST_START_S = 1
const ALL_OWNED_S = 5

/** What one repeat came to. */
export interface Taken {
  readonly victim: string
  readonly firstStartS: number | null
  readonly allOwnedS: number
  readonly allEndedS: number
  readonly succeeded: number
}

type Ended = Pick<TaskRecord, 'state'> & {
  readonly spec: { readonly id: string }
  readonly attempts: readonly { readonly startedAt: number }[]
}

/**
 * When each of those tasks began after the kill, wall clock ms; undefined while not all of them have succeeded.
 * @param records what the survivors own
 */
export function startsElsewhere(
  records: readonly Ended[],
  keys: ReadonlySet<string>,
  killedAt: number,
): readonly number[] | undefined {
  const done = new Map(
    records.flatMap(record =>
      keys.has(record.spec.id) && record.state === 'succeeded' ? [[record.spec.id, record] as const] : [],
    ),
  )
  if (done.size < keys.size) return undefined
  return [...done.values()]
    .map(({ attempts }) => attempts.find(({ startedAt }) => startedAt >= killedAt)?.startedAt)
    .filter(start => start !== undefined)
}

/** @param wanted tasks of each repeat, and repeats */
export function takeoverClaims(
  taken: readonly Taken[],
  { count, repeats }: { readonly count: number; readonly repeats: number },
): readonly Shown[] {
  const first = taken.map(({ firstStartS }) => firstStartS)
  const owned = taken.map(({ allOwnedS }) => allOwnedS)
  return [
    fact('takeovers', taken.length >= Math.max(1, repeats), `${taken.length} of ${repeats}`),
    atMost(
      `${count} queued tasks, kill -9 of their owner: the first starts elsewhere`,
      worst(first),
      FIRST_START_S,
      's',
      first,
    ),
    atMost('all of them have an owner again', worst(owned), ALL_OWNED_S, 's', owned),
    fact(
      'all of them ran, and succeeded',
      taken.length > 0 && taken.every(({ succeeded }) => succeeded === count),
      taken.map(({ succeeded }) => `${succeeded}`).join(' '),
    ),
    figure('all of them have ended', `${taken.map(({ allEndedS }) => allEndedS.toFixed(1)).join(' ')} s`),
  ]
}
