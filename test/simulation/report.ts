/** What is said of a seed that failed: for a person, and for the machines that run it again. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SeedResult } from './seed-run.ts'
import type { Shape } from './shape.ts'

/** Lines of the transcript shown at once; the file has more. */
const LINES_SHOWN = 40

/** The command that runs this seed again. */
export const replayCommand = ({ seed, profile, mode, nodes, seconds, extras }: Shape): string =>
  `SEED=${seed} PROFILE=${profile} MODE=${mode} NODES=${nodes} SECONDS=${seconds} EXTRAS=${extras} npm run simulate`

/** The line that makes the seed one of the regressions; the reason is for whoever mends it to write. */
export const regressionLine = ({ shape, violation }: SeedResult, commit: string): string =>
  JSON.stringify({ ...shape, commit, reason: violation?.invariant ?? '' })

/** A violation as a person wants to read it. */
export function tellViolation(result: SeedResult, linesShown = LINES_SHOWN): string {
  const { violation, shape, transcript } = result
  if (violation === undefined) return `seed ${shape.seed}: no violation`
  const where = violation.node === undefined ? 'the cluster' : violation.node
  return [
    `seed ${shape.seed}: "${violation.invariant}" does not hold at ${(violation.at / 1000).toFixed(3)} s on ${where}`,
    `  ${violation.detail}`,
    `  replay: ${replayCommand(shape)}`,
    ...transcript.slice(-linesShown).map(line => `  | ${line}`),
  ].join('\n')
}

/** Writes the whole transcript beside the others. @returns the file */
export function writeTranscript(result: SeedResult, directory: string): string {
  const { seed, profile, mode, nodes } = result.shape
  const file = join(directory, `seed-${seed}-${profile}-${mode}-${nodes}.txt`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${tellViolation(result, Number.POSITIVE_INFINITY)}\n`)
  return file
}
