/** Task records as tables. */
import type { Progress } from '../tasks/progress.ts'
import type { Attempt, TaskRecord } from '../tasks/task.ts'
import { progressText } from './attempt-view.ts'
import { cut, duration, sheet, table } from './table.ts'

/** Columns left for a key or id in a list, so that a row of ordinary length stays on one line. */
const NAME_COLUMNS_MIN = 16

/** One line a task. */
export function taskTable(tasks: readonly TaskRecord[], columns: number): string {
  const room = Math.max(NAME_COLUMNS_MIN, Math.floor((columns - 50) / 2))
  return table(tasks, [
    {
      title: 'ID',
      cell: task => (task.spec.id.length > room * 2 ? cut(task.spec.id, room * 2) : task.spec.id),
    },
    { title: 'STATE', cell: task => task.state },
    { title: 'TYPE', cell: task => task.spec.type },
    { title: 'KEY', cell: task => cut(task.spec.key, room) },
    { title: 'TRIES', cell: task => task.attempts.length, right: true },
    { title: 'ON', cell: task => task.attempts.at(-1)?.node },
  ])
}

/** One task from all sides. */
export function taskSheet(task: TaskRecord & { readonly progress?: Progress }): string {
  const head = sheet([
    ['id', task.spec.id],
    ['state', task.state],
    ['type', task.spec.type],
    ['key', task.spec.key],
    ['source', task.source],
    ['priority', task.spec.priority],
    ['accepted', new Date(task.acceptedAt).toISOString()],
    ...(task.settledAt === undefined ? [] : [['settled', new Date(task.settledAt).toISOString()] as const]),
    ...(task.notBefore === undefined
      ? []
      : [['not before', new Date(task.notBefore).toISOString()] as const]),
    ...(task.progress === undefined ? [] : [['progress', progressText(task.progress)] as const]),
    ['holders', task.holders.join(', ')],
    ['payload', JSON.stringify(task.spec.payload)],
    ...(task.result === undefined ? [] : [['result', JSON.stringify(task.result)] as const]),
    ...(task.error === undefined ? [] : [['error', `${task.error.code}: ${task.error.message}`] as const]),
  ])
  if (task.attempts.length === 0) return head
  return `${head}\n${table(task.attempts, [
    { title: 'TRY', cell: attempt => attempt.number, right: true },
    { title: 'NODE', cell: attempt => attempt.node },
    { title: 'STARTED', cell: attempt => new Date(attempt.startedAt).toISOString() },
    { title: 'TOOK', cell: took, right: true },
    {
      title: 'OUTCOME',
      cell: attempt => (isTakenBack(attempt) ? 'taken back' : (attempt.outcome ?? 'running')),
    },
    { title: 'WHY', cell: attempt => whyEnded(attempt) },
  ])}`
}

/** What the record says of an attempt that ended since somebody cancelled its task. */
const BY_ORDER = 'the task was cancelled'

/** Stopped without a word against the task, as its node left: nobody has cancelled it. */
const isTakenBack = ({ outcome, error }: Attempt): boolean =>
  outcome === 'cancelled' && error !== undefined && error.message !== BY_ORDER

function whyEnded(attempt: Attempt): string {
  if (attempt.error === undefined) return ''
  const { code, message } = attempt.error
  return isTakenBack(attempt) ? message : `${code}: ${message}`
}

const took = (attempt: Attempt): string | undefined =>
  attempt.endedAt === undefined ? undefined : duration(attempt.endedAt - attempt.startedAt)
