/** What of a record the judge needs. */
import type { Json, TaskRecord } from '../../src/tasks/task.ts'
import type { Copy } from './history.ts'

export function copyOf(node: string, { spec, state, attempts, result }: TaskRecord): Copy {
  const run = runOf(result)
  const failed = attempts.filter(({ outcome }) => outcome !== 'succeeded').length
  return { task: spec.id, node, state, ...(run !== undefined && { run }), attempts: attempts.length, failed }
}

/** The name of the run that a result is of: what the application answered, or the command printed. */
export function runOf(result: Json | undefined): string | undefined {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return undefined
  const { body, stdout } = result as { readonly body?: Json; readonly stdout?: Json }
  const text = body ?? stdout
  if (typeof text !== 'string' || !text.startsWith('{')) return undefined
  const { run } = JSON.parse(text) as { readonly run?: string }
  return run
}
