/**
 * `npm run simulate`: seeded clusters on virtual time, held to the invariants.
 *
 *   SEED     one seed; FROM and SEEDS are for many
 *   FROM     first seed (default 1)
 *   SEEDS    how many (default 1 with SEED, else 200)
 *   SHARD    i/n: of these seeds only the i-th of n parts
 *   NODES    hosts in a cluster (default: 3 to 16, as the seed says)
 *   SECONDS  virtual seconds of a run (default 60)
 *   PROFILE  mixed, mild, pauses, calm (default: of ten seeds one calm, one pauses, two mild, six mixed)
 *   MODE     available, quorum (default: of three seeds two in quorum mode)
 *   WORKERS  threads (default: the CPU cores)
 *   KEEP     go on until this many violations (default 5)
 *   SUM      1, or the flag --sum: run nothing, add up the finished shards of each commit
 *
 * A finished shard is a line in `.roundtable/simulation.ndjson`; a failing seed leaves its transcript beside it.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { argv, env, exit } from 'node:process'
import { appendShard, readShards, sumShards } from './ledger.ts'
import { runPool } from './pool.ts'
import { regressionLine, tellViolation, writeTranscript } from './report.ts'
import type { SeedResult } from './seed-run.ts'
import { MODES, PROFILES, type Shape, shapeOf } from './shape.ts'
import { Tally } from './tally.ts'

const DIRECTORY = '.roundtable'
const LEDGER = `${DIRECTORY}/simulation.ndjson`
const PROGRESS_MS = 5_000

const setting = (name: string): string | undefined => env[name] || undefined

function refuse(name: string, expected: string): never {
  console.error(`${name}: expected ${expected}, got ${JSON.stringify(setting(name))}`)
  return exit(2)
}

function number(name: string): number | undefined {
  const text = setting(name)
  const value = Number(text)
  if (text === undefined) return undefined
  return Number.isSafeInteger(value) && value >= 1 ? value : refuse(name, 'a whole number from 1')
}

function choice<T extends string>(name: string, values: readonly T[]): T | undefined {
  const text = setting(name)
  if (text === undefined) return undefined
  return values.find(value => value === text) ?? refuse(name, values.join(' or '))
}

function shard(): readonly [part: number, of: number] {
  const [part, of] = (setting('SHARD') ?? '1/1').split('/').map(Number)
  const valid = Number.isSafeInteger(part) && Number.isSafeInteger(of)
  if (!valid || part === undefined || of === undefined || part < 1 || part > of) return refuse('SHARD', 'i/n')
  return [part, of]
}

/** What is fixed instead of drawn from the seed. */
function givenShape(): Partial<Shape> {
  const drawn = {
    profile: choice('PROFILE', PROFILES),
    mode: choice('MODE', MODES),
    nodes: number('NODES'),
    seconds: number('SECONDS'),
  }
  return Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined))
}

function commitOfTree(): string {
  const git = (...words: string[]): string =>
    spawnSync('git', words, { encoding: 'utf8' }).stdout?.trim() ?? ''
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === '') return 'unknown'
  return git('status', '--porcelain', '--', 'src', 'test/simulation') === '' ? commit : `${commit}+`
}

const tell = (values: object): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')

function printSum(): void {
  const sums = sumShards(readShards(LEDGER))
  if (sums.length === 0) console.log(`no finished shard in ${LEDGER}`)
  for (const { commit, given, seeds, violations, seconds, ranges } of sums) {
    const shape = given === '' ? '' : ` with ${given}`
    const pace = `${(seconds / 60).toFixed(1)} min`
    console.log(`${commit}${shape}: ${seeds} seeds (${ranges.join(', ')}), ${violations} violations, ${pace}`)
  }
}

async function simulate(): Promise<number> {
  const given = givenShape()
  const first = number('SEED') ?? number('FROM') ?? 1
  const count = number('SEEDS') ?? (setting('SEED') === undefined ? 200 : 1)
  const [part, of] = shard()
  const from = first + Math.floor(((part - 1) * count) / of)
  const to = first + Math.floor((part * count) / of) - 1
  const commit = commitOfTree()
  const run = new Run(to - from + 1, number('KEEP') ?? 5, commit)
  function* jobs(): Generator<Shape> {
    for (let seed = from; seed <= to; seed++) yield shapeOf(seed, given)
  }
  const workers = Math.min(to - from + 1, number('WORKERS') ?? availableParallelism())
  await runPool({ workers, jobs: jobs(), onResult: result => run.take(result) })
  const name = tell({ commit, seeds: `${from} to ${from + run.done - 1}`, ...given, workers })
  run.finish(name)
  if (run.done === to - from + 1) {
    const { violations, seconds } = run
    const at = new Date().toISOString()
    appendShard(LEDGER, { commit, given: tell(given), from, to, violations, seconds, at })
  }
  return run.violations
}

class Run {
  readonly #count: number
  readonly #keep: number
  readonly #commit: string
  readonly #startedAt = performance.now()
  readonly #tally = new Tally()
  #toldAt = this.#startedAt
  done = 0
  violations = 0

  constructor(count: number, keep: number, commit: string) {
    this.#count = count
    this.#keep = keep
    this.#commit = commit
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 10) / 100
  }

  /** False when enough is wrong. */
  take(result: SeedResult): boolean {
    this.done++
    this.#tally.add(result.counts)
    if (result.violation !== undefined) {
      this.violations++
      console.error(tellViolation(result))
      console.error(`  transcript: ${writeTranscript(result, `${DIRECTORY}/simulation`)}`)
      console.error(`  for regressions.json: ${regressionLine(result, this.#commit)}\n`)
    }
    if (performance.now() - this.#toldAt > PROGRESS_MS) {
      this.#toldAt = performance.now()
      console.log(this.#pace())
    }
    return this.violations < this.#keep
  }

  finish(name: string): void {
    for (const [what, times] of Object.entries(this.#tally.counts)) {
      console.log(`${String(Math.round(times)).padStart(12)} ${what}`)
    }
    console.log(`${name}: ${this.#pace()}`)
  }

  #pace(): string {
    const rate = (this.done / this.seconds).toFixed(1)
    return `${this.done} of ${this.#count} seeds, ${this.violations} violations, ${rate} seeds/s, ${this.seconds} s`
  }
}

if (setting('SUM') !== undefined || argv.includes('--sum')) printSum()
else exit((await simulate()) === 0 ? 0 : 1)
