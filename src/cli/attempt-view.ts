/** What an attempt says of itself, for people. */
import type { AttemptLook, LogTail } from '../tasks/messages.ts'
import type { Progress, ProgressReport } from '../tasks/progress.ts'
import { printable } from './table.ts'

/** `GET /v1/tasks/ID/log`. */
export interface TaskLog extends AttemptLook {
  readonly task: string
  readonly attempt: number
  readonly node: string
}

/** `30 % (3/10) layers`. */
export function howFar({ fraction, done, total, note }: ProgressReport): string {
  const parts = [
    ...(fraction === undefined ? [] : [`${Math.floor(fraction * 100)} %`]),
    ...(done === undefined ? [] : [total === undefined ? `${done} done` : `(${done}/${total})`]),
    ...(note === undefined || note === '' ? [] : [note]),
  ]
  return parts.join(' ')
}

/** `30 % (3/10) layers, at 12:00:05`. */
export const progressText = (progress: Progress): string =>
  `${howFar(progress)}, at ${new Date(progress.at).toISOString().slice(11, 19)}`

/** Everything that is kept of one attempt. */
export function logText(log: TaskLog): string {
  const state = log.running ? 'running' : 'ended'
  const progress = log.progress === undefined ? '' : `; ${progressText(log.progress)}`
  const head = printable(`attempt ${log.attempt} of ${log.task} on ${log.node}, ${state}${progress}`)
  return `${head}\n${output('standard output', log.stdout)}${output('standard error', log.stderr)}`
}

function output(name: string, tail: LogTail | undefined): string {
  if (tail === undefined || (tail.text === '' && tail.cutBytes === 0)) return ''
  const cut = tail.cutBytes === 0 ? '' : `, without ${tail.cutBytes} bytes before this`
  const lines = tail.text
    .split('\n')
    .map(line => (line === '' ? '' : printable(line.replaceAll('\t', '    '))))
  const text = lines.join('\n')
  return `--- ${name}${cut}\n${text}${text.endsWith('\n') ? '' : '\n'}`
}
