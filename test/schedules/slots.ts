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

/** A node was hit: killed until it is started again, or cut off from the larger side. Wall clock, in ms. */
export interface Hit extends Range {
  readonly kind: 'kill' | 'cut'
  readonly node: string
}

/** After a heal a node may be taken for dead for so long still, in ms: silence, hold and a promise that runs out. */
const AFTERMATH_MS = 5_000
/** The end of a run is known elsewhere after so long at most, in ms: a lease. */
const KNOWN_MS = 2_000
/** A voter that starts is silent for a promise, and grants are asked for again: a fence follows a hit of anybody by so much at most, in ms. */
const FENCE_MS = 8_000

export interface Judgement {
  readonly slots: number
  /** Run once, by one attempt. */
  readonly once: number
  /** Neither run nor listed: must be none. */
  readonly lost: readonly number[]
  /** Listed as missed, and not run. */
  readonly listed: readonly number[]
  /** Run again after an attempt that was lost or fenced, or whose end nobody heard of: the record says so, and a hit explains it. */
  readonly explained: readonly number[]
  /** Run more than once, and record and hits do not say why: must be none. */
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
 * @param hits whatever was done to nodes
 */
export function judge(
  slots: readonly number[],
  taskOf: (slot: number) => string,
  runs: readonly Run[],
  missed: readonly Range[],
  attemptsOf: (task: string) => readonly RecordedAttempt[],
  hits: readonly Hit[],
): Judgement {
  const byTask = Map.groupBy(runs, ({ task }) => task)
  const runsOf = (slot: number): readonly Run[] => byTask.get(taskOf(slot)) ?? []
  const isListed = (slot: number): boolean => missed.some(({ from, to }) => from <= slot && slot <= to)
  const again = slots.filter(slot => runsOf(slot).length > 1)
  const explained = again.filter(slot => isExplained(runsOf(slot), attemptsOf(taskOf(slot)), hits))
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
 * Each run is an attempt of its own in the record, and one of them, the last, gave the result. Whatever came before it was cut
 * short by a hit, or succeeded where nobody heard of it in time.
 */
function isExplained(
  runs: readonly Run[],
  attempts: readonly RecordedAttempt[],
  hits: readonly Hit[],
): boolean {
  const found = runs.flatMap(
    ({ attempt, node }) => attempts.find(each => each.number === attempt && each.node === node) ?? [],
  )
  const last = attempts.findLast(({ outcome }) => outcome === 'succeeded')
  if (new Set(found).size !== runs.length || last === undefined) return false
  return found.every(each => each === last || isCutShort(each, last, hits))
}

/** A node that loses its right may have lost it by what befell others: a quorum needs five. Everything else is of its own node. */
function isCutShort(each: RecordedAttempt, last: RecordedAttempt, hits: readonly Hit[]): boolean {
  const { startedAt, endedAt = Number.POSITIVE_INFINITY } = each
  if (startedAt === undefined || last.startedAt === undefined) return false
  const [begun, again] = [startedAt, last.startedAt]
  switch (each.outcome) {
    case 'fenced':
      return hits.some(({ from, to }) => from <= endedAt && begun <= to + FENCE_MS)
    case 'succeeded':
      return isUnheard(each, last) && hits.some(hit => hitWhile(hit, each.node, begun, endedAt, again))
    case 'lost':
      return hits.some(hit => hitWhile(hit, each.node, begun, Number.POSITIVE_INFINITY, again))
    default:
      return false
  }
}

/** The node was hit while the run was under way, or before its end was known elsewhere; and the next run came after that. */
function hitWhile(hit: Hit, node: string, begun: number, ended: number, again: number): boolean {
  const until = hit.kind === 'kill' ? hit.from : hit.to + AFTERMATH_MS
  return hit.node === node && begun <= until && ended >= hit.from - KNOWN_MS && again >= hit.from
}

const isUnheard = (each: RecordedAttempt, last: RecordedAttempt): boolean =>
  each.node !== last.node &&
  BigInt(each.token ?? 0) < BigInt(last.token ?? 0) &&
  (each.endedAt ?? Number.POSITIVE_INFINITY) <= (last.startedAt ?? 0)
