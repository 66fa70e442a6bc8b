/**
 * Finished pieces, one line each, so that ten thousand seeds can be run over several sittings and added up. What counts
 * is the code that ran (`code-hash.ts`), not the commit: a commit that changes only documents voids nothing. A seed that
 * was run twice on one code counts once.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Counts, Tally } from './tally.ts'

export interface PieceLine {
  /** With `+` behind it when the working tree had changes in what runs. */
  readonly commit: string
  readonly code: string
  /** What was fixed instead of drawn from the seed, as `nodes 8`; empty when nothing was. */
  readonly given: string
  readonly from: number
  readonly to: number
  /** Seeds that failed. */
  readonly failed: readonly number[]
  readonly seconds: number
  readonly counts: Counts
  /** ISO 8601. */
  readonly at: string
}

export interface CodeSum {
  readonly code: string
  readonly commits: readonly string[]
  readonly given: string
  readonly seeds: number
  readonly failed: readonly number[]
  readonly seconds: number
  readonly ranges: readonly Range[]
  readonly counts: Counts
}

export type Range = readonly [from: number, to: number]

export function appendPiece(file: string, line: PieceLine): void {
  mkdirSync(dirname(file), { recursive: true })
  // A process that was killed while it wrote left half a line.
  if (existsSync(file)) truncateSync(file, readFileSync(file).lastIndexOf('\n') + 1)
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** Lines of an older form, which do not name the code, are passed over. @throws Error naming the line that is no JSON */
export function readPieces(file: string): PieceLine[] {
  if (!existsSync(file)) return []
  const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return whole.map(parseLine(file)).filter(line => line.code !== undefined)
}

const parseLine =
  (file: string) =>
  (line: string, index: number): PieceLine => {
    try {
      return JSON.parse(line) as PieceLine
    } catch (error) {
      throw new Error(`${file} line ${index + 1}: expected JSON, got ${line.slice(0, 80)}`, { cause: error })
    }
  }

/** Of both, and once what was copied from one to the other. */
export function unitedPieces(...ledgers: readonly (readonly PieceLine[])[]): PieceLine[] {
  return [...new Map(ledgers.flat().map(line => [JSON.stringify(line), line])).values()]
}

/** Per code and shape, in the order of first mention. */
export function sumPieces(lines: readonly PieceLine[]): CodeSum[] {
  const groups = Map.groupBy(lines, ({ code, given }) => `${code} ${given}`)
  return [...groups.values()].flatMap(group => {
    const [first] = group
    if (first === undefined) return []
    const ranges = united(group.map(({ from, to }) => [from, to] as const))
    const tally = new Tally()
    for (const { counts } of group) tally.add(counts)
    return {
      code: first.code,
      commits: [...new Set(group.map(({ commit }) => commit))],
      given: first.given,
      seeds: ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0),
      failed: [...new Set(group.flatMap(({ failed }) => failed))].sort((a, b) => a - b),
      seconds: group.reduce((sum, { seconds }) => sum + seconds, 0),
      ranges,
      counts: tally.counts,
    }
  })
}

/** What is still to be run of a range, in pieces of at most `size`. */
export function piecesLeft(whole: Range, done: readonly Range[], size: number): Range[] {
  const pieces: Range[] = []
  let from = whole[0]
  for (const [doneFrom, doneTo] of [...united(done), [whole[1] + 1, whole[1] + 1] as const]) {
    for (const end = Math.min(doneFrom - 1, whole[1]); from <= end; from += size) {
      pieces.push([from, Math.min(from + size - 1, end)])
    }
    from = Math.max(Math.min(from, doneFrom), doneTo + 1)
  }
  return pieces
}

function united(ranges: readonly Range[]): Range[] {
  const out: Range[] = []
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = out.at(-1)
    if (last !== undefined && from <= last[1] + 1) out[out.length - 1] = [last[0], Math.max(last[1], to)]
    else out.push([from, to])
  }
  return out
}
