/**
 * What became of every slot: the ledger of an outside file to which each run appends a line, held against what the owner says it
 * missed. Pure, so that it can be tried on wrong histories.
 */

/** One line of the ledger: a run began. */
export interface Run {
  readonly task: string
  readonly attempt: number
  readonly node: string
  readonly token: string
}

/** An attempt as the record of the task has it. */
export interface RecordedAttempt {
  readonly number: number
  readonly node: string
  readonly outcome?: string
  readonly token?: string
  /** Wall clocks of their nodes, in ms. */
  readonly startedAt?: number
  readonly endedAt?: number
}

export interface Range {
  readonly from: number
  readonly to: number
}

export interface Judgement {
  readonly slots: number
  /** Run once, by one attempt. */
  readonly once: number
  /** Neither run nor listed: must be none. */
  readonly lost: readonly number[]
  /** Listed as missed, and not run. */
  readonly listed: readonly number[]
  /** Run again after an attempt that was lost with its node, or fenced; the record says so. */
  readonly explained: readonly number[]
  /** Run more than once, and the record does not say why: must be none. */
  readonly twice: readonly number[]
  /** Listed as missed and run all the same. */
  readonly both: readonly number[]
}

/** Lines of other shapes are a fault of the harness. */
export function parseLedger(text: string): Run[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [task, attempt, node, token] = line.split(' ')
      if (task === undefined || attempt === undefined || node === undefined || token === undefined) {
        throw new Error(`the ledger has a line of another shape: ${JSON.stringify(line)}`)
      }
      return { task, attempt: Number(attempt), node, token }
    })
}

/**
 * @param slots those that were due, in ms since 1970
 * @param taskOf the id of the task of a slot
 * @param attemptsOf what the record of a task says; empty where nobody knows it any more
 */
export function judge(
  slots: readonly number[],
  taskOf: (slot: number) => string,
  runs: readonly Run[],
  missed: readonly Range[],
  attemptsOf: (task: string) => readonly RecordedAttempt[],
): Judgement {
  const byTask = Map.groupBy(runs, ({ task }) => task)
  const runsOf = (slot: number): readonly Run[] => byTask.get(taskOf(slot)) ?? []
  const isListed = (slot: number): boolean => missed.some(({ from, to }) => from <= slot && slot <= to)
  const again = slots.filter(slot => runsOf(slot).length > 1)
  const explained = again.filter(slot => isExplained(runsOf(slot), attemptsOf(taskOf(slot))))
  return {
    slots: slots.length,
    once: slots.filter(slot => runsOf(slot).length === 1).length,
    lost: slots.filter(slot => runsOf(slot).length === 0 && !isListed(slot)),
    listed: slots.filter(slot => runsOf(slot).length === 0 && isListed(slot)),
    explained,
    twice: again.filter(slot => !explained.includes(slot)),
    both: slots.filter(slot => runsOf(slot).length > 0 && isListed(slot)),
  }
}

/**
 * Each run is an attempt of its own in the record, and one of them, the last, gave the result. One before it may have succeeded
 * only where nobody heard of it in time: on another node, under an older token, and ended before the last began.
 */
function isExplained(runs: readonly Run[], attempts: readonly RecordedAttempt[]): boolean {
  const found = runs.map(({ attempt, node }) =>
    attempts.find(each => each.number === attempt && each.node === node),
  )
  const distinct = new Set(found).size === runs.length && !found.includes(undefined)
  const succeeded = attempts.filter(({ outcome }) => outcome === 'succeeded')
  const last = succeeded.at(-1)
  if (!distinct || last === undefined) return false
  return succeeded.slice(0, -1).every(each => isUnheard(each, last))
}

const isUnheard = (each: RecordedAttempt, last: RecordedAttempt): boolean =>
  each.node !== last.node &&
  BigInt(each.token ?? 0) < BigInt(last.token ?? 0) &&
  (each.endedAt ?? Number.POSITIVE_INFINITY) <= (last.startedAt ?? 0)
