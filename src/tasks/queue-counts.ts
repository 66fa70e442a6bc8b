/** What the queue says of itself, by type, group and priority, for status and metrics. Labels are bounded in number. */
import type { Metric } from './counts.ts'
import type { Limits } from './limits.ts'
import type { Load } from './queue.ts'
import type { Schedule } from './schedule.ts'

/** Types and groups that are told apart; the fullest. The others are summed up under `OTHERS`. */
export const SHOWN_MAX = 50
export const OTHERS = '(others)'

/** Of one type or group. */
export interface QueueCount {
  readonly name: string
  /** Ready to start on this node, as owner. */
  readonly queued: number
  /** Of a type: attempts that run here. Of a group: attempts of own tasks, wherever they run. */
  readonly running: number
  /** As many may run at one time by this node's configuration; absent: no limit of its own. */
  readonly limit?: number
}

export interface QueueCounts {
  /** The fullest first; a limit of 0: this node has no executor for it, so what is queued waits. */
  readonly types: readonly QueueCount[]
  readonly groups: readonly QueueCount[]
  /** Keys of which something is ready or runs. */
  readonly keys: number
}

export function queueCounts(schedule: Schedule, limits: Limits): QueueCounts {
  return {
    types: fullest(schedule.types, type => limits.ofType(type)),
    groups: fullest(schedule.groups, group => limits.ofGroup(group)),
    keys: schedule.keys,
  }
}

function fullest(
  loads: ReadonlyMap<string, Readonly<Load>>,
  limitOf: (name: string) => number,
): QueueCount[] {
  const all = [...loads].filter(([name]) => name !== '')
  all.sort(([a, x], [b, y]) => y.queued + y.running - x.queued - x.running || (a < b ? -1 : 1))
  const shown = all.slice(0, SHOWN_MAX).map(([name, { queued, running }]): QueueCount => {
    const limit = limitOf(name)
    return { name, queued, running, ...(limit !== Number.POSITIVE_INFINITY && { limit }) }
  })
  const rest = all.slice(SHOWN_MAX)
  if (rest.length === 0) return shown
  const sum = (of: (load: Readonly<Load>) => number): number =>
    rest.reduce((sum, [, load]) => sum + of(load), 0)
  return [...shown, { name: OTHERS, queued: sum(load => load.queued), running: sum(load => load.running) }]
}

export function queueMetrics(schedule: Schedule, limits: Limits): Metric[] {
  const { types, groups, keys } = queueCounts(schedule, limits)
  const missing = types.filter(({ limit, queued }) => limit === 0 && queued > 0)
  const by = (label: string, counts: readonly QueueCount[], of: (count: QueueCount) => number) =>
    counts.map(count => ({ labels: { [label]: count.name }, value: of(count) }))
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name,
    help,
    type: 'gauge',
    samples,
  })
  return [
    gauge(
      'queue_ready',
      'Tasks ready to start here, by type.',
      by('type', types, each => each.queued),
    ),
    gauge(
      'queue_running',
      'Attempts that run here, by type.',
      by('type', types, each => each.running),
    ),
    gauge(
      'queue_group_ready',
      'Tasks ready to start here, by group.',
      by('group', groups, each => each.queued),
    ),
    gauge(
      'queue_group_running',
      'Attempts of own tasks that run, here or elsewhere, by group.',
      by('group', groups, each => each.running),
    ),
    gauge('queue_keys', 'Keys of which something is ready or runs.', [{ value: keys }]),
    gauge(
      'tasks_without_executor',
      'Ready tasks that wait because this node, which owns their key, has no executor for their type.',
      by('type', missing, each => each.queued),
    ),
  ]
}
