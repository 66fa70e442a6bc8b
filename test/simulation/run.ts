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
 *   EXTRAS   none, voters, frames, both, upheavals, all: changes of the voter list, frames and gossip out of order, what
 *            befalls all at once and what people do that they should not (default: of ten seeds three have none)
 *   WORKERS  threads (default: the CPU cores)
 *   KEEP     go on until this many violations (default 5)
 *   AGAIN    1: also run what is finished on this code
 *   SUM      1, or the flag --sum: run nothing, add up what is finished, for each code; with --json what is finished of the
 *            range on this code, which faults never occurred in it, and in how many seeds clocks are 10 % apart
 *
 * Every 250 finished seeds are a line in `.roundtable/simulation.ndjson`, with the commit and a hash of the code that ran;
 * the same command, interrupted or not, goes on where it stopped. A failing seed leaves its transcript beside it. Lines
 * that `finished.ndjson` beside this file has count as well: so a long run is handed on from machine to machine.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import process, { argv, env, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { codeHash, codePaths } from './code-hash.ts'
import {
  appendPiece,
  type CodeSum,
  piecesLeft,
  type Range,
  readPieces,
  sumPieces,
  unitedPieces,
} from './ledger.ts'
import { runPool } from './pool.ts'
import { rangeSum, tellRanges, tellSum } from './range-sum.ts'
import { regressionLine, tellViolation, writeTranscript } from './report.ts'
import type { SeedResult } from './seed-run.ts'
import { EXTRAS, MODES, PROFILES, type Shape, shapeOf } from './shape.ts'
import { Tally } from './tally.ts'

const DIRECTORY = '.roundtable'
const LEDGER = `${DIRECTORY}/simulation.ndjson`
/** Lines of such a ledger that came with the commit. */
const HANDED_ON = fileURLToPath(new URL('finished.ndjson', import.meta.url))
const PROGRESS_MS = 5_000
/** Seeds that an interruption may cost. */
const PIECE = 250

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
    extras: choice('EXTRAS', EXTRAS),
  }
  return Object.fromEntries(Object.entries(drawn).filter(([, value]) => value !== undefined))
}

/** With `+` when what runs is not what the commit has. */
function commitOfTree(): string {
  const git = (...words: string[]): string =>
    spawnSync('git', words, { encoding: 'utf8' }).stdout?.trim() ?? ''
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === '') return 'unknown'
  return git('status', '--porcelain', '--', ...codePaths()) === '' ? commit : `${commit}+`
}

const tell = (values: object): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')

function printCounts(tally: Tally): void {
  for (const [what, times] of Object.entries(tally.counts)) {
    console.log(`${String(Math.round(times)).padStart(12)} ${what}`)
  }
}

const allPieces = () => unitedPieces(readPieces(HANDED_ON), readPieces(LEDGER))

function printSum(): void {
  const sums = sumPieces(allPieces())
  if (sums.length === 0) console.log(`nothing finished in ${LEDGER}`)
  for (const sum of sums) {
    const tally = new Tally()
    tally.add(sum.counts)
    printCounts(tally)
    console.log(tellSum(sum))
  }
}

/** `null`: nothing of it is finished. */
function printRangeSum(): void {
  console.log(JSON.stringify(rangeSum(allPieces(), codeHash(), rangeAsked()) ?? null))
}

/** What the ledger has of this code and shape. */
const finishedOf = (code: string, given: string): CodeSum | undefined =>
  sumPieces(allPieces()).find(sum => sum.code === code && sum.given === given)

function rangeAsked(): Range {
  const first = number('SEED') ?? number('FROM') ?? 1
  const count = number('SEEDS') ?? (setting('SEED') === undefined ? 200 : 1)
  const [part, of] = shard()
  return [first + Math.floor(((part - 1) * count) / of), first + Math.floor((part * count) / of) - 1]
}

/** @returns how many violations there are in the range, those found earlier included */
async function simulate(): Promise<number> {
  const given = givenShape()
  const single = setting('SEED') !== undefined
  const range = rangeAsked()
  const named = { commit: commitOfTree(), code: codeHash(), given: tell(given) }
  const finished = single || setting('AGAIN') !== undefined ? undefined : finishedOf(named.code, named.given)
  const pieces = piecesLeft(range, finished?.ranges ?? [], PIECE)
  const before = (finished?.failed ?? []).filter(seed => seed >= range[0] && seed <= range[1])
  if (before.length > 0) console.error(`failed earlier on this code: seeds ${before.join(', ')}`)
  const run = new Run(pieces, number('KEEP') ?? 5, named)
  console.log(
    `${tell({ commit: named.commit, code: named.code, seeds: tellRanges([range]), ...given })}: ${run.left()}`,
  )
  await run.through(given, number('WORKERS') ?? availableParallelism())
  return run.violations + before.length
}

/** A piece while it runs. */
interface Piece {
  readonly range: Range
  readonly tally: Tally
  readonly failed: number[]
  left: number
}

class Run {
  readonly #pieces: readonly Piece[]
  readonly #keep: number
  readonly #named: { readonly commit: string; readonly code: string; readonly given: string }
  readonly #startedAt = performance.now()
  readonly #tally = new Tally()
  #toldAt = this.#startedAt
  #writtenAt = this.#startedAt
  #stopped = false
  #done = 0
  violations = 0

  constructor(
    pieces: readonly Range[],
    keep: number,
    named: { commit: string; code: string; given: string },
  ) {
    this.#keep = keep
    this.#named = named
    this.#pieces = pieces.map(range => ({
      range,
      tally: new Tally(),
      failed: [],
      left: range[1] - range[0] + 1,
    }))
  }

  get #count(): number {
    return this.#pieces.reduce((sum, { range }) => sum + range[1] - range[0] + 1, 0)
  }

  /** What there is to do, in words. */
  left(): string {
    const ranges = this.#pieces.map(({ range }) => range)
    return ranges.length === 0 ? 'all finished, AGAIN=1 runs it again' : `to run ${tellRanges(ranges)}`
  }

  async through(given: Partial<Shape>, workersMax: number): Promise<void> {
    if (this.#count === 0) return
    const workers = Math.min(this.#count, workersMax)
    const ranges = this.#pieces.map(({ range }) => range)
    function* jobs(): Generator<Shape> {
      for (const [from, to] of ranges) for (let seed = from; seed <= to; seed++) yield shapeOf(seed, given)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => this.#interrupt())
    await runPool({ workers, jobs: jobs(), onResult: result => this.#take(result) })
    printCounts(this.#tally)
    const { commit, code } = this.#named
    console.log(`${tell({ commit, code, ...given, workers })}: ${this.#pace()}`)
    if (this.#stopped) exit(130)
  }

  #interrupt(): void {
    console.log('interrupted: what is under way ends; the same command goes on from the last whole piece')
    this.#stopped = true
  }

  /** False when enough is wrong, or somebody wants it to end. */
  #take(result: SeedResult): boolean {
    this.#done++
    this.#tally.add(result.counts)
    if (result.violation !== undefined) this.#tellViolation(result)
    const { seed } = result.shape
    const piece = this.#pieces.find(({ range }) => range[0] <= seed && seed <= range[1])
    if (piece !== undefined) this.#takeInto(piece, result)
    if (performance.now() - this.#toldAt > PROGRESS_MS) {
      this.#toldAt = performance.now()
      console.log(this.#pace())
    }
    return this.violations < this.#keep && !this.#stopped
  }

  #takeInto(piece: Piece, { shape, violation, counts }: SeedResult): void {
    piece.tally.add(counts)
    if (violation !== undefined) piece.failed.push(shape.seed)
    if (--piece.left > 0) return
    const [from, to] = piece.range
    const seconds = Math.round((performance.now() - this.#writtenAt) / 10) / 100
    this.#writtenAt = performance.now()
    const at = new Date().toISOString()
    const told = { from, to, failed: piece.failed, seconds, counts: piece.tally.counts, at }
    appendPiece(LEDGER, { ...this.#named, ...told })
  }

  #tellViolation(result: SeedResult): void {
    this.violations++
    console.error(tellViolation(result))
    console.error(`  transcript: ${writeTranscript(result, `${DIRECTORY}/simulation`)}`)
    console.error(`  for regressions.json: ${regressionLine(result, this.#named.commit)}\n`)
  }

  #pace(): string {
    const seconds = Math.round((performance.now() - this.#startedAt) / 10) / 100
    const rate = (this.#done / seconds).toFixed(1)
    return `${this.#done} of ${this.#count} seeds, ${this.violations} violations, ${rate} seeds/s, ${seconds} s`
  }
}

if (setting('SUM') === undefined && !argv.includes('--sum')) exit((await simulate()) === 0 ? 0 : 1)
else if (argv.includes('--json')) printRangeSum()
else printSum()
