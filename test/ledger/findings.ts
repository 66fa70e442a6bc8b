/** What the judge found, as lines of the report: one for each claim. */
import type { Report } from '../faults/report.ts'
import type { Injected } from './chaos.ts'
import type { Judgement, Wrong } from './judge.ts'
import type { Played } from './play.ts'

/** Findings told of one by one, of each kind. */
const SHOWN_MAX = 5

const CLAIMS: Readonly<Record<Wrong, string>> = {
  lost: 'accepted tasks that did not succeed',
  'never-ran': 'tasks shown as succeeded of which no run ended at the register',
  'result-of-no-run': 'results that are of no run the register accepted',
  'two-results': 'tasks with two committed results',
  'unexplained-run':
    'runs beyond the first that no kill, freeze, cut, restart, standstill or end of a right explains in time and place',
  'stale-accepted': 'stale acts that the register accepted',
  'ran-unasked': 'tasks that nobody handed in',
  'refused-for-good': 'tasks refused for good although nothing is wrong with them',
  'wrong-key': 'tasks run for another key than their own',
}

/** "Every few seconds": from one step to the next on average, ms. */
const STEP_MS_MAX = 10_000
/** By so many steps each kind has come: of four kinds one fails to once in 25,000 runs. */
const KINDS_STEPS = 40

export interface Asked {
  readonly tasks: number
  /** Every kind of fault that is drawn from. */
  readonly kinds: readonly Injected[]
}

export function tell(report: Report, judgement: Judgement, played: Played, { tasks, kinds }: Asked): void {
  report.count('tasks accepted', [judgement.accepted], { least: tasks, most: tasks })
  report.count('of them succeeded', [judgement.succeeded], { least: tasks })
  for (const wrong of Object.keys(CLAIMS) as Wrong[]) {
    const found = judgement.findings.filter(finding => finding.wrong === wrong)
    report.count(CLAIMS[wrong], [found.length], { most: 0 })
    for (const { task, text } of found.slice(0, SHOWN_MAX)) report.say(`${task}: ${text}`)
  }
  report.count('tasks asked of random nodes at the end', [played.sampled], { least: Math.min(tasks, 1) })
  report.count(
    `of ${played.sampled} tasks asked of random nodes at the end, not shown as succeeded`,
    [played.notShown],
    {
      most: 0,
    },
  )
  for (const [cause, count] of Object.entries(judgement.repeats))
    if (cause !== 'unexplained') report.count(`runs beyond the first, explained by: ${cause}`, [count])
  report.count('of all of these, not told of by the record of the task', [judgement.untold])
  report.count('signs that the register refused', [judgement.refusedMarks])
  // Where nothing stale comes, nothing stale is accepted.
  const refused = played.stale === undefined ? null : Number(played.stale === 'refused')
  report.count('stale acts made on purpose at the end that it refused', [refused], { least: 1 })
  injected(report, played, kinds)
  report.seconds('handing in took', [played.submitMs])
  report.seconds('until every task had an end, once all were mended', [played.settleMs], { least: 0 })
}

/** A run in which nothing was broken shows nothing. */
function injected(
  report: Report,
  { steps, history, refusals, submitMs }: Played,
  kinds: readonly Injected[],
): void {
  report.count('steps that broke one or two nodes', [steps.length], { least: 1 })
  report.seconds('    from one to the next, on average', [submitMs / Math.max(1, steps.length)], {
    most: STEP_MS_MAX / 1_000,
  })
  if (steps.length >= KINDS_STEPS)
    report.count(
      `    kinds of ${kinds.join(', ')} that never came`,
      [kinds.filter(kind => !steps.some(step => step.kind === kind)).length],
      { most: 0 },
    )
  for (const [kind, some] of Map.groupBy(steps, step => step.kind)) {
    report.count(`    nodes hit by ${kind}`, [some.reduce((sum, { nodes }) => sum + nodes.length, 0)])
  }
  const told = history.faults.filter(({ kind }) => kind === 'pause' || kind === 'fence').length
  report.count('standstills and ends of rights in the logs of the daemons', [told])
  report.count('signs at the register', [history.marks.length], { least: 1 })
  const texts = [...refusals].map(([why, count]) => `${why}: ${count}`)
  report.count('hand-ins that were not accepted, and tried again', [
    [...refusals.values()].reduce((a, b) => a + b, 0),
  ])
  if (texts.length > 0) report.say(texts.join('; '))
}
