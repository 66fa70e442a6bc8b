import { resolve } from 'node:path'
import type { Problem } from '../../base/errors.ts'
import { usage } from '../arguments.ts'
import { flag, text, texts, type Values, wholeNumber } from '../command.ts'

export interface ClusterOptions {
  readonly nodes: number
  readonly count: number
  /** The user's own task list instead of the file job. */
  readonly tasksFile: string | undefined
  readonly allow: readonly { readonly name: string; readonly path: string }[]
  readonly chaos: boolean
  readonly keep: boolean
  readonly manifest: string
  readonly directory: string | undefined
  readonly timeoutMs: number
}

/** More daemons than this do not start on an ordinary machine in reasonable time. */
const NODES_MAX = 32
const COUNT_MAX = 100_000
const TIMEOUT_S_MAX = 86_400

/** @throws CodedError `USAGE` with everything that is wrong */
export function clusterOptions(values: Values): ClusterOptions {
  const problems: Problem[] = []
  const nodes = wholeNumber(values, 'nodes', { min: 1, max: NODES_MAX }, problems) ?? 8
  const count = wholeNumber(values, 'count', { min: 0, max: COUNT_MAX }, problems)
  const timeout = wholeNumber(values, 'timeout', { min: 1, max: TIMEOUT_S_MAX }, problems) ?? 600
  const tasks = text(values, 'tasks')
  const allow = allowed(texts(values, 'allow'), problems)
  const chaos = flag(values, 'chaos')
  if (tasks !== undefined && count !== undefined)
    problems.push({ at: '--count', expected: 'nothing beside --tasks', got: String(count) })
  if (tasks === undefined && allow.length > 0) {
    const expected = '--tasks FILE beside it: its tasks are what may run the command'
    problems.push({ at: '--allow', expected, got: 'none' })
  }
  if (chaos && nodes < 2) problems.push({ at: '--chaos', expected: 'at least 2 nodes', got: String(nodes) })
  if (chaos && count === 0) problems.push({ at: '--chaos', expected: 'a job to disturb', got: '--count 0' })
  if (problems.length > 0) throw usage('cluster', problems)
  const name = tasks === undefined ? 'manifest.sha256' : 'results.ndjson'
  return {
    nodes,
    count: count ?? 2_000,
    tasksFile: tasks === undefined ? undefined : resolve(tasks),
    allow,
    chaos,
    keep: flag(values, 'keep'),
    manifest: resolve(text(values, 'manifest') ?? `.roundtable/${name}`),
    directory: text(values, 'dir'),
    timeoutMs: timeout * 1_000,
  }
}

function allowed(given: readonly string[], problems: Problem[]): ClusterOptions['allow'] {
  return given.flatMap(each => {
    const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:=(.+))?$/.exec(each)
    if (match?.[1] !== undefined) return [{ name: match[1], path: match[2] ?? match[1] }]
    problems.push({ at: '--allow', expected: 'NAME or NAME=PATH', got: JSON.stringify(each) })
    return []
  })
}
