/** Seeded clusters in `npm test`: new seeds would find other things each day, so these are fixed; `npm run simulate` takes any. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPool } from './pool.ts'
import regressions from './regressions.json' with { type: 'json' }
import { tellViolation } from './report.ts'
import { runSeed } from './seed-run.ts'
import { EXTRAS, MODES, PROFILES, type Shape, shapeOf } from './shape.ts'

const SEEDS = 10
const WORKERS = 2
/** Larger ones take most of the time, and have no more of a chance to fail again: `npm run regressions` takes all. */
const NODES_MAX = process.env['REGRESSIONS'] === 'all' ? 16 : 11

interface Regression {
  readonly seed: number
  readonly profile: string
  readonly mode: string
  readonly nodes: number
  readonly seconds: number
  /** Absent on those that are older than the extras: they had none. */
  readonly extras?: string
  /** The last commit that failed. */
  readonly commit: string
  readonly reason: string
}

async function violationsOf(jobs: readonly Shape[]): Promise<string[]> {
  const told: string[] = []
  let done = 0
  await runPool({
    workers: WORKERS,
    jobs,
    onResult: result => {
      done++
      if (result.violation !== undefined) told.push(tellViolation(result))
      return told.length < 3
    },
  })
  if (told.length === 0) assert.equal(done, jobs.length)
  return told
}

test(`${SEEDS} seeds of 3 to 16 nodes and sixty virtual seconds keep every invariant`, async () => {
  const jobs = Array.from({ length: SEEDS }, (_, index) => shapeOf(index + 1))
  assert.deepEqual(await violationsOf(jobs), [])
})

test('clusters of two nodes keep every invariant of available mode too', async () => {
  const jobs = Array.from({ length: 20 }, (_, index) =>
    shapeOf(2_000 + index, { nodes: 2, mode: 'available' }),
  )
  assert.deepEqual(await violationsOf(jobs), [])
})

test(`every seed that once failed passes now, of up to ${NODES_MAX} nodes`, async () => {
  const chosen = (regressions as readonly Regression[]).filter(({ nodes }) => nodes <= NODES_MAX)
  const jobs = chosen.map(({ seed, profile, mode, nodes, seconds, extras }) => {
    const knownExtras = EXTRAS.find(name => name === (extras ?? 'none'))
    const knownProfile = PROFILES.find(name => name === profile)
    const knownMode = MODES.find(name => name === mode)
    assert.ok(knownProfile !== undefined && knownMode !== undefined, `${profile}, ${mode}`)
    assert.ok(knownExtras !== undefined, extras)
    return { seed, profile: knownProfile, mode: knownMode, nodes, seconds, extras: knownExtras }
  })
  assert.deepEqual(await violationsOf(jobs), [])
})

test('one seed gives one trace, bit for bit, and another seed another', () => {
  const trace = (seed: number): string =>
    runSeed({ ...shapeOf(seed), profile: 'mixed', nodes: 5, seconds: 40, hashed: true }).traceHash
  const once = trace(42)
  assert.equal(trace(42), once)
  assert.notEqual(trace(43), once)
})
