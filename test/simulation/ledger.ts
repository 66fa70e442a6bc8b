/**
 * Finished shards, one line each, so that ten thousand seeds can be run over several sittings and added up. A seed that
 * was run twice on one commit counts once.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface ShardLine {
  /** With `+` behind it when the working tree had changes. */
  readonly commit: string
  /** What was fixed instead of drawn from the seed, as `NODES=8`; empty when nothing was. */
  readonly given: string
  readonly from: number
  readonly to: number
  readonly violations: number
  readonly seconds: number
  /** ISO 8601. */
  readonly at: string
}

export interface ShardSum {
  readonly commit: string
  readonly given: string
  readonly seeds: number
  readonly violations: number
  readonly seconds: number
  readonly ranges: readonly string[]
}

export function appendShard(file: string, line: ShardLine): void {
  mkdirSync(dirname(file), { recursive: true })
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** @throws Error naming the line that is none */
export function readShards(file: string): ShardLine[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map((line, index) => {
      try {
        return JSON.parse(line) as ShardLine
      } catch (error) {
        throw new Error(`${file} line ${index + 1}: expected JSON, got ${line.slice(0, 80)}`, {
          cause: error,
        })
      }
    })
}

/** Per commit and shape, in the order of first mention. */
export function sumShards(lines: readonly ShardLine[]): ShardSum[] {
  const groups = Map.groupBy(lines, ({ commit, given }) => `${commit} ${given}`)
  return [...groups.values()].flatMap(group => {
    const [first] = group
    if (first === undefined) return []
    const ranges = united(group.map(({ from, to }) => [from, to] as const))
    return {
      commit: first.commit,
      given: first.given,
      seeds: ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0),
      violations: group.reduce((sum, { violations }) => sum + violations, 0),
      seconds: group.reduce((sum, { seconds }) => sum + seconds, 0),
      ranges: ranges.map(([from, to]) => `${from}-${to}`),
    }
  })
}

type Range = readonly [from: number, to: number]

function united(ranges: readonly Range[]): Range[] {
  const out: Range[] = []
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = out.at(-1)
    if (last !== undefined && from <= last[1] + 1) out[out.length - 1] = [last[0], Math.max(last[1], to)]
    else out.push([from, to])
  }
  return out
}
