/**
 * Judges a run of the ledger from what was seen outside of the daemons, and from their last word on each task.
 *
 * The promise: a task that got its 202 succeeds, whatever happens; it has one result; what ran more than once did so for
 * a reason; and nothing stale was taken. The intuition of "for a reason": a run is followed by another one only if its
 * own node was hit, while it ran or just before its end could be known elsewhere. So every run but the last of a task is
 * to be explained, each by a fault of its own node at its own time.
 *
 * A fault elsewhere explains nothing, with one exception: a node whose own log says that its right ended (`fence`), while
 * other nodes were down or had just come back, was stopped by these. That it stood still (`pause`) is its machine's doing.
 * Both are counted apart from what was injected.
 */
import { staleAccepted } from '../e2e/act-ledger.ts'
import type { Answer, Copy, Fault, FaultKind, History, Mark, Shown } from './history.ts'

/** The end of a run is known elsewhere after so long at most, ms: a lease, after which its node may not say it any more. */
export const KNOWN_MS = 2_000

/** After a thaw or a heal a node may be taken for dead for so long still, ms: silence, hold and a promise that runs out. */
export const AFTERMATH_MS = 5_000

/** A voter that starts is silent for a promise, and grants are asked for again: a fence follows a fault by so much at most, ms. */
export const FENCE_MS = 8_000

export type Wrong =
  | 'lost'
  | 'never-ran'
  | 'result-of-no-run'
  | 'two-results'
  | 'unexplained-run'
  | 'stale-accepted'
  | 'ran-unasked'
  | 'refused-for-good'
  | 'wrong-key'

export interface Finding {
  readonly wrong: Wrong
  readonly task: string
  readonly text: string
}

export interface Judgement {
  readonly findings: readonly Finding[]
  /** Tasks that got a 202, or a 200 that says it was known already. */
  readonly accepted: number
  readonly succeeded: number
  /** Runs that another run of the same task followed, and by what each is explained. */
  readonly repeats: Readonly<Record<FaultKind | 'unexplained', number>>
  /** Repeats of which the record of the task does not tell. */
  readonly untold: number
  /** Signs that the register refused. */
  readonly refusedMarks: number
}

/** One run of a task, as the register heard it. */
interface Run {
  readonly task: string
  readonly key: string
  readonly run: string
  readonly node: string
  readonly from: number
  /** Its end, or for ever when it never said one. */
  readonly to: number
  /** It ended by itself, and the register accepted that. */
  readonly committed: boolean
}

interface TaskHistory {
  readonly id: string
  readonly answers: readonly Answer[]
  readonly runs: readonly Run[]
  readonly shown: readonly Shown[]
  readonly copies: readonly Copy[]
}

export function judge(history: History): Judgement {
  const faults = [...history.faults.filter(({ kind }) => kind !== 'fence'), ...fencesThatFit(history.faults)]
  const tasks = tasksOf(history)
  const accepted = tasks.filter(isAccepted)
  const repeats = tasks.flatMap(task => repeatsOf(task, faults))
  const count = (cause: FaultKind | 'unexplained'): number =>
    repeats.filter(repeat => repeat.cause === cause).length
  const stale = staleAccepted(history.marks) as readonly Mark[]
  const findings = [
    ...tasks.flatMap(findingsOf),
    ...repeats.flatMap(({ cause, run, next }) =>
      cause === 'unexplained' ? [finding('unexplained-run', run.task, repeatText(run, next))] : [],
    ),
    ...stale.map(({ task, node, token, key }) =>
      finding('stale-accepted', task, `${node} with token ${token} of ${key}, which had a newer one`),
    ),
  ]
  return {
    findings,
    accepted: accepted.length,
    succeeded: accepted.filter(({ copies }) => copies.some(hasSucceeded)).length,
    repeats: {
      kill: count('kill'),
      'disk-lost': count('disk-lost'),
      restart: count('restart'),
      freeze: count('freeze'),
      cut: count('cut'),
      pause: count('pause'),
      fence: count('fence'),
      unexplained: count('unexplained'),
    },
    untold: tasks.reduce((sum, task) => sum + untoldOf(task), 0),
    refusedMarks: history.marks.filter(({ event, accepted: ok }) => event !== 'gone' && !ok).length,
  }
}

/** A daemon that woke from a freeze in the middle of a request says 408; a full one 429. */
const PASSING: ReadonlySet<number> = new Set([408, 429])

/** Does the answer say that the task is wrong? To ask again cannot help then. */
export const refusedForGood = (status: number | null): boolean =>
  status !== null && status >= 400 && status < 500 && !PASSING.has(status)

const finding = (wrong: Wrong, task: string, text: string): Finding => ({ wrong, task, text })

const hasSucceeded = ({ state }: Copy): boolean => state === 'succeeded'

const isAccepted = ({ answers }: TaskHistory): boolean =>
  answers.some(({ status }) => status === 202 || status === 200)

/** Every task that was handed in, ran, or is on a disk. */
function tasksOf({ answers, marks, shown, copies }: History): readonly TaskHistory[] {
  const byTask = {
    answers: Map.groupBy(answers, ({ task }) => task),
    runs: Map.groupBy(runsOf(marks), ({ task }) => task),
    shown: Map.groupBy(shown, ({ task }) => task),
    copies: Map.groupBy(copies, ({ task }) => task),
  }
  const ids = new Set(Object.values(byTask).flatMap(map => [...map.keys()]))
  return [...ids].map(id => ({
    id,
    answers: byTask.answers.get(id) ?? [],
    runs: (byTask.runs.get(id) ?? []).toSorted((a, b) => a.from - b.from),
    shown: byTask.shown.get(id) ?? [],
    copies: byTask.copies.get(id) ?? [],
  }))
}

/** Marks of one run stand together by its name; a `gone` is that it ended without saying so. */
function runsOf(marks: readonly Mark[]): readonly Run[] {
  return [...Map.groupBy(marks, ({ run }) => run)].flatMap(([run, all]) => {
    const said = all.filter(({ event }) => event !== 'gone').toSorted((a, b) => a.at - b.at)
    const first = said[0]
    if (first === undefined) return []
    const { task, key, node } = first
    const end = said.findLast(({ event }) => event === 'stop')
    const to = end?.at ?? Number.POSITIVE_INFINITY
    return [{ task, key, run, node, from: first.at, to, committed: end?.accepted === true }]
  })
}

function findingsOf(task: TaskHistory): readonly Finding[] {
  const { id, answers, runs } = task
  const found: Finding[] = []
  const key = answers[0]?.key
  if (key === undefined)
    found.push(finding('ran-unasked', id, `${runs.length} runs, ${task.copies.length} copies`))
  const elsewhere = runs.find(run => key !== undefined && run.key !== key)
  if (elsewhere !== undefined)
    found.push(finding('wrong-key', id, `handed in for ${key}, ran for ${elsewhere.key}`))
  const refusal = answers.find(({ status }) => refusedForGood(status))
  if (refusal !== undefined)
    found.push(finding('refused-for-good', id, `${refusal.status} ${refusal.code ?? ''}`))
  return isAccepted(task) ? [...found, ...endOf(task)] : found
}

/** How an accepted task ended. */
function endOf({ id, copies, runs, shown }: TaskHistory): readonly Finding[] {
  const settled = copies.filter(({ state }) => ['succeeded', 'dead', 'cancelled'].includes(state))
  const good = settled.filter(hasSucceeded)
  if (good.length === 0 || good.length < settled.length) {
    const states = copies.map(({ node, state }) => `${node} ${state}`).join(', ')
    return [finding('lost', id, states === '' ? 'nobody knows it' : states)]
  }
  // What was shown once is final, whoever shows it.
  const told = [...shown, ...good].map(({ node, run }) => ({ node, run }))
  const results = new Set(told.map(({ run }) => run))
  if (results.size > 1)
    return [finding('two-results', id, told.map(({ node, run }) => `${node} ${run}`).join(', '))]
  if (!runs.some(({ committed }) => committed))
    return [finding('never-ran', id, `${runs.length} runs, none of which ended and was accepted`)]
  const [result] = results
  if (runs.some(({ run, committed }) => run === result && committed)) return []
  return [
    finding(
      'result-of-no-run',
      id,
      `the record names ${result}, of ${runs.map(({ run }) => run).join(', ')}`,
    ),
  ]
}

interface Repeat {
  readonly run: Run
  readonly next: Run
  readonly cause: FaultKind | 'unexplained'
}

/** What was injected comes before what a log says: the one is the cause of the other. */
const ORDER: readonly FaultKind[] = ['kill', 'disk-lost', 'freeze', 'cut', 'restart', 'pause', 'fence']

function repeatsOf({ runs }: TaskHistory, faults: readonly Fault[]): readonly Repeat[] {
  return runs.slice(0, -1).map((run, i) => {
    const next = runs[i + 1] as Run
    const kinds = new Set(faults.filter(fault => explains(fault, run, next)).map(({ kind }) => kind))
    return { run, next, cause: ORDER.find(kind => kinds.has(kind)) ?? 'unexplained' }
  })
}

/** Does the fault explain that after `run` another one began? By its place, and by its time. */
function explains({ kind, node, from, to, task }: Fault, run: Run, next: Run): boolean {
  if (node !== run.node || (task ?? run.task) !== run.task || next.from < from) return false
  switch (kind) {
    // It was under way, or had ended a moment ago and nobody else knew.
    case 'kill':
    case 'disk-lost':
      return run.from <= from && run.to >= from - KNOWN_MS
    // It was cut short: what has ended is handed over before the node goes.
    case 'restart':
      return run.from <= to && run.to >= from
    // The node did not know either, and went on with what it had, or was still taken for dead when it was back.
    case 'freeze':
    case 'cut':
    case 'pause':
      return run.from <= to + AFTERMATH_MS && run.to >= from - KNOWN_MS
    case 'fence':
      return run.from <= to && run.to >= from - KNOWN_MS
    default:
      return kind satisfies never
  }
}

/**
 * Ends of the right to act that something injected explains: it was going on, or just over, anywhere. Those that nothing
 * explains are left out, and explain nothing.
 */
function fencesThatFit(faults: readonly Fault[]): readonly Fault[] {
  const injected = faults.filter(({ kind }) => kind !== 'pause' && kind !== 'fence')
  const fits = (fence: Fault): boolean =>
    injected.some(({ from, to }) => from <= fence.from && fence.from <= to + FENCE_MS)
  return faults.filter(fault => fault.kind === 'fence' && fits(fault))
}

function untoldOf({ runs, copies }: TaskHistory): number {
  if (copies.length === 0) return 0
  const told = Math.max(...copies.map(({ failed }) => failed))
  return Math.max(0, runs.length - 1 - told)
}

const repeatText = (run: Run, next: Run): string =>
  `${run.run} on ${run.node} ${Number.isFinite(run.to) ? `ended at ${run.to.toFixed(0)}` : 'did not end'}, ` +
  `${next.run} on ${next.node} began at ${next.from.toFixed(0)}`
