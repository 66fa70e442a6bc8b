/**
 * `npm run simulate`: seeded clusters on virtual time, held to the invariants.
 *
 *   SEED     first seed, or the only one when SEEDS is not set (default 1)
 *   SEEDS    how many (default 1 with SEED, else 200)
 *   NODES    hosts in a cluster (default 8)
 *   SECONDS  virtual seconds of a run (default 60)
 *   PROFILE  mixed, mild, pauses, calm, or all: of ten seeds one calm, one pauses, two mild, six mixed (default all)
 *   WORKERS  threads (default: the CPU cores, at most SEEDS)
 *   KEEP     go on after this many violations (default 5)
 */
import { availableParallelism } from 'node:os'
import { env, exit, stdout } from 'node:process'
import { runPool } from './pool.ts'
import { PROFILES, type Profile, profileOf } from './schedule.ts'
import { type SeedOptions, type SeedResult, tellViolation } from './seed-run.ts'

const PROGRESS_MS = 5_000

const setting = (name: string): string | undefined => env[name] || undefined

function number(name: string, fallback: number): number {
  const text = setting(name)
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) {
    console.error(`${name}: expected a whole number from 1, got ${JSON.stringify(text)}`)
    exit(2)
  }
  return value
}

function profile(): Profile | 'all' {
  const text = setting('PROFILE') ?? 'all'
  const found = text === 'all' ? 'all' : PROFILES.find(name => name === text)
  if (found !== undefined) return found
  console.error(`PROFILE: expected ${PROFILES.join(', ')} or all, got ${JSON.stringify(text)}`)
  exit(2)
}

const first = number('SEED', 1)
const count = number('SEEDS', setting('SEED') === undefined ? 200 : 1)
const nodes = number('NODES', 8)
const seconds = number('SECONDS', 60)
const workers = Math.min(count, number('WORKERS', availableParallelism()))
const kept = number('KEEP', 5)
const wanted = profile()

function* jobs(): Generator<SeedOptions> {
  for (let seed = first; seed < first + count; seed++) {
    yield { seed, profile: wanted === 'all' ? profileOf(seed) : wanted, nodes, seconds }
  }
}

const startedAt = performance.now()
let toldAt = startedAt
let done = 0
let events = 0
let falseDeaths = 0
let runs = 0
let violations = 0

function pace(): string {
  const took = (performance.now() - startedAt) / 1000
  return `${done} of ${count} seeds, ${violations} violations, ${(done / took).toFixed(1)} seeds/s, ${took.toFixed(1)} s`
}

function take(result: SeedResult, options: SeedOptions): boolean {
  done++
  events += result.events
  falseDeaths += result.falseDeaths
  runs += result.runs
  if (result.violation !== undefined) {
    violations++
    console.error(`${tellViolation(result, options)}\n`)
  }
  if (performance.now() - toldAt > PROGRESS_MS) {
    toldAt = performance.now()
    console.log(pace())
  }
  return violations < kept
}

await runPool({ workers, jobs: jobs(), onResult: take })
stdout.write(
  `${pace()}\nprofile ${wanted}, seeds ${first} to ${first + done - 1}, ${nodes} nodes, ${seconds} virtual s, ` +
    `${workers} workers: ${events} events, ${runs} task runs, ${falseDeaths} sightings of false deaths under harsh faults\n`,
)
exit(violations === 0 ? 0 : 1)
