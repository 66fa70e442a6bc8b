/** What came out: the numbers, what is wrong with them, and how both are shown. */
import type { TaskRecord } from '../../tasks/task.ts'
import { duration, sheet, table } from '../table.ts'
import { findReruns, type Rerun, type TaskStory } from './books.ts'
import { type Havoc, takeoverOf } from './chaos.ts'
import type { Verdict } from './manifest.ts'
import { ownedBy, type Sample } from './watch.ts'

/** Single tasks named in the text; the JSON has all. */
const NAMED_MAX = 10

export interface Findings {
  readonly sample: Sample
  readonly tasks: number
  readonly stories: ReadonlyMap<string, TaskStory>
  readonly havoc: Havoc | undefined
  readonly startMs: number
  readonly manifest: { readonly path: string; readonly lines: number } | undefined
  readonly verdict: Verdict | undefined
}

export type Summary = ReturnType<typeof summarise>

export function summarise(found: Findings) {
  const { sample, tasks, stories, havoc } = found
  const all = [...stories.values()]
  const reruns = findReruns(all, havoc?.kill)
  const attempts = all.flatMap(story => story.attempts)
  const unsuccessful = all.map(({ record }) => record).filter(({ state }) => state !== 'succeeded')
  const counted = {
    tasks,
    succeeded: all.length - unsuccessful.length,
    unsuccessful: unsuccessful.map(({ spec, state, error }) => ({ task: spec.id, state, error })),
    missing: Math.max(0, tasks - all.length),
    retried: all.filter(story => story.attempts.some(({ outcome }) => outcome === 'failed')).length,
    fenced: all.filter(story => story.attempts.some(({ outcome }) => outcome === 'fenced')).length,
    runTwice: reruns.filter(({ why }) => why !== 'was-running-on-victim'),
    cutOff: reruns.filter(({ why }) => why === 'was-running-on-victim'),
    attempts: attempts.length,
    started: sample.nodes.reduce(
      (sum, { status }) => sum + (status?.tasks.started ?? 0),
      havoc?.startedBefore ?? 0,
    ),
  }
  const chaos = havoc === undefined ? undefined : chaosOf(havoc, stories)
  const problems = problemsOf({ ...counted, chaos, unsuccessful, verdict: found.verdict })
  return {
    ok: problems.length === 0,
    problems,
    ...modeOf(sample),
    nodes: sample.nodes.map(node => nodeRow(node, attempts)),
    ...counted,
    seconds: {
      start: found.startMs / 1_000,
      work: workMs(attempts) / 1_000,
      total: sample.elapsedMs / 1_000,
    },
    manifest: found.manifest === undefined ? undefined : { ...found.manifest, ...found.verdict },
    chaos,
  }
}

/** In which mode it ran, and how many nodes may act at the end. */
function modeOf({ nodes }: Sample) {
  const statuses = nodes.flatMap(({ status }) => status ?? [])
  return {
    mode: statuses[0]?.mode,
    acting: statuses.filter(({ grants }) => !grants.enabled || grants.leaseForMs !== undefined).length,
  }
}

function chaosOf(havoc: Havoc, stories: Findings['stories']) {
  return {
    node: havoc.kill.node,
    killedAt: new Date(havoc.kill.at).toISOString(),
    noticedMs: havoc.noticedMs,
    takeover: takeoverOf(havoc, stories),
    restart: { listeningMs: Math.round(havoc.listeningMs), agreementMs: Math.round(havoc.agreementMs) },
  }
}

function nodeRow(
  { plan, status, share }: Sample['nodes'][number],
  attempts: readonly TaskStory['attempts'][number][],
) {
  const own = attempts.filter(({ node }) => node === plan.name)
  return {
    node: plan.name,
    url: `http://${plan.http}`,
    gossip: plan.gossip,
    share: share ?? 0,
    owned: ownedBy({ plan, status, share }),
    ran: own.length,
    succeeded: own.filter(({ outcome }) => outcome === 'succeeded').length,
  }
}

function workMs(attempts: TaskStory['attempts']): number {
  const first = attempts.reduce(
    (least, { startedAt }) => Math.min(least, startedAt),
    Number.POSITIVE_INFINITY,
  )
  const last = attempts.reduce((most, { endedAt }) => Math.max(most, endedAt ?? 0), 0)
  return Math.max(0, last - first)
}

interface Judged {
  readonly missing: number
  readonly unsuccessful: readonly TaskRecord[]
  readonly runTwice: readonly Rerun[]
  readonly cutOff: readonly Rerun[]
  readonly attempts: number
  readonly started: number
  readonly verdict: Verdict | undefined
  readonly chaos: ReturnType<typeof chaosOf> | undefined
}

/** Why this run is not a success, one sentence each. */
function problemsOf(found: Judged): readonly string[] {
  const unexplained = found.runTwice.filter(({ why }) => why === 'unexplained').length
  const blind = Object.entries(found.chaos?.noticedMs ?? {}).filter(([, ms]) => ms === undefined)
  const hidden = found.chaos === undefined ? found.started - found.attempts : 0
  return [
    ...(found.missing > 0 ? [`${found.missing} tasks are on no node's books`] : []),
    ...(found.unsuccessful.length > 0 ? [`${found.unsuccessful.length} tasks did not succeed`] : []),
    ...(unexplained > 0 ? [`${unexplained} tasks ran twice without a reason`] : []),
    ...(hidden > 0 ? [`${hidden} attempts were started that are on no node's books`] : []),
    ...(found.verdict?.equal === false
      ? [`${found.verdict.differing} lines differ from what sha256sum says`]
      : []),
    ...blind.map(([node]) => `${node} did not notice the kill`),
  ]
}

/** For a person. */
export function describe(summary: Summary): string {
  const nodes = table(summary.nodes, [
    { title: 'NODE', cell: node => node.node },
    { title: 'SHARE', cell: node => `${(node.share * 100).toFixed(1)} %`, right: true },
    { title: 'OWNED', cell: node => node.owned, right: true },
    { title: 'RAN', cell: node => node.ran, right: true },
    { title: 'SUCCEEDED', cell: node => node.succeeded, right: true },
  ])
  const { start, work, total } = summary.seconds
  const head = sheet([
    ['mode', `${summary.mode}, ${summary.acting} of ${summary.nodes.length} nodes may act`],
    ['tasks', summary.tasks],
    ['succeeded', summary.succeeded],
    ['retried', summary.retried],
    ...(summary.fenced === 0 ? [] : [['stopped for want of a lease', summary.fenced] as const]),
    ['run twice', withReasons(summary.runTwice)],
    ...(summary.chaos === undefined ? [] : [['cut off and run again', summary.cutOff.length] as const]),
    ...(summary.manifest === undefined ? [] : [['results', manifestLine(summary.manifest)] as const]),
    ['seconds', `${start.toFixed(1)} to start, ${work.toFixed(1)} of work, ${total.toFixed(1)} in all`],
  ])
  const chaos = summary.chaos === undefined ? '' : `\n${chaosSheet(summary.chaos)}`
  return `${nodes}\n${head}${chaos}${namedTasks(summary)}\n${verdictLine(summary)}`
}

function verdictLine({ ok, problems }: Summary): string {
  return ok
    ? 'ok: nothing missing, nothing wrong\n'
    : problems.map(problem => `FAILED: ${problem}\n`).join('')
}

function manifestLine({ path, lines, equal }: NonNullable<Summary['manifest']>): string {
  const verdict =
    equal === undefined ? '' : equal ? ', equal to sha256sum run directly' : ', NOT equal to sha256sum'
  return `${lines} lines in ${path}${verdict}`
}

function withReasons(reruns: readonly Rerun[]): string {
  const unexplained = reruns.filter(({ why }) => why === 'unexplained').length
  if (reruns.length === 0) return '0'
  const explained = reruns.length - unexplained
  return `${reruns.length} (${explained} done on the killed node and not yet known elsewhere, ${unexplained} unexplained)`
}

function chaosSheet({ node, noticedMs, takeover, restart }: NonNullable<Summary['chaos']>): string {
  const times = Object.values(noticedMs)
  const seen = times.filter(ms => ms !== undefined)
  const unseen = times.length - seen.length
  const noticed = `first after ${duration(Math.min(...seen))}, last after ${duration(Math.max(...seen))}`
  return sheet([
    ['killed', node],
    [
      'noticed by all others',
      seen.length === 0 ? 'never' : unseen > 0 ? `${noticed}, ${unseen} never` : noticed,
    ],
    ['its tasks run elsewhere', takeover.tasks],
    ['  first start after', duration(takeover.firstStartMs)],
    ['  last start after', duration(takeover.lastStartMs)],
    [
      'restart',
      `listens after ${duration(restart.listeningMs)}, all agree after ${duration(restart.agreementMs)}`,
    ],
  ])
}

function namedTasks(summary: Summary): string {
  const reruns = [...summary.runTwice, ...summary.cutOff].map(
    ({ task, why, attempts }) =>
      `  ${task}: ${why} (${attempts.map(({ node, outcome }) => `${node} ${outcome ?? 'running'}`).join(', ')})\n`,
  )
  const failed = summary.unsuccessful.map(
    ({ task, state, error }) => `  ${task}: ${state}${error ? `, ${error.code}: ${error.message}` : ''}\n`,
  )
  const differing = (summary.manifest?.differences ?? []).map(line => `  ${line}\n`)
  const all = [...failed, ...differing, ...reruns]
  const more = all.length > NAMED_MAX ? `  and ${all.length - NAMED_MAX} more (--json names all)\n` : ''
  return all.length === 0 ? '' : `\n${all.slice(0, NAMED_MAX).join('')}${more}`
}
